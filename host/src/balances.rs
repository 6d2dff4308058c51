//! Chatters' balances: from the ledger or an outside provider, behind one trait.
//!
//! Guarantees: a provider that is down results in an error, and only for its own channels. Not here: writing (a payment
//! is an effect of a transaction, and only the ledger accepts payments), time limits (the invocation's deadline covers
//! every call) and caching.

pub mod ledger;
pub mod payment;
pub mod provider;

use std::collections::HashMap;
use std::sync::Arc;

use self::ledger::LedgerProvider;
use self::provider::{BalanceProvider, FindBalanceError, Found, Standing};
use crate::domain::id::{ChannelId, ChatterId};
use crate::store::Store;

/// Chooses the provider of each channel.
pub struct Balances {
    ledger: LedgerProvider,
    outside: HashMap<ChannelId, Arc<dyn BalanceProvider>>,
}

impl Balances {
    /// The channels in `outside` have a provider of their own, all others the ledger.
    pub fn new(store: Arc<Store>, outside: HashMap<ChannelId, Arc<dyn BalanceProvider>>) -> Balances {
        Balances { ledger: LedgerProvider::new(store), outside }
    }

    /// Whether the channel's currency is in our own ledger, so that payments are possible.
    pub fn is_ledger(&self, channel: ChannelId) -> bool {
        !self.outside.contains_key(&channel)
    }

    /// A chatter's balances in a channel.
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

#[cfg(test)]
mod tests {
    use super::provider::Balance;
    use super::*;
    use crate::bench::provider::FailingProvider;
    use crate::domain::effect::Revision;
    use crate::store::fixture::{CHANNEL, Fixture};

    const ALICE: ChatterId = ChatterId(1);

    async fn ledger() -> (Fixture, Balances) {
        let fixture = Fixture::with_channel().await;
        fixture.store.seed_balance(CHANNEL, ALICE, "5".parse().unwrap()).await.unwrap();
        let balances = Balances::new(Arc::clone(&fixture.store), HashMap::new());
        (fixture, balances)
    }

    #[tokio::test]
    async fn the_ledger_tells_amount_and_revision_and_zero_for_a_stranger() {
        let (_fixture, balances) = ledger().await;
        let points = |amount: &str, revision| Found {
            balances: vec![Balance { currency: "points".into(), amount: amount.parse().unwrap(), estimated_usd: None }],
            revision: Some(Revision(revision)),
        };
        assert!(balances.is_ledger(CHANNEL));
        assert_eq!(balances.find(CHANNEL, ALICE).await, Ok(points("5", 1)));
        assert_eq!(balances.find(CHANNEL, ChatterId(2)).await, Ok(points("0", 0)));
    }

    #[tokio::test]
    async fn the_top_of_a_currency_that_does_not_exist_is_unknown() {
        let (_fixture, balances) = ledger().await;
        let top = vec![Standing { chatter: ALICE, amount: "5".parse().unwrap() }];
        assert_eq!(balances.top(CHANNEL, "Points", 10).await, Ok(top));
        assert_eq!(balances.top(CHANNEL, "doubloons", 10).await, Err(FindBalanceError::UnknownCurrency));
    }

    #[tokio::test]
    async fn a_provider_that_is_down_is_an_answer_for_its_channel_only() {
        let fixture = Fixture::with_channel().await;
        let failing: Arc<dyn BalanceProvider> = Arc::new(FailingProvider);
        let balances = Balances::new(Arc::clone(&fixture.store), [(ChannelId(8), failing)].into());
        let down = FindBalanceError::Unavailable("the provider is down".into());
        assert!(!balances.is_ledger(ChannelId(8)));
        assert_eq!(balances.find(ChannelId(8), ALICE).await, Err(down.clone()));
        assert_eq!(balances.top(ChannelId(8), "points", 10).await, Err(down));
        assert!(balances.find(CHANNEL, ALICE).await.is_ok());
    }
}
