//! The ledger as a provider.

use std::sync::Arc;

use super::provider::{Balance, BalanceProvider, FindBalanceError, Found, Pending, Standing};
use crate::domain::effect::Holder;
use crate::domain::id::{ChannelId, ChatterId};
use crate::store::{Store, StoreError};

/// Answers from the store. A chatter without an account has a balance of zero, which is no error.
pub struct LedgerProvider {
    store: Arc<Store>,
}

impl LedgerProvider {
    pub fn new(store: Arc<Store>) -> LedgerProvider {
        LedgerProvider { store }
    }
}

impl BalanceProvider for LedgerProvider {
    fn find(&self, channel: ChannelId, chatter: ChatterId) -> Pending<'_, Found> {
        Box::pin(async move {
            let currency = self.store.load_currency(channel).await?.name;
            let (revision, amount) = self.store.load_account(channel, Holder::Chatter(chatter)).await?;
            Ok(Found { balances: vec![Balance { currency, amount, estimated_usd: None }], revision: Some(revision) })
        })
    }

    fn top<'a>(&'a self, channel: ChannelId, currency: &'a str, limit: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(async move {
            if !self.store.load_currency(channel).await?.name.eq_ignore_ascii_case(currency) {
                return Err(FindBalanceError::UnknownCurrency);
            }
            let richest = self.store.list_top_accounts(channel, limit).await?;
            Ok(richest.into_iter().map(|(chatter, amount)| Standing { chatter, amount }).collect())
        })
    }
}

impl From<StoreError> for FindBalanceError {
    fn from(error: StoreError) -> Self {
        FindBalanceError::Unavailable(error.to_string())
    }
}
