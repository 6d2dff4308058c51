//! Capability `coins`: facts about a coin, from the operator's balance provider.
//!
//! The creator of a channel grants it. This host has no such provider yet: every answer is [`CoinError::Unavailable`],
//! which `?` turns into an apology in chat.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, Replies, answer, coins};
//!
//! fn tell_price(symbol: &str) -> Result<Replies, CommandError> {
//!     let price = coins::price(symbol)?;
//!     Ok(answer(format!("one {} costs {} US dollars", price.symbol, price.in_usd)))
//! }
//!
//! fn tell_holders(symbol: &str) -> Result<Replies, CommandError> {
//!     Ok(answer(format!("{} hold it", coins::summary(symbol)?.supporters)))
//! }
//! ```

use crate::CommandError;
pub use crate::bindings::twitchy::command::coins::{CoinError, CoinPrice, CoinSummary};
pub use crate::host::coins::{price, summary};

impl From<CoinError> for CommandError {
    fn from(error: CoinError) -> Self {
        match error {
            CoinError::UnknownCoin => Self::refused("I don't know that coin"),
            CoinError::Unavailable(why) => Self::unavailable(why),
        }
    }
}
