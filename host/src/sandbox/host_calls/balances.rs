//! `balances`: may wait, for a provider outside.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::balances::{Balance, BalanceError, Host, Standing};
use crate::sandbox::run::door::{Run, told};
use crate::sandbox::transaction::balances::RankedChatter;
use crate::{balances::provider, sandbox::transaction::HostCallError};

impl Host for Run {
    async fn find(&mut self, chatter: String) -> wasmtime::Result<Result<Vec<Balance>, BalanceError>> {
        let found = self.enter(Capability::Balances)?.find_balance(&chatter).await;
        told(found.map(|balances| balances.into_iter().map(Balance::from).collect()))
    }

    async fn top(&mut self, currency: String, limit: u32) -> wasmtime::Result<Result<Vec<Standing>, BalanceError>> {
        let ranked: Result<Vec<RankedChatter>, HostCallError<provider::FindBalanceError>> =
            self.enter(Capability::Balances)?.top_balances(&currency, limit).await;
        told(ranked.map(|ranked| ranked.into_iter().map(Standing::from).collect()))
    }
}

impl From<provider::Balance> for Balance {
    fn from(balance: provider::Balance) -> Self {
        Balance {
            currency: balance.currency.into(),
            amount: balance.amount.to_string(),
            estimated_usd: balance.estimated_usd.map(|amount| amount.to_string()),
        }
    }
}

impl From<RankedChatter> for Standing {
    fn from(ranked: RankedChatter) -> Self {
        Standing {
            chatter_id: ranked.chatter.id.to_string(),
            chatter_login: ranked.chatter.login.to_string(),
            display_name: ranked.chatter.display_name.into(),
            amount: ranked.amount.to_string(),
        }
    }
}

impl From<provider::FindBalanceError> for BalanceError {
    fn from(error: provider::FindBalanceError) -> Self {
        match error {
            provider::FindBalanceError::UnknownChatter => BalanceError::UnknownChatter,
            provider::FindBalanceError::UnknownCurrency => BalanceError::UnknownCurrency,
            provider::FindBalanceError::Unavailable(why) => BalanceError::Unavailable(why),
        }
    }
}
