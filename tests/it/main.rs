//! The integration tests, in one binary. They use no outside network and do not sleep.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod broken;
mod calls;
mod dispatch;
mod harness;
mod house;
mod http;
mod limits;
mod load;
mod manual_tenure;
mod resting;
mod sandbox;
mod transcripts;
mod versions_under_load;
mod web;
mod workshop;
