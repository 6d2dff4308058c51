//! Capability `balances`: what chatters own.

use crate::CommandError;
pub use crate::bindings::twitchy::command::balances::{Balance, BalanceError, Standing, find, top};

impl From<BalanceError> for CommandError {
    fn from(error: BalanceError) -> Self {
        match error {
            BalanceError::UnknownChatter => Self::refused("I haven't seen that chatter here yet"),
            BalanceError::UnknownCurrency => Self::refused("there is no such currency here"),
            BalanceError::Unavailable(why) => Self::unavailable(why),
        }
    }
}
