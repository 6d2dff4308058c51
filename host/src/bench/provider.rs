//! A provider of balances for rehearsals and tests.

use crate::balances::provider::{BalanceProvider, FindBalanceError, Found, Pending, Standing};
use crate::domain::id::{ChannelId, ChatterId};

/// A provider of balances that is always down.
pub struct FailingProvider;

impl BalanceProvider for FailingProvider {
    fn find(&self, _: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        Box::pin(async { Err(FindBalanceError::Unavailable("the provider is down".into())) })
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(async { Err(FindBalanceError::Unavailable("the provider is down".into())) })
    }
}
