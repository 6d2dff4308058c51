//! Capability `commands`: what may be typed here.

pub use crate::bindings::twitchy::command::commands::{Listing, find, list_available};
