//! Capability `treasury`: pays out the channel's own currency.
//!
//! The operator grants it, and sets its caps, as those of [`crate::payments`]; an upload pays nothing until they are set. Whoever
//! is paid has to be the chatter who called, be named in the message, or be the one it replies to.
//!
//! ```no_run
//! use twitchy_sdk::{Amount, Argument, CommandError, Invocation, Mention, Replies, answer, treasury};
//!
//! fn award_daily(invocation: &Invocation) -> Result<Replies, CommandError> {
//!     let (Some(whom), Some(amount)) = (Mention::parse(&invocation.chatter.login), Amount::parse("10")) else {
//!         return Err(CommandError::unavailable("no login, or no amount"));
//!     };
//!     let balance = treasury::award(&whom, &amount)?;
//!     Ok(answer(format!("here are {amount}; you have {balance} now")))
//! }
//! ```

use crate::host::treasury;
use crate::payments::PaymentError;
use crate::{Amount, Mention};

/// From what the channel took in by [`crate::payments::charge`]. Returns the chatter's new balance.
///
/// # Errors
/// Where nothing was moved; `?` makes it a sentence for the chatter.
pub fn pay(to: &Mention, amount: &Amount) -> Result<String, PaymentError> {
    treasury::pay(to.as_str(), amount.as_str())
}

/// Makes currency. Returns the chatter's new balance.
///
/// # Errors
/// As [`pay`].
pub fn award(to: &Mention, amount: &Amount) -> Result<String, PaymentError> {
    treasury::award(to.as_str(), amount.as_str())
}
