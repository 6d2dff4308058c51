//! The trait that every source of balances implements.

use std::pin::Pin;

use crate::domain::amount::Amount;
use crate::domain::effect::Revision;
use crate::domain::id::{ChannelId, ChatterId};

/// An answer in flight.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, FindBalanceError>> + Send + 'a>>;

/// A source of balances. Its answers are observations, except the ledger's.
pub trait BalanceProvider: Send + Sync {
    fn find(&self, channel: ChannelId, chatter: ChatterId) -> Pending<'_, Found>;

    fn top<'a>(&'a self, channel: ChannelId, currency: &'a str, limit: usize) -> Pending<'a, Vec<Standing>>;
}

/// A chatter's balances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub balances: Vec<Balance>,
    /// The revision of the ledger's account, for the transaction to note; `None` from an outside provider.
    pub revision: Option<Revision>,
}

/// An amount of one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// `points`, or a coin's symbol.
    pub currency: Box<str>,
    pub amount: Amount,
    /// The provider's estimate of the worth in US dollars.
    pub estimated_usd: Option<Amount>,
}

/// A place in the list of the richest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub chatter: ChatterId,
    pub amount: Amount,
}

/// Why there is no balance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindBalanceError {
    #[error("unknown chatter")]
    UnknownChatter,
    #[error("unknown currency")]
    UnknownCurrency,
    /// The text is for the log.
    #[error("balances unavailable: {0}")]
    Unavailable(String),
}
