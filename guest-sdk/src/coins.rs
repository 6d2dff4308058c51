//! Capability `coins`: facts about a coin, from the operator's balance provider.

use crate::CommandError;
pub use crate::bindings::twitchy::command::coins::{CoinError, CoinPrice, CoinSummary, price, summary};

impl From<CoinError> for CommandError {
    fn from(error: CoinError) -> Self {
        match error {
            CoinError::UnknownCoin => Self::refused("I don't know that coin"),
            CoinError::Unavailable(why) => Self::unavailable(why),
        }
    }
}
