//! Tests of the HTTP API from outside: a request as text, the answer as text.

mod access;
mod audit;
mod bodies;
mod channel_modules;
mod channels;
mod commands;
mod documented;
mod events;
pub(crate) mod harness;
mod idempotency;
mod keys;
mod limits;
mod logs;
mod metrics;
mod modules;
mod moments;
mod socket;
mod strangers;
