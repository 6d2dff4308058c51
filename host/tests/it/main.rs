//! Tests of the program as a process, seen from outside: arguments, output, exit codes, signals.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, and says where")]

mod accounts;
mod api_key;
mod author;
mod call;
mod check_config;
mod database;
mod demo;
mod killed;
mod large;
mod log;
#[cfg(target_os = "linux")]
mod mistakes;
mod module;
mod modules;
mod process;
mod project;
mod rehearsal;
mod serve;
mod status;
mod status_socket;
mod tls;
mod traces;
mod unread;
#[cfg(target_os = "linux")]
mod unwritable;
