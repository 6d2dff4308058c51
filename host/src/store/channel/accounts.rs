//! The ledger: double entry, in whole numbers of the currency's smallest unit.

use std::time::SystemTime;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, params};

use crate::domain::amount::Amount;
use crate::domain::effect::{Committed, Holder, Revision, Scope};
use crate::domain::id::{ChannelId, ChatterId, InvocationId, ModuleName};
use crate::domain::manifest::Budget;
use crate::store::error::StoreError;
use crate::store::sqlite::columns::{At, holder_columns};
use crate::store::sqlite::savepoint::Abort;
use crate::store::sqlite::scopes;
use crate::store::sqlite::sql::{execute, find_row, list_rows};

/// Most rows of a listing, whatever limit the caller asks for.
const MOST_ROWS: usize = 100;

/// A channel's own currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// The currency's name, for example `points`.
    pub name: Box<str>,
    /// Digits after the decimal point: 0 to 18.
    pub decimals: u8,
}

impl Default for Currency {
    fn default() -> Self {
        Self { name: "points".into(), decimals: 0 }
    }
}

/// The amounts that a module moved in a channel since some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spending {
    pub revision: Revision,
    /// Moved by calls of one chatter.
    pub by_caller: Amount,
    pub by_all: Amount,
}

pub(crate) fn load_account(
    connection: &Connection,
    channel: ChannelId,
    holder: Holder,
) -> rusqlite::Result<(Revision, Amount)> {
    let (kind, chatter) = holder_columns(holder);
    let sql = "SELECT a.revision, a.units, c.decimals FROM accounts AS a JOIN channels AS c USING (channel_id)
         WHERE a.channel_id = ?1 AND a.kind = ?2 AND a.chatter_id = ?3";
    let found = find_row(connection, sql, params![channel, kind, chatter], |row| {
        Ok((row.get(0)?, Amount::from_units(row.get::<_, i64>(1)?, row.get(2)?)))
    })?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn list_top_accounts(
    connection: &Connection,
    channel: ChannelId,
    limit: usize,
) -> rusqlite::Result<Vec<(ChatterId, Amount)>> {
    let sql = "SELECT a.chatter_id, a.units, c.decimals FROM accounts AS a JOIN channels AS c USING (channel_id)
         WHERE a.channel_id = ?1 AND a.kind = 'chatter' AND a.units > 0
         ORDER BY a.units DESC, a.chatter_id LIMIT ?2";
    list_rows(connection, sql, params![channel, limit.min(MOST_ROWS) as i64], |row| {
        Ok((row.get(0)?, Amount::from_units(row.get::<_, i64>(1)?, row.get(2)?)))
    })
}

pub(crate) fn find_currency(connection: &Connection, channel: ChannelId) -> rusqlite::Result<Option<Currency>> {
    let sql = "SELECT currency, decimals FROM channels WHERE channel_id = ?1";
    find_row(connection, sql, params![channel], |row| Ok(Currency { name: row.get(0)?, decimals: row.get(1)? }))
}

pub(crate) fn load_spending(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    budget: Budget,
    caller: ChatterId,
    since: SystemTime,
) -> rusqlite::Result<Spending> {
    let sql = "SELECT b.revision, c.decimals,
         (SELECT coalesce(sum(units >> 32), 0) || ' ' || coalesce(sum(units & 0xffffffff), 0)
         FROM transfers AS t WHERE t.budget_id = b.budget_id AND t.caller_id = ?4 AND t.at >= ?5),
         (SELECT coalesce(sum(units >> 32), 0) || ' ' || coalesce(sum(units & 0xffffffff), 0)
         FROM transfers AS t WHERE t.budget_id = b.budget_id AND t.at >= ?5)
         FROM budgets AS b JOIN channels AS c USING (channel_id)
         WHERE b.channel_id = ?1 AND b.module = ?2 AND b.budget = ?3";
    let found = find_row(connection, sql, params![channel, module, budget.as_str(), caller, At(since)], |row| {
        let decimals = row.get(1)?;
        let (WideSum(by_caller), WideSum(by_all)) = (row.get(2)?, row.get(3)?);
        let amount = |units| Amount::from_units(units, decimals);
        Ok(Spending { revision: row.get(0)?, by_caller: amount(by_caller), by_all: amount(by_all) })
    })?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn seed_balance(
    connection: &Connection,
    channel: ChannelId,
    chatter: ChatterId,
    amount: Amount,
    at: SystemTime,
) -> Result<(), StoreError> {
    let holder = Holder::Chatter(chatter);
    let scopes = [holder, Holder::Mint].map(|holder| Scope::Account { channel, holder });
    if scopes::load_revision(connection, &scopes[0])? > Revision(0) {
        return Ok(());
    }
    for scope in &scopes {
        scopes::raise_revision(connection, scope)?;
    }
    let transfer = Transfer { channel, from: Holder::Mint, to: holder, amount, reason: None, caller: None, at };
    match transfer.apply(connection) {
        Err(Abort::Failed(error)) => Err(error),
        // The mint may go negative, so this transfer cannot be a conflict.
        Ok(()) | Err(Abort::Unchanged(_)) => Ok(()),
    }
}

/// A sum of units in two halves, `high low`. The amounts moved in a day may exceed 64 bits, and SQLite's `sum` fails
/// then.
struct WideSum(i128);

impl FromSql for WideSum {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let parse = |half: &str| half.parse::<i128>().map_err(|error| FromSqlError::Other(Box::new(error)));
        let (high, low) = value.as_str()?.split_once(' ').ok_or(FromSqlError::InvalidType)?;
        Ok(WideSum((parse(high)? << 32) + parse(low)?))
    }
}

/// A transfer between two accounts of a channel, both of which must have a row.
pub(crate) struct Transfer<'a> {
    pub(crate) channel: ChannelId,
    pub(crate) from: Holder,
    pub(crate) to: Holder,
    pub(crate) amount: Amount,
    /// The module and the invocation that made the transfer; `None` if the host did.
    pub(crate) reason: Option<(&'a ModuleName, &'a InvocationId)>,
    /// The chatter who made the call.
    pub(crate) caller: Option<ChatterId>,
    pub(crate) at: SystemTime,
}

impl Transfer<'_> {
    /// Aborts with a conflict if the payer has too little by now.
    pub(crate) fn apply(&self, connection: &Connection) -> Result<(), Abort<Committed>> {
        let currency = find_currency(connection, self.channel)?.ok_or(StoreError::UnknownChannel)?;
        let units = self.amount.units(currency.decimals).filter(|units| *units > 0).ok_or(StoreError::Amount)?;
        let payer = self.debit(connection, units)?;
        let payee = self.credit(connection, units)?;
        let (module, invocation) = self.reason.unzip();
        let sql = "INSERT INTO transfers
             (from_account_id, to_account_id, units, module, origin, invocation_id, at, caller_id, budget_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
             (SELECT budget_id FROM budgets WHERE channel_id = ?9 AND module = ?4 AND budget = ?10))";
        let parameters = params![
            payer,
            payee,
            units,
            module,
            invocation.map(|id| id.origin.as_str()),
            invocation.map(|id| &id.id),
            At(self.at),
            self.caller,
            self.channel,
            self.from.budget().as_str()
        ];
        execute(connection, sql, parameters)?;
        Ok(())
    }

    /// The UPDATE itself checks the balance, so that nothing between a check and the debit can spend units twice.
    fn debit(&self, connection: &Connection, units: i64) -> Result<i64, Abort<Committed>> {
        let (kind, chatter) = holder_columns(self.from);
        let (least, too_little) = match self.from {
            Holder::Mint => (i64::MIN + units, Abort::Failed(StoreError::Amount)),
            Holder::Chatter(_) | Holder::Till => (units, Abort::Unchanged(Committed::Conflict)),
        };
        let sql = "UPDATE accounts SET units = units - ?4
             WHERE channel_id = ?1 AND kind = ?2 AND chatter_id = ?3 AND units >= ?5 RETURNING account_id";
        find_row(connection, sql, params![self.channel, kind, chatter, units, least], |row| row.get(0))?
            .ok_or(too_little)
    }

    /// Adds without reading the balance first; fails if the sum exceeds 64 bits.
    fn credit(&self, connection: &Connection, units: i64) -> Result<i64, StoreError> {
        let (kind, chatter) = holder_columns(self.to);
        let sql = "UPDATE accounts SET units = units + ?4
             WHERE channel_id = ?1 AND kind = ?2 AND chatter_id = ?3 AND units <= ?5 RETURNING account_id";
        find_row(connection, sql, params![self.channel, kind, chatter, units, i64::MAX - units], |row| row.get(0))?
            .ok_or(StoreError::Amount)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::effect::Commit;
    use crate::store::fixture::{
        ALICE, BOB, CHANNEL, Fixture, assert_ledger_holds, chat_id, commit, in_memory, transfer,
    };
    use crate::testing::{at_once, name};

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_seed_comes_out_of_the_mint_and_only_once() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        for seed in ["100", "7"] {
            store.seed_balance(CHANNEL, ChatterId(1), amount(seed)).await.unwrap();
        }
        assert_eq!(store.load_account(CHANNEL, ALICE).await.unwrap(), (Revision(1), amount("100")));
        assert_eq!(store.load_account(CHANNEL, Holder::Mint).await.unwrap(), (Revision(1), amount("-100")));
        store
            .database
            .read(|connection| {
                assert_ledger_holds(connection);
                Ok(())
            })
            .unwrap();
        let elsewhere = store.seed_balance(ChannelId(8), ChatterId(1), amount("1")).await;
        assert!(matches!(elsewhere, Err(StoreError::UnknownChannel)));
    }

    #[tokio::test]
    async fn the_top_holds_chatters_with_something_richest_first() {
        let fixture = Fixture::with_channel().await;
        let chatter = |id| Holder::Chatter(ChatterId(id));
        let mut effects: Vec<_> =
            [(1, "5"), (2, "9"), (3, "5"), (4, "1")].map(|(id, much)| transfer(Holder::Mint, chatter(id), much)).into();
        effects.extend([transfer(chatter(4), chatter(2), "1"), transfer(Holder::Mint, Holder::Till, "1000")]);
        fixture.commit("1", effects).await;
        let top = |limit| at_once(fixture.store.list_top_accounts(CHANNEL, limit)).unwrap();
        let expected = [(2, "10"), (1, "5"), (3, "5")].map(|(id, much)| (ChatterId(id), amount(much)));
        assert_eq!(top(10), expected);
        assert_eq!(top(1), expected[..1]);
        assert_eq!(fixture.store.list_top_accounts(ChannelId(8), 10).await.unwrap(), []);
    }

    #[tokio::test]
    async fn what_a_module_moved_is_counted_by_budget_by_caller_and_by_time() {
        let fixture = Fixture::with_channel().await;
        let at = commit("", Vec::new()).at;
        let moved = [
            transfer(Holder::Mint, ALICE, "50"),
            transfer(ALICE, Holder::Till, "20"),
            transfer(Holder::Till, BOB, "5"),
            transfer(BOB, ALICE, "1"),
        ];
        for (id, caller) in [("1", 1), ("2", 2)] {
            let commit = Commit { caller: Some(ChatterId(caller)), ..commit(id, moved.clone().into()) };
            assert_eq!(fixture.store.commit(commit).await.unwrap(), Committed::Done);
        }
        let load = |name: &str, budget, since| {
            let moved =
                at_once(fixture.store.load_spending(CHANNEL, &name.parse().unwrap(), budget, ChatterId(1), since))
                    .unwrap();
            (moved.revision.0, moved.by_caller.to_string(), moved.by_all.to_string())
        };
        let counted = |revision, caller: &str, all: &str| (revision, caller.to_owned(), all.to_owned());
        assert_eq!(load("bank", Budget::Treasury, at), counted(2, "55", "110"));
        assert_eq!(load("bank", Budget::Payments, at), counted(2, "21", "42"));
        assert_eq!(load("bank", Budget::Payments, at + Duration::from_secs(1)), counted(2, "0", "0"));
        assert_eq!(load("other", Budget::Payments, at), counted(0, "0", "0"));
    }

    #[tokio::test]
    async fn an_amount_that_no_account_can_hold_is_an_error() {
        let fixture = Fixture::with_channel().await;
        let most = i64::MAX.to_string();
        fixture.commit("1", vec![transfer(Holder::Mint, ALICE, &most)]).await;
        for bad in [
            transfer(Holder::Mint, ALICE, "0"),
            transfer(Holder::Mint, ALICE, "-1"),
            transfer(Holder::Mint, ALICE, "0.5"),
            transfer(Holder::Mint, ALICE, "9223372036854775808"),
            // More than the mint can owe, and more than Alice can hold.
            transfer(Holder::Mint, BOB, "2"),
            transfer(Holder::Mint, ALICE, "1"),
        ] {
            let error = fixture.store.commit(commit("2", vec![bad.clone()])).await;
            assert!(matches!(error, Err(StoreError::Amount)), "{bad:?}");
        }
        assert_eq!(fixture.store.load_account(CHANNEL, ALICE).await.unwrap(), (Revision(1), amount(&most)));
    }

    #[tokio::test]
    async fn an_unknown_channel_has_the_default_currency_and_empty_accounts() {
        let fixture = Fixture::empty();
        let store = &fixture.store;
        assert_eq!(store.load_currency(CHANNEL).await.unwrap(), Currency::default());
        assert_eq!(store.load_account(CHANNEL, ALICE).await.unwrap(), (Revision(0), Amount::ZERO));
    }

    fn holder() -> impl Strategy<Value = Holder> {
        prop_oneof![Just(Holder::Mint), Just(Holder::Till), (1_u64..4).prop_map(|id| Holder::Chatter(ChatterId(id)))]
    }

    proptest! {
        /// Compares the ledger with a map of integers: overdrafts are refused, all other transfers are exact.
        #[test]
        fn the_ledger_sums_to_zero_whatever_is_moved(
            steps in prop::collection::vec((holder(), holder(), 1_i64..3000), 1..40)
        ) {
            let connection = in_memory();
            let (bank, id) = (name("bank"), chat_id("1"));
            let mut model: BTreeMap<Holder, i64> = BTreeMap::new();
            for (from, to, units) in steps {
                for holder in [from, to] {
                    scopes::raise_revision(&connection, &Scope::Account { channel: CHANNEL, holder }).unwrap();
                }
                let reason = Some((&bank, &id));
                let at = SystemTime::UNIX_EPOCH;
                let amount = Amount::from_units(units, 2);
                let transfer = Transfer { channel: CHANNEL, from, to, amount, reason, caller: None, at };
                let savepoint = connection.unchecked_transaction().unwrap();
                let is_enough = from == Holder::Mint || model.get(&from).is_some_and(|held| *held >= units);
                match transfer.apply(&connection) {
                    Ok(()) => {
                        prop_assert!(is_enough);
                        savepoint.commit().unwrap();
                        *model.entry(from).or_default() -= units;
                        *model.entry(to).or_default() += units;
                    }
                    Err(Abort::Unchanged(Committed::Conflict)) => prop_assert!(!is_enough),
                    Err(_) => prop_assert!(false, "the database is well"),
                }
            }
            assert_ledger_holds(&connection);
            for (holder, units) in model {
                let (kind, chatter) = holder_columns(holder);
                let stored: i64 = connection
                    .query_row(
                        "SELECT units FROM accounts WHERE kind = ?1 AND chatter_id = ?2",
                        params![kind, chatter],
                        |row| row.get(0),
                    )
                    .unwrap();
                prop_assert_eq!(stored, units);
            }
        }
    }

    #[test]
    fn the_schema_itself_keeps_everybody_but_the_mint_above_zero() {
        let connection = in_memory();
        let insert = |kind: &str, units: i64| {
            let sql = "INSERT INTO accounts (channel_id, kind, chatter_id, units, revision) VALUES (7, ?1, 0, ?2, 1)";
            connection.execute(sql, params![kind, units]).is_ok()
        };
        assert!(insert("mint", -1));
        assert!(!insert("till", -1) && !insert("chatter", -1) && !insert("mint", -1));
    }
}
