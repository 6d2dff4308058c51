//! The API from outside: requests as text in, answers as text out.

mod access;
mod channel_modules;
mod channels;
mod documented;
mod events;
pub(crate) mod harness;
mod idempotency;
mod keys;
mod limits;
mod logs;
mod metrics;
mod modules;
mod socket;
mod strangers;
