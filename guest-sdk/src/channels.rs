//! Capability `channels`: asks the bot into the invoking chatter's own channel, or out of it.
//!
//! The operator grants it. What was asked for happens after the call has returned `Ok`; so answer a place in the waiting
//! list with `Ok`, too, or it is lost.
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
//! ```

pub use crate::bindings::twitchy::command::channels::JoinError;
pub use crate::host::channels::{request_join, request_leave};
