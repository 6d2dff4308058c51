//! Capability `commands`: lists the commands that the invoking chatter may use in this channel, and no others.
//!
//! The creator of a channel grants it.
//!
//! ```no_run
//! use twitchy_sdk::{Invocation, Replies, answer, commands};
//!
//! fn list(invocation: &Invocation) -> Replies {
//!     let names = commands::list_available().into_iter().map(|listing| format!("{}{}", invocation.prefix, listing.name));
//!     answer(names.collect::<Vec<_>>().join(" "))
//! }
//!
//! fn explain(word: &str) -> Option<String> {
//!     commands::find(word).map(|listing| format!("{} {}: {}", listing.name, listing.usage, listing.summary))
//! }
//! ```

pub use crate::bindings::twitchy::command::commands::Listing;
pub use crate::host::commands::{find, list_available};
