//! The revisions of scopes.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::columns::holder_columns;
use crate::domain::effect::{Revision, Scope};

pub(super) fn load_revision(connection: &Connection, scope: &Scope) -> rusqlite::Result<Revision> {
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let revision = match scope {
        Scope::Storage { channel, module } => connection
            .prepare_cached("SELECT revision FROM storages WHERE channel_id = ?1 AND module = ?2")?
            .query_row(params![channel, module], read),
        Scope::Account { channel, holder } => {
            let (kind, chatter) = holder_columns(*holder);
            connection
                .prepare_cached(
                    "SELECT revision FROM accounts WHERE channel_id = ?1 AND kind = ?2 AND chatter_id = ?3",
                )?
                .query_row(params![channel, kind, chatter], read)
        }
        Scope::Budget { channel, module, budget } => connection
            .prepare_cached("SELECT revision FROM budgets WHERE channel_id = ?1 AND module = ?2 AND budget = ?3")?
            .query_row(params![channel, module, budget.as_str()], read),
        Scope::Setup { channel } => connection
            .prepare_cached("SELECT revision FROM channels WHERE channel_id = ?1")?
            .query_row(params![channel], read),
    };
    Ok(revision.optional()?.unwrap_or_default())
}

/// Raises a scope's revision, and makes the row of a storage, account or budget that was never written.
///
/// A channel's own row is made by whoever wants the channel, with revision 1.
pub(super) fn raise_revision(connection: &Connection, scope: &Scope) -> rusqlite::Result<()> {
    let mut statement = raising_statement(connection, scope)?;
    let raised = match scope {
        Scope::Storage { channel, module } => statement.execute(params![channel, module]),
        Scope::Account { channel, holder } => {
            let (kind, chatter) = holder_columns(*holder);
            statement.execute(params![channel, kind, chatter])
        }
        Scope::Budget { channel, module, budget } => statement.execute(params![channel, module, budget.as_str()]),
        Scope::Setup { channel } => statement.execute(params![channel]),
    };
    raised.map(drop)
}

fn raising_statement<'a>(connection: &'a Connection, scope: &Scope) -> rusqlite::Result<CachedStatement<'a>> {
    connection.prepare_cached(match scope {
        Scope::Storage { .. } => {
            "INSERT INTO storages (channel_id, module, revision, bytes, keys) VALUES (?1, ?2, 1, 0, 0)
             ON CONFLICT (channel_id, module) DO UPDATE SET revision = revision + 1"
        }
        Scope::Account { .. } => {
            "INSERT INTO accounts (channel_id, kind, chatter_id, units, revision) VALUES (?1, ?2, ?3, 0, 1)
             ON CONFLICT (channel_id, kind, chatter_id) DO UPDATE SET revision = revision + 1"
        }
        Scope::Budget { .. } => {
            "INSERT INTO budgets (channel_id, module, budget, revision) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (channel_id, module, budget) DO UPDATE SET revision = revision + 1"
        }
        Scope::Setup { .. } => "UPDATE channels SET revision = revision + 1 WHERE channel_id = ?1",
    })
}
