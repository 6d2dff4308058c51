//! What chatters own: the ledger, or an outside provider, behind one trait.
//!
//! Promised: a provider that is down is an answer, never a hang of its own making. Absent: writing (payments are effects of a
//! transaction, and only the ledger takes them) and caching.

pub mod ledger;
pub mod payment;
pub mod provider;

use std::collections::HashMap;
use std::sync::Arc;

use self::ledger::LedgerProvider;
use self::provider::{BalanceProvider, FindBalanceError, Found, Standing};
use crate::domain::id::{ChannelId, ChatterId};
use crate::store::Store;

/// Which provider answers for which channel.
pub struct Balances {
    ledger: LedgerProvider,
    outside: HashMap<ChannelId, Arc<dyn BalanceProvider>>,
}

impl Balances {
    /// The channels in `outside` have a provider of their own, all others the ledger.
    pub fn new(store: Arc<Store>, outside: HashMap<ChannelId, Arc<dyn BalanceProvider>>) -> Balances {
        Balances { ledger: LedgerProvider::new(store), outside }
    }

    /// Whether the channel's currency is in our own ledger, so that it can be paid with.
    pub fn is_ledger(&self, channel: ChannelId) -> bool {
        !self.outside.contains_key(&channel)
    }

    /// What a chatter owns in a channel.
    pub async fn find(&self, channel: ChannelId, chatter: ChatterId) -> Result<Found, FindBalanceError> {
        self.provider(channel).find(channel, chatter).await
    }

    /// The richest chatters of a channel in one currency, richest first.
    pub async fn top(
        &self,
        channel: ChannelId,
        currency: &str,
        limit: usize,
    ) -> Result<Vec<Standing>, FindBalanceError> {
        self.provider(channel).top(channel, currency, limit).await
    }

    fn provider(&self, channel: ChannelId) -> &dyn BalanceProvider {
        self.outside.get(&channel).map_or(&self.ledger, |provider| provider.as_ref())
    }
}
