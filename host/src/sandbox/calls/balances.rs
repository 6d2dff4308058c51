//! Capability `balances`: reads what chatters own. Waits for the network if an outside provider keeps the balances.

use super::chatters::{Reference, resolve};
use super::error::{ContractError, HostCallError, split};
use super::run::Run;
use super::transaction::Transaction;
use crate::balances::provider;
use crate::domain::effect::{Holder, Scope};
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::balances::{Balance, BalanceError, Host, Standing};

const MOST_RANKS: u32 = 100;

impl Host for Run {
    async fn find(&mut self, chatter: String) -> wasmtime::Result<Result<Vec<Balance>, BalanceError>> {
        let found = split(find(self.enter(Capability::Balances, "find")?, &chatter).await)?;
        Ok(found.map(|balances| balances.into_iter().map(Balance::from).collect()))
    }

    async fn top(&mut self, currency: String, limit: u32) -> wasmtime::Result<Result<Vec<Standing>, BalanceError>> {
        Ok(split(top(self.enter(Capability::Balances, "top")?, &currency, limit).await)?)
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

impl ContractError for BalanceError {}

impl From<provider::FindBalanceError> for HostCallError<BalanceError> {
    fn from(error: provider::FindBalanceError) -> Self {
        HostCallError::Returned(match error {
            provider::FindBalanceError::UnknownChatter => BalanceError::UnknownChatter,
            provider::FindBalanceError::UnknownCurrency => BalanceError::UnknownCurrency,
            provider::FindBalanceError::Unavailable(why) => BalanceError::Unavailable(why),
        })
    }
}

pub(super) async fn find(
    run: &mut Transaction,
    who: &str,
) -> Result<Vec<provider::Balance>, HostCallError<BalanceError>> {
    let channel = run.channel();
    let chatter = resolve(run, who).await?.ok_or(BalanceError::UnknownChatter)?.id;
    let found = run.world().balances.find(channel, chatter).await?;
    let mut balances = found.balances;
    if let Some(revision) = found.revision {
        let holder = Holder::Chatter(chatter);
        run.note(Scope::Account { channel, holder }, revision)?;
        for balance in &mut balances {
            let own = run.ledger().applied_to(holder, balance.amount);
            balance.amount = own.ok_or_else(too_large)?;
        }
    }
    Ok(balances)
}

/// The richest chatters first, by committed balances: this run's own payments are left out.
async fn top(run: &Transaction, currency: &str, limit: u32) -> Result<Vec<Standing>, HostCallError<BalanceError>> {
    let limit = limit.min(MOST_RANKS) as usize;
    let standings = run.world().balances.top(run.channel(), currency, limit).await?;
    let mut ranked = Vec::with_capacity(standings.len());
    for standing in standings {
        // A chatter who never wrote here has no known name to show.
        if let Some(chatter) = resolve(run, &Reference::Id(standing.chatter).to_string()).await? {
            ranked.push(Standing {
                chatter_id: chatter.id.to_string(),
                chatter_login: chatter.login.to_string(),
                display_name: chatter.display_name.into(),
                amount: standing.amount.to_string(),
            });
        }
    }
    Ok(ranked)
}

fn too_large() -> BalanceError {
    BalanceError::Unavailable("an amount that is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::super::fixture::{Fixture, SHOP, error_of};
    use super::super::{payments, storage};
    use super::*;
    use crate::balances::provider::BalanceProvider;
    use crate::bench::BenchOptions;
    use crate::bench::provider::FailingProvider;
    use crate::domain::effect::Committed;
    use crate::testing::at_once;

    fn amounts(bench: &Fixture, run: &mut Transaction, who: &str) -> Vec<String> {
        let balances = bench.wait(find(run, who)).unwrap();
        balances.iter().map(|balance| format!("{} {}", balance.amount, balance.currency)).collect()
    }

    #[test]
    fn a_balance_holds_what_this_run_paid() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("alice", "@bob");
        at_once(payments::transfer(&mut run, "bob", "30")).unwrap();
        assert_eq!(amounts(&bench, &mut run, "alice"), ["70 points"]);
        assert_eq!(amounts(&bench, &mut run, "@bob"), ["130 points"]);
        assert_eq!(amounts(&bench, &mut run, "id:3"), ["100 points"]);
        assert_eq!(error_of(bench.wait(find(&mut run, "nobody"))), BalanceError::UnknownChatter);
    }

    #[test]
    fn a_balance_that_was_read_is_checked_where_something_is_written() {
        let bench = Fixture::new(BenchOptions::default());
        let mut telling = bench.run("alice", "@bob");
        let known = amounts(&bench, &mut telling, "bob");
        at_once(storage::save(&mut telling, "told", known.concat().into_bytes())).unwrap();
        let mut paying = bench.run("carol", "@bob");
        at_once(payments::transfer(&mut paying, "bob", "1")).unwrap();
        assert_eq!([bench.commit(paying), bench.commit(telling)], [Committed::Done, Committed::Conflict]);
    }

    #[test]
    fn the_richest_are_named() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("alice", "@bob");
        at_once(payments::transfer(&mut run, "bob", "30")).unwrap();
        assert_eq!(bench.commit(run), Committed::Done);
        let ranked = bench.wait(top(&bench.run("alice", ""), "POINTS", 2)).unwrap();
        let ranked: Vec<_> =
            ranked.iter().map(|ranked| (ranked.chatter_login.as_str(), ranked.amount.as_str())).collect();
        assert_eq!(ranked, [("bob", "130"), ("carol", "100")]);
        let unknown = error_of(bench.wait(top(&bench.run("alice", ""), "gold", 2)));
        assert_eq!(unknown, BalanceError::UnknownCurrency);
    }

    #[test]
    fn a_provider_that_is_down_is_reported_as_such() {
        let outside: Arc<dyn BalanceProvider> = Arc::new(FailingProvider);
        let bench = Fixture::new(BenchOptions { outside: HashMap::from([(SHOP, outside)]), ..BenchOptions::default() });
        let mut run = bench.run("alice", "");
        assert!(matches!(error_of(bench.wait(find(&mut run, "bob"))), BalanceError::Unavailable(_)));
    }
}
