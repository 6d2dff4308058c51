//! Breaks every rule over the in-memory connection with a paused clock, and tests the program.

mod client;
mod faults;
mod joining;
mod login;
mod messages;
mod modes;
mod policy;
#[cfg(feature = "server")]
mod program;
mod sending;
