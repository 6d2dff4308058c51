//! Everything that outlives the process: one SQLite file, and beside it the uploaded components. The only SQL of the host.
//!
//! Promised: what was acknowledged is on disk; a commit is made whole or not at all; readers never wait for the writer;
//! the accounts of a channel sum to zero; one process at a time holds the file; a change of a set-up and its line of the audit are on disk together. Absent: who may do what (`setup`,
//! `joining`), quotas and caps (`sandbox`), and anything that keeps what it read in memory.

pub mod accounts;
pub mod api_keys;
pub mod audit;
mod changes;
pub mod chatters;
mod columns;
mod commit;
pub mod components;
pub mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod grants;
pub mod idempotency;
#[cfg(test)]
mod killed;
mod left_versions;
mod migrate;
pub mod modules;
mod open;
mod outcomes;
mod purge;
mod readers;
mod scopes;
pub mod secrets;
pub mod setup;
pub mod storage;
mod tally;
pub mod used_limits;
pub mod wanted;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use self::audit::AuditKept;
use self::open::Lock;
use self::readers::Readers;
use self::writer::Writer;
use crate::domain::ports::Clock;

/// The database. Shared as `Arc<Store>`.
///
/// Reads are inline and take some microseconds; they may be called from async code. Writes are `async`, wait while the
/// writer's queue is full, and return after the change is on disk. A write goes through even if its future is dropped
/// once it waits for the answer.
pub struct Store {
    // Dropped in this order: the lock goes last, when nobody uses the file any more.
    readers: Readers,
    writer: Writer,
    wanted_changes: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
    audit_kept: Arc<OnceLock<AuditKept>>,
    _lock: Lock,
}

/// Why a read or a write gave nothing. "Not there" is no error but an `Option`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Whatever SQLite says: disk full, input or output error, a row that this program would not have written.
    #[error("database: {0}")]
    Database(Arc<rusqlite::Error>),
    /// Another change of the same batch took the SQLite transaction down with it.
    #[error("rolled back together with another change")]
    RolledBack,
    /// Not positive, finer than the currency, or more than an account can hold.
    #[error("an amount that the ledger cannot hold")]
    Amount,
    #[error("no such channel")]
    UnknownChannel,
    /// The writer has stopped: the host shuts down, or the writer broke.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        // All that a caller can name and that may not exist is a channel.
        if code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
            return StoreError::UnknownChannel;
        }
        StoreError::Database(Arc::new(error))
    }
}

/// Why the database cannot be used. The file is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("{} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error(
        "{} was written by a newer version of this program: its schema is {found}, this version knows up to {known}",
        path.display()
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{} is damaged ({reason}); nothing was changed: restore it from a backup", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{}: {error}", path.display())]
    Database { path: PathBuf, error: rusqlite::Error },
}
