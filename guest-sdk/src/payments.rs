//! Capability `payments`: moves the channel's own currency from the invoking chatter, and from nobody else.
//!
//! The creator of a channel grants it, and sets its caps: the most for one call, for one chatter in a day, and for a
//! day. An uploaded module moves nothing until they are set. The payee has to be named in the
//! message, or be the author of the message that it replies to.
//!
//! ```no_run
//! use twitchy_sdk::{Amount, CommandError, Invocation, Mention, Replies, answer, payments};
//!
//! fn give(invocation: &Invocation) -> Result<Replies, CommandError> {
//!     let mut arguments = invocation.arguments();
//!     let (whom, amount): (Mention, Amount) = (arguments.required("chatter")?, arguments.required("amount")?);
//!     arguments.end()?;
//!     let left = payments::transfer(&whom, &amount)?;
//!     Ok(answer(format!("{whom} has it; you have {left} left")))
//! }
//! ```

pub use crate::bindings::twitchy::command::types::PaymentError;
use crate::host::payments;
use crate::{Amount, CommandError, Mention};

/// Pays from the invoking chatter to another one. Returns the payer's new balance.
///
/// # Errors
/// If nothing was moved; `?` turns the error into a sentence for the chatter.
pub fn transfer(to: &Mention, amount: &Amount) -> Result<String, PaymentError> {
    payments::transfer(to.as_str(), amount.as_str())
}

/// Pays from the invoking chatter to the channel. Returns the payer's new balance.
///
/// ```
/// use twitchy_sdk::payments::{self, PaymentError};
/// use twitchy_sdk::{Amount, Argument};
///
/// fn buy_ticket() -> Result<String, PaymentError> {
///     let price = Amount::parse("5").ok_or(PaymentError::InvalidAmount)?;
///     payments::charge(&price)
/// }
/// ```
///
/// # Errors
/// As [`transfer`].
pub fn charge(amount: &Amount) -> Result<String, PaymentError> {
    payments::charge(amount.as_str())
}

impl From<PaymentError> for CommandError {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::UnknownChatter => Self::refused("I haven't seen that chatter here yet"),
            PaymentError::NotEnough => Self::refused("that is more than there is"),
            PaymentError::InvalidAmount => Self::usage("that amount cannot be paid"),
            PaymentError::NotAllowed(why) => Self::refused(why),
            PaymentError::Unavailable(why) => Self::unavailable(why),
        }
    }
}
