//! The ledger: double entry, in whole numbers of the currency's smallest unit.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{At, holder_columns};
use super::writer::Abort;
use super::{Store, StoreError, scopes};
use crate::domain::amount::Amount;
use crate::domain::effect::{Committed, Holder, Revision, Scope};
use crate::domain::id::{ChannelId, ChatterId, ModuleName};
use crate::domain::invocation::InvocationId;

/// A listing ends here, whatever was asked for.
const MOST_ROWS: usize = 100;

/// A channel's own currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// `points`.
    pub name: Box<str>,
    /// Digits after the point: 0 to 18.
    pub decimals: u8,
}

impl Default for Currency {
    fn default() -> Self {
        Self { name: "points".into(), decimals: 0 }
    }
}

impl Store {
    /// Revision and amount of an account; both zero where it does not exist.
    pub fn load_account(&self, channel: ChannelId, holder: Holder) -> Result<(Revision, Amount), StoreError> {
        let (kind, chatter) = holder_columns(holder);
        self.readers.read(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT a.revision, a.units, c.decimals FROM accounts AS a JOIN channels AS c USING (channel_id)
                     WHERE a.channel_id = ?1 AND a.kind = ?2 AND a.chatter_id = ?3",
                )?
                .query_row(params![channel, kind, chatter], |row| {
                    Ok((row.get(0)?, Amount::from_units(row.get(1)?, row.get(2)?)))
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// The richest chatters of a channel with more than nothing, richest first; at most 100.
    pub fn list_top_accounts(&self, channel: ChannelId, limit: usize) -> Result<Vec<(ChatterId, Amount)>, StoreError> {
        self.readers.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT a.chatter_id, a.units, c.decimals FROM accounts AS a JOIN channels AS c USING (channel_id)
                     WHERE a.channel_id = ?1 AND a.kind = 'chatter' AND a.units > 0
                     ORDER BY a.units DESC, a.chatter_id LIMIT ?2",
                )?
                .query_map(params![channel, limit.min(MOST_ROWS) as i64], |row| {
                    Ok((row.get(0)?, Amount::from_units(row.get(1)?, row.get(2)?)))
                })?
                .collect()
        })
    }

    /// The default currency where the channel is not known.
    pub fn load_currency(&self, channel: ChannelId) -> Result<Currency, StoreError> {
        self.readers.read(|connection| load_currency(connection, channel)).map(Option::unwrap_or_default)
    }

    /// What a module paid out of the till and the mint at `since` or later.
    pub fn load_paid_out(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        since: SystemTime,
    ) -> Result<Amount, StoreError> {
        self.readers.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT coalesce(sum(t.units), 0), coalesce(max(c.decimals), 0)
                     FROM accounts AS a JOIN channels AS c USING (channel_id)
                     JOIN transfers AS t ON t.from_account_id = a.account_id AND t.module = ?2 AND t.at >= ?3
                     WHERE a.channel_id = ?1 AND a.kind IN ('till', 'mint')",
                )?
                .query_row(params![channel, module, At(since)], |row| Ok(Amount::from_units(row.get(0)?, row.get(1)?)))
        })
    }

    /// Gives a chatter without an account a first amount out of the mint; changes nothing where there is an account.
    pub async fn seed_balance(&self, channel: ChannelId, chatter: ChatterId, amount: Amount) -> Result<(), StoreError> {
        let at = self.clock.now().wall;
        let holder = Holder::Chatter(chatter);
        let seed = move |connection: &Connection| {
            let scopes = [holder, Holder::Mint].map(|holder| Scope::Account { channel, holder });
            if scopes::load_revision(connection, &scopes[0])? > Revision(0) {
                return Ok(());
            }
            for scope in &scopes {
                scopes::raise_revision(connection, scope)?;
            }
            let transfer = Transfer { channel, from: Holder::Mint, to: holder, amount, reason: None, at };
            match transfer.apply(connection) {
                Err(Abort::Failed(error)) => Err(Abort::Failed(error)),
                Ok(()) | Err(Abort::Answer(_)) => Ok(()),
            }
        };
        self.writer.write(seed).await
    }
}

fn load_currency(connection: &Connection, channel: ChannelId) -> rusqlite::Result<Option<Currency>> {
    connection
        .prepare_cached("SELECT currency, decimals FROM channels WHERE channel_id = ?1")?
        .query_row(params![channel], |row| Ok(Currency { name: row.get(0)?, decimals: row.get(1)? }))
        .optional()
}

/// One movement between two accounts of a channel, both of which have a row.
pub(super) struct Transfer<'a> {
    pub(super) channel: ChannelId,
    pub(super) from: Holder,
    pub(super) to: Holder,
    pub(super) amount: Amount,
    /// Who moved it; None: the host itself.
    pub(super) reason: Option<(&'a ModuleName, &'a InvocationId)>,
    pub(super) at: SystemTime,
}

impl Transfer<'_> {
    /// Aborts with a conflict where the payer has too little by now.
    pub(super) fn apply(&self, connection: &Connection) -> Result<(), Abort<Committed>> {
        let currency = load_currency(connection, self.channel)?.ok_or(StoreError::UnknownChannel)?;
        let units = self.amount.units(currency.decimals).filter(|units| *units > 0).ok_or(StoreError::Amount)?;
        let payer = self.debit(connection, units)?;
        let payee = self.credit(connection, units)?;
        let (module, invocation) = self.reason.unzip();
        connection
            .prepare_cached(
                "INSERT INTO transfers (from_account_id, to_account_id, units, module, origin, invocation_id, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                payer,
                payee,
                units,
                module,
                invocation.map(|id| id.origin.as_str()),
                invocation.map(|id| &id.id),
                At(self.at)
            ])?;
        Ok(())
    }

    fn debit(&self, connection: &Connection, units: i64) -> Result<i64, Abort<Committed>> {
        let (kind, chatter) = holder_columns(self.from);
        let (least, too_little) = match self.from {
            Holder::Mint => (i64::MIN + units, Abort::Failed(StoreError::Amount)),
            Holder::Chatter(_) | Holder::Till => (units, Abort::Answer(Committed::Conflict)),
        };
        connection
            .prepare_cached(
                "UPDATE accounts SET units = units - ?4
                 WHERE channel_id = ?1 AND kind = ?2 AND chatter_id = ?3 AND units >= ?5 RETURNING account_id",
            )?
            .query_row(params![self.channel, kind, chatter, units, least], |row| row.get(0))
            .optional()?
            .ok_or(too_little)
    }

    /// A blind addition, up to what 64 bits hold.
    fn credit(&self, connection: &Connection, units: i64) -> Result<i64, StoreError> {
        let (kind, chatter) = holder_columns(self.to);
        connection
            .prepare_cached(
                "UPDATE accounts SET units = units + ?4
                 WHERE channel_id = ?1 AND kind = ?2 AND chatter_id = ?3 AND units <= ?5 RETURNING account_id",
            )?
            .query_row(params![self.channel, kind, chatter, units, i64::MAX - units], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::Amount)
    }
}
