//! Capability `chatters`: finds chatters who have written in this channel.
//!
//! The creator of a channel grants it. A chatter is named by login, by a display name that only one chatter here has,
//! or by [`crate::Chatter::reference`]. Store chatters by their id: Twitch recycles logins.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, Invocation, Mention, Replies, answer, chatters};
//!
//! fn wave(invocation: &Invocation) -> Result<Replies, CommandError> {
//!     let whom: Mention = invocation.arguments().required("chatter")?;
//!     match chatters::find(whom.as_str()) {
//!         Some(known) => Ok(answer(format!("waves at {}", known.display_name))),
//!         None => Err(CommandError::refused("I haven't seen that chatter here yet")),
//!     }
//! }
//! ```

pub use crate::bindings::twitchy::command::chatters::KnownChatter;
pub use crate::host::chatters::find;
