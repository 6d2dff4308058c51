//! Capability `treasury`: pays out the channel's own currency. Privileged.

use crate::bindings::twitchy::command::treasury;
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
