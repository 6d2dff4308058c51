//! Capability `treasury`: pays out the channel's own currency.
//!
//! The operator grants it, and sets its caps like those of [`crate::payments`]; an uploaded module pays nothing until
//! then. The payee must be the caller, be named in the message, or have written the message that it replies to.
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

/// Pays from what the channel took in by [`crate::payments::charge`]. Returns the payee's new balance.
///
/// ```
/// use twitchy_sdk::payments::PaymentError;
/// use twitchy_sdk::{Amount, Mention, treasury};
///
/// fn pay_prize(winner: &Mention, prize: &Amount) -> Result<String, PaymentError> {
///     treasury::pay(winner, prize)
/// }
/// ```
///
/// # Errors
/// If nothing was moved; `?` turns the error into a sentence for the chatter.
pub fn pay(to: &Mention, amount: &Amount) -> Result<String, PaymentError> {
    treasury::pay(to.as_str(), amount.as_str())
}

/// Creates currency and pays it to a chatter. Returns the payee's new balance.
///
/// # Errors
/// As [`pay`].
pub fn award(to: &Mention, amount: &Amount) -> Result<String, PaymentError> {
    treasury::award(to.as_str(), amount.as_str())
}
