//! An outside provider of balances that answers.

use twitchy::balances::provider::{Balance, BalanceProvider, FindBalanceError, Found, Pending, Standing};
use twitchy::domain::id::{ChannelId, ChatterId};

/// Has several currencies, one of them with its value in dollars.
pub(super) struct RichProvider;

impl BalanceProvider for RichProvider {
    fn find(&self, _: ChannelId, _: ChatterId) -> Pending<'_, Found> {
        let balance = |currency: &str, amount: &str, dollars: Option<&str>| Balance {
            currency: currency.into(),
            amount: amount.parse().expect("a decimal number"),
            estimated_usd: dollars.map(|dollars| dollars.parse().expect("a decimal number")),
        };
        let balances =
            vec![balance("points", "120", None), balance("RLY", "2.5", Some("1.25")), balance("ABC", "3", None)];
        Box::pin(async { Ok(Found { balances, revision: None }) })
    }

    fn top<'a>(&'a self, _: ChannelId, _: &'a str, _: usize) -> Pending<'a, Vec<Standing>> {
        Box::pin(async { Err(FindBalanceError::UnknownCurrency) })
    }
}
