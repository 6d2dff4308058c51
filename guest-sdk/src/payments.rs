//! Capability `payments`: moves the channel's own currency of whoever called.

use crate::bindings::twitchy::command::payments;
pub use crate::bindings::twitchy::command::types::PaymentError;
use crate::{Amount, CommandError, Mention};

/// From the invoking chatter to another. Returns what the payer has left.
///
/// # Errors
/// Where nothing was moved; `?` makes it a sentence for the chatter.
pub fn transfer(to: &Mention, amount: &Amount) -> Result<String, PaymentError> {
    payments::transfer(to.as_str(), amount.as_str())
}

/// From the invoking chatter to the channel. Returns what the payer has left.
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
