//! twitchy, a WebAssembly-scriptable command host for Twitch.

pub mod app;
pub mod balances;
pub mod chat;
pub mod cli;
pub mod config;
pub mod domain;
pub mod joining;
pub mod sandbox;
pub mod setup;
pub mod store;
pub mod transcript;
pub mod twitch;
