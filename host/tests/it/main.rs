//! The program as a process: what somebody who types its name sees.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, and says where")]

mod accounts;
mod api_key;
mod check_config;
mod database;
mod demo;
mod killed;
mod log;
mod module;
mod modules;
mod process;
mod serve;
mod status;
mod tls;
mod traces;
#[cfg(target_os = "linux")]
mod unwritable;
