//! Everything that outlives the process, in one SQLite file: the only SQL of the host.
//!
//! Promised: what was acknowledged is on disk; a commit is made whole or not at all; readers never wait for the writer; the
//! ledger of a channel sums to zero; one process at a time holds the file. Absent: rules about who may do what (`setup`,
//! `joining`), quotas and caps (`sandbox`), and anything that keeps a read in memory.

pub mod accounts;
pub mod chatters;
mod columns;
mod commit;
mod migrate;
mod open;
mod outcomes;
mod readers;
mod scopes;
pub mod setup;
pub mod storage;
pub mod wanted;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::ports::Clock;

/// The database. Shared as `Arc<Store>`.
///
/// Reads are inline and take some microseconds; they may be called from async code. Writes are `async`, wait while the
/// writer's queue is full, and return after the change is on disk. A write goes through even if its future is dropped.
pub struct Store {
    clock: Arc<dyn Clock>,
}

/// Why a read or a write gave nothing. "Not there" is no error but an `Option`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Whatever SQLite says: disk full, input or output error, a constraint of the schema.
    #[error("database: {0}")]
    Database(Arc<rusqlite::Error>),
    /// A row holds what no version of this program writes; says which column.
    #[error("damaged row: {0}")]
    Damaged(&'static str),
    /// Not positive, finer than the currency, or more than an account can hold.
    #[error("an amount that the ledger cannot hold")]
    Amount,
    #[error("no such channel")]
    UnknownChannel,
    /// The writer has stopped: the host shuts down, or the writer broke.
    #[error("the store is closed")]
    Closed,
}

/// Why the database cannot be used. The file is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("{} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("{} was written by a newer version of this program: its schema is {found}, this version knows up to {known}", path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("{} is damaged ({reason}); nothing was changed: restore it from a backup", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Database { path: PathBuf, source: rusqlite::Error },
}
