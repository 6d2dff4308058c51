//! The API from outside: requests as text in, answers as text out.

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
