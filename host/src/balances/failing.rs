//! A provider that is always down, for tests of what a chatter is then answered.

use super::provider::{BalanceProvider, FindBalanceError, Found, Pending, Standing};
use crate::domain::id::{ChannelId, ChatterId};

pub(crate) struct FailingProvider;

impl BalanceProvider for FailingProvider {
    fn find(&self, _: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        Box::pin(async { Err(FindBalanceError::Unavailable("the provider is down".into())) })
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(async { Err(FindBalanceError::Unavailable("the provider is down".into())) })
    }
}
