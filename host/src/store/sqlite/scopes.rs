//! The revisions of scopes.

use rusqlite::{Connection, params};

use super::columns::holder_columns;
use super::sql::{execute, find_row};
use crate::domain::effect::{Revision, Scope};

pub(crate) fn load_revision(connection: &Connection, scope: &Scope) -> rusqlite::Result<Revision> {
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let revision = match scope {
        Scope::Storage { channel, module } => {
            let sql = "SELECT revision FROM storages WHERE channel_id = ?1 AND module = ?2";
            find_row(connection, sql, params![channel, module], read)
        }
        Scope::Account { channel, holder } => {
            let sql = "SELECT revision FROM accounts WHERE channel_id = ?1 AND kind = ?2 AND chatter_id = ?3";
            let (kind, chatter) = holder_columns(*holder);
            find_row(connection, sql, params![channel, kind, chatter], read)
        }
        Scope::Budget { channel, module, budget } => {
            let sql = "SELECT revision FROM budgets WHERE channel_id = ?1 AND module = ?2 AND budget = ?3";
            find_row(connection, sql, params![channel, module, budget.as_str()], read)
        }
        Scope::Setup { channel } => {
            find_row(connection, "SELECT revision FROM channels WHERE channel_id = ?1", params![channel], read)
        }
    };
    Ok(revision?.unwrap_or_default())
}

/// Raises a scope's revision, and creates the row of a storage, account or budget on its first write.
///
/// A channel's row is created with revision 1 by the write that wants the channel.
pub(crate) fn raise_revision(connection: &Connection, scope: &Scope) -> rusqlite::Result<()> {
    let raised = match scope {
        Scope::Storage { channel, module } => {
            let sql = "INSERT INTO storages (channel_id, module, revision, bytes, keys) VALUES (?1, ?2, 1, 0, 0)
                 ON CONFLICT (channel_id, module) DO UPDATE SET revision = revision + 1";
            execute(connection, sql, params![channel, module])
        }
        Scope::Account { channel, holder } => {
            let sql = "INSERT INTO accounts (channel_id, kind, chatter_id, units, revision) VALUES (?1, ?2, ?3, 0, 1)
                 ON CONFLICT (channel_id, kind, chatter_id) DO UPDATE SET revision = revision + 1";
            let (kind, chatter) = holder_columns(*holder);
            execute(connection, sql, params![channel, kind, chatter])
        }
        Scope::Budget { channel, module, budget } => {
            let sql = "INSERT INTO budgets (channel_id, module, budget, revision) VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (channel_id, module, budget) DO UPDATE SET revision = revision + 1";
            execute(connection, sql, params![channel, module, budget.as_str()])
        }
        Scope::Setup { channel } => {
            execute(connection, "UPDATE channels SET revision = revision + 1 WHERE channel_id = ?1", params![channel])
        }
    };
    raised.map(drop)
}
