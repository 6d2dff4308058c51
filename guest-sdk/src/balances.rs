//! Capability `balances`: reads what chatters own. [`crate::payments`] and [`crate::treasury`] move currency.
//!
//! The creator of a channel grants it. A chatter is named by login, or by [`crate::Chatter::reference`]. The channel's
//! own currency comes first, even if the balance is 0.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, Invocation, Replies, answer, balances};
//!
//! fn tell_balance(invocation: &Invocation) -> Result<Replies, CommandError> {
//!     let owned = balances::find(&invocation.chatter.reference())?;
//!     let owned: Vec<String> = owned.iter().map(|it| format!("{} {}", it.amount, it.currency)).collect();
//!     Ok(answer(format!("you have {}", owned.join(", "))))
//! }
//!
//! fn tell_richest() -> Result<Replies, CommandError> {
//!     let richest = balances::top("points", 3)?;
//!     let names: Vec<String> = richest.into_iter().map(|standing| standing.display_name).collect();
//!     Ok(answer(names.join(", ")))
//! }
//! ```

use crate::CommandError;
pub use crate::bindings::twitchy::command::balances::{Balance, BalanceError, Standing};
pub use crate::host::balances::{find, top};

impl From<BalanceError> for CommandError {
    fn from(error: BalanceError) -> Self {
        match error {
            BalanceError::UnknownChatter => Self::refused("I haven't seen that chatter here yet"),
            BalanceError::UnknownCurrency => Self::refused("there is no such currency here"),
            BalanceError::Unavailable(why) => Self::unavailable(why),
        }
    }
}
