//! Capability `channels`: asks the bot into the invoking chatter's own channel, or out of it.

pub use crate::bindings::twitchy::command::channels::{JoinError, request_join, request_leave};
