//! Capability `chatters`: who has been seen in this channel.

pub use crate::bindings::twitchy::command::chatters::{KnownChatter, find};
