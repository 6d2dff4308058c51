//! The tests of the whole, in one binary: no outside network, no sleeping.
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
