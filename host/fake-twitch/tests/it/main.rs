//! Breaks every rule of chat and of id.twitch.tv over the in-memory connection with a paused clock, and tests the program.

mod authorize;
mod client;
mod devices;
mod faults;
mod id_faults;
mod joining;
mod login;
mod messages;
mod modes;
mod policy;
#[cfg(feature = "server")]
mod program;
mod sending;
mod tokens;
mod web_client;
