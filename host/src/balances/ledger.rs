//! The ledger as a provider.

use std::sync::Arc;

use super::provider::{Balance, BalanceProvider, FindBalanceError, Found, Pending, Standing};
use crate::domain::effect::Holder;
use crate::domain::id::{ChannelId, ChatterId};
use crate::store::{Store, StoreError};

/// Answers from the store. A chatter without an account has nothing, which is an answer.
pub struct LedgerProvider {
    store: Arc<Store>,
}

impl LedgerProvider {
    pub fn new(store: Arc<Store>) -> LedgerProvider {
        LedgerProvider { store }
    }

    fn find_now(&self, channel: ChannelId, chatter: ChatterId) -> Result<Found, FindBalanceError> {
        let currency = self.store.load_currency(channel)?.name;
        let (revision, amount) = self.store.load_account(channel, Holder::Chatter(chatter))?;
        Ok(Found { balances: vec![Balance { currency, amount, estimated_usd: None }], revision: Some(revision) })
    }

    fn top_now(&self, channel: ChannelId, currency: &str, limit: usize) -> Result<Vec<Standing>, FindBalanceError> {
        if !self.store.load_currency(channel)?.name.eq_ignore_ascii_case(currency) {
            return Err(FindBalanceError::UnknownCurrency);
        }
        let richest = self.store.list_top_accounts(channel, limit)?;
        Ok(richest.into_iter().map(|(chatter, amount)| Standing { chatter, amount }).collect())
    }
}

impl BalanceProvider for LedgerProvider {
    fn find(&self, channel: ChannelId, chatter: ChatterId) -> Pending<'_, Found> {
        Box::pin(async move { self.find_now(channel, chatter) })
    }

    fn top<'a>(&'a self, channel: ChannelId, currency: &'a str, limit: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(async move { self.top_now(channel, currency, limit) })
    }
}

impl From<StoreError> for FindBalanceError {
    fn from(error: StoreError) -> Self {
        FindBalanceError::Unavailable(error.to_string())
    }
}
