//! Capability `balances`: what chatters own.

use super::chatters::Reference;
use super::{HostCallError, Transaction};
use crate::balances::provider::{Balance, FindBalanceError};
use crate::domain::amount::Amount;
use crate::domain::effect::{Holder, Scope};
use crate::domain::manifest::Capability;
use crate::store::channel::chatters::KnownChatter;

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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::super::fixture::{Bench, SHOP, Terms, told};
    use super::*;
    use crate::balances::failing::FailingProvider;
    use crate::balances::provider::BalanceProvider;
    use crate::domain::effect::Committed;

    fn amounts(bench: &Bench, run: &mut Transaction, who: &str) -> Vec<String> {
        let balances = bench.wait(run.find_balance(who)).unwrap();
        balances.iter().map(|balance| format!("{} {}", balance.amount, balance.currency)).collect()
    }

    #[test]
    fn a_balance_holds_what_this_run_paid() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("alice", "@bob");
        run.transfer("bob", "30").unwrap();
        assert_eq!(amounts(&bench, &mut run, "alice"), ["70 points"]);
        assert_eq!(amounts(&bench, &mut run, "@bob"), ["130 points"]);
        assert_eq!(amounts(&bench, &mut run, "id:3"), ["100 points"]);
        assert_eq!(told(bench.wait(run.find_balance("nobody"))), FindBalanceError::UnknownChatter);
    }

    #[test]
    fn a_balance_that_was_told_is_checked_where_something_is_written() {
        let bench = Bench::new(Terms::default());
        let mut telling = bench.run("alice", "@bob");
        let told = amounts(&bench, &mut telling, "bob");
        telling.save("told", told.concat().into_bytes()).unwrap();
        let mut paying = bench.run("carol", "@bob");
        paying.transfer("bob", "1").unwrap();
        assert_eq!([bench.commit(paying), bench.commit(telling)], [Committed::Done, Committed::Conflict]);
    }

    #[test]
    fn the_richest_are_named() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("alice", "@bob");
        run.transfer("bob", "30").unwrap();
        assert_eq!(bench.commit(run), Committed::Done);
        let top = bench.wait(bench.run("alice", "").top_balances("POINTS", 2)).unwrap();
        let top: Vec<_> = top.iter().map(|ranked| (ranked.chatter.login.as_str(), ranked.amount.to_string())).collect();
        assert_eq!(top, [("bob", "130".to_owned()), ("carol", "100".to_owned())]);
        let unknown = told(bench.wait(bench.run("alice", "").top_balances("gold", 2)));
        assert_eq!(unknown, FindBalanceError::UnknownCurrency);
    }

    #[test]
    fn a_provider_that_is_down_is_told_as_such() {
        let outside: Arc<dyn BalanceProvider> = Arc::new(FailingProvider);
        let bench = Bench::new(Terms { outside: HashMap::from([(SHOP, outside)]), ..Terms::default() });
        let mut run = bench.run("alice", "");
        assert!(matches!(told(bench.wait(run.find_balance("bob"))), FindBalanceError::Unavailable(_)));
    }
}
