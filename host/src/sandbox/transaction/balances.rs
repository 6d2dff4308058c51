//! Capability `balances`: what chatters own.

use super::{HostCallError, Transaction};
use crate::balances::provider::{Balance, FindBalanceError};
use crate::domain::amount::Amount;
use crate::store::chatters::KnownChatter;

/// One of the richest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedChatter {
    pub chatter: KnownChatter,
    pub amount: Amount,
}

impl Transaction {
    pub async fn find_balance(&mut self, who: &str) -> Result<Vec<Balance>, HostCallError<FindBalanceError>> {
        let _ = who;
        todo!()
    }

    /// As committed: this run's own payments are not among it.
    pub async fn top_balances(
        &self,
        currency: &str,
        limit: u32,
    ) -> Result<Vec<RankedChatter>, HostCallError<FindBalanceError>> {
        let _ = (currency, limit);
        todo!()
    }
}
