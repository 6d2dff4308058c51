//! Capability `balances`: what chatters own.

use super::chatters::Reference;
use super::{HostCallError, Transaction};
use crate::balances::provider::{Balance, FindBalanceError};
use crate::domain::amount::Amount;
use crate::domain::effect::{Holder, Scope};
use crate::domain::manifest::Capability;
use crate::store::chatters::KnownChatter;

const MOST_RANKS: u32 = 100;

/// One of the richest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankedChatter {
    pub chatter: KnownChatter,
    pub amount: Amount,
}

impl Transaction {
    pub async fn find_balance(&mut self, who: &str) -> Result<Vec<Balance>, HostCallError<FindBalanceError>> {
        self.require(Capability::Balances)?;
        let channel = self.channel();
        let chatter = self.resolve(who)?.ok_or(HostCallError::Told(FindBalanceError::UnknownChatter))?.id;
        let found = self.world.balances.find(channel, chatter).await.map_err(HostCallError::Told)?;
        let mut balances = found.balances;
        if let Some(revision) = found.revision {
            let holder = Holder::Chatter(chatter);
            self.note(Scope::Account { channel, holder }, revision)?;
            for balance in &mut balances {
                let own = self.ledger.applied_to(holder, balance.amount);
                balance.amount = own.ok_or_else(too_large)?;
            }
        }
        Ok(balances)
    }

    /// As committed: this run's own payments are not among it.
    pub async fn top_balances(
        &self,
        currency: &str,
        limit: u32,
    ) -> Result<Vec<RankedChatter>, HostCallError<FindBalanceError>> {
        self.require(Capability::Balances)?;
        let limit = limit.min(MOST_RANKS) as usize;
        let standings = self.world.balances.top(self.channel(), currency, limit).await.map_err(HostCallError::Told)?;
        let mut ranked = Vec::with_capacity(standings.len());
        for standing in standings {
            // Somebody who never spoke here has no name that could be shown.
            if let Some(chatter) = self.resolve(&Reference::Id(standing.chatter).to_string())? {
                ranked.push(RankedChatter { chatter, amount: standing.amount });
            }
        }
        Ok(ranked)
    }
}

fn too_large() -> HostCallError<FindBalanceError> {
    HostCallError::Told(FindBalanceError::Unavailable("an amount that is too large".to_owned()))
}
