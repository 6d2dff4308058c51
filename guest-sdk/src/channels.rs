//! Capability `channels`: asks the bot to join the invoking chatter's own channel, or to leave it.
//!
//! The operator grants it. The request takes effect after the call has returned `Ok`. Answer a place in the waiting
//! list with `Ok` too: after an error the place is lost.
//!
//! ```no_run
//! use twitchy_sdk::channels::{self, JoinError};
//! use twitchy_sdk::{CommandError, Replies, answer};
//!
//! fn join() -> Result<Replies, CommandError> {
//!     match channels::request_join() {
//!         Ok(()) => Ok(answer("I'm on my way")),
//!         Err(JoinError::JoinedAlready) => Ok(answer("I'm there already")),
//!         Err(JoinError::NeedsConsent(address)) => Ok(answer(format!("please allow it first: {address}"))),
//!         Err(JoinError::Waiting(place)) => Ok(answer(format!("you are number {place} in line"))),
//!         Err(JoinError::Refused(why)) => Err(CommandError::refused(why)),
//!         Err(JoinError::Unavailable(why)) => Err(CommandError::unavailable(why)),
//!     }
//! }
//!
//! fn leave() -> Replies {
//!     answer(if channels::request_leave() { "bye" } else { "I wasn't there" })
//! }
//! ```

pub use crate::bindings::twitchy::command::channels::JoinError;
pub use crate::host::channels::{request_join, request_leave};
