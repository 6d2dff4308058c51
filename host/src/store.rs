//! Everything that outlives the process: one SQLite file, and beside it the uploaded components. The only SQL of the host.
//!
//! Promised: what was acknowledged is on disk; a commit is made whole or not at all; readers never wait for the writer;
//! the accounts of a channel sum to zero; one process at a time holds the file; a change of a set-up and its line of the audit are on disk together. Absent: who may do what (`setup`,
//! `joining`), quotas and caps (`sandbox`), and anything that keeps what it read in memory.

pub mod channel;
pub mod files;
#[cfg(test)]
pub(crate) mod fixture;
pub mod host;
mod json_text;
mod sqlite;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rusqlite::ErrorCode;
use tokio::sync::watch;

use self::host::audit::AuditKept;
use self::sqlite::open::Lock;
pub use self::sqlite::open::lock_database;
use self::sqlite::readers::Readers;
use self::sqlite::writer::Writer;
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
    is_new: bool,
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
    #[error("that is an amount which no account here can hold")]
    Amount,
    #[error("no such channel")]
    UnknownChannel,
    /// The writer has stopped: the host shuts down, or the writer broke.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// What is wrong with the machine or the file: no change, whatever it is, can be kept until that is mended.
    fn find_machine_fault(&self) -> Option<&rusqlite::Error> {
        let StoreError::Database(error) = self else { return None };
        let is_machines = error.sqlite_error_code().is_some_and(|code| {
            matches!(
                code,
                ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::ReadOnly
                    | ErrorCode::CannotOpen
                    | ErrorCode::PermissionDenied
                    | ErrorCode::OutOfMemory
                    | ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::FileLockingProtocolFailed
            )
        });
        is_machines.then_some(error)
    }
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
    /// Whoever lost the file's contents must not be served a fresh start in silence.
    #[error("{} is empty: restore it from a backup, or delete it to begin anew", path.display())]
    Empty { path: PathBuf },
    #[error(
        "{} is missing, and its log {} is there: restore both from a backup, or delete the log too to begin anew",
        path.display(), log.display()
    )]
    LogAlone { path: PathBuf, log: PathBuf },
    #[error(
        "{} is the database of another program, with the table {table}; nothing was changed: move it away, or name another data_dir",
        path.display()
    )]
    Foreign { path: PathBuf, table: String },
    #[error(
        "{} does not say which schema it has, as after a restored dump; nothing was changed: set `PRAGMA user_version` to what \
         it was in the database that was dumped, or restore a copy of that file",
        path.display()
    )]
    NoVersion { path: PathBuf },
    #[error(
        "{} was written by a newer version of this program: its schema is {found}, this version knows up to {known}; nothing \
         was changed: run the newer version, or restore a backup from before it",
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
