//! twitchy, a WebAssembly-scriptable command host for Twitch.

pub mod balances;
pub mod config;
pub mod domain;
pub mod joining;
pub mod sandbox;
pub mod setup;
pub mod store;
pub mod twitch;
