//! Breaks every rule over the in-memory connection with a paused clock, and tests the program.

mod client;
mod joining;
mod login;
mod modes;
mod policy;
#[cfg(feature = "server")]
mod program;
mod sending;
mod speech;
mod trouble;
