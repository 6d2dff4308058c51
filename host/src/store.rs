//! All durable state: a database, and beside it the uploaded components. The host's only SQL.
//!
//! Guarantees: an acknowledged write is on disk; a commit is atomic; readers never wait for the writer; the accounts of
//! a channel sum to zero; one process at a time holds the file; a change of a set-up and its line of the audit reach
//! the disk together. Not here: permissions (`setup`, `joining`), quotas and caps (`sandbox`), caches.
//!
//! A read is a function over a connection, a write is a `Write`, which the backend executes. The rest of the host calls
//! the methods of [`Store`]: they are here, in `channel` and in `host`.
//!
//! # Another backend
//!
//! A write is data (`write`), which the backend matches without a wildcard. A read is async, and SQLite answers it at once. Each
//! outcome keeps a random number of the attempt that committed it: a backend that lost an acknowledgement repeats the write, and
//! tells its own commit from a duplicate, whose replies are not sent.
//!
//! # More than one process
//!
//! One process holds the database. Two ports of [`domain::ports`](crate::domain::ports) prepare for several, and answer from memory today. `Tenure`: may
//! this process act for the channel? A call asks, and the writer again; a process that may not stays silent. `Allowance`: which part
//! of an account's limits may this process use? Each message and each join asks.
//!
//! # The audit
//!
//! The savepoint that carries an effect out writes its line, with the values before and after. Values are data
//! ([`domain::audit`](crate::domain::audit)), so that a person in them can be replaced; they are put into words when they are read.
//!
//! Between two batches `sqlite/purge` deletes a little of what is too old: outcomes, the audit, chatters. After a jump of the wall clock
//! it deletes nothing.

pub mod channel;
mod error;
pub mod files;
#[cfg(test)]
pub(crate) mod fixture;
pub mod host;
mod json_text;
mod sqlite;
mod write;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::broadcast;

pub use self::error::{OpenStoreError, StoreError};
use self::host::audit::AuditKept;
use self::host::wanted::WANTED_CHANGES;
use self::sqlite::open::Sqlite;
pub use self::sqlite::open::lock_database;
use self::write::{Answer, Write};
use crate::domain::id::Login;
use crate::domain::ports::{Clock, Tenure};

/// The database. Shared as `Arc<Store>`.
///
/// Reads are `async` for the sake of a networked database. SQLite answers inline, in some microseconds: the future is
/// ready at its first poll. Writes wait while the writer's queue is full, and return after the change is on disk. Once
/// a write waits for its answer, it is executed even if its future is dropped.
pub struct Store {
    sqlite: Sqlite,
    wanted_changes: broadcast::Sender<Login>,
    clock: Arc<dyn Clock>,
    tenure: Arc<dyn Tenure>,
}

impl Store {
    /// Opens the database file `path`, or creates it with access for its owner only; the folder must exist. `tenure`
    /// says for which channels this process may commit.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, tenure: Arc<dyn Tenure>) -> Result<Store, OpenStoreError> {
        let wanted_changes = broadcast::Sender::new(WANTED_CHANGES);
        let sqlite = Sqlite::open(path, Arc::clone(&clock), Arc::clone(&tenure), wanted_changes.clone())?;
        Ok(Store { sqlite, wanted_changes, clock, tenure })
    }

    /// Whether [`Store::open`] would accept the file at `path`. Creates no file and migrates no schema. A missing file
    /// is accepted, and so is one that a running host has open.
    pub fn check(path: &Path) -> Result<(), OpenStoreError> {
        Sqlite::check(path)
    }

    /// Whether [`Store::open`] created the database. A new database knows nothing about files that lie beside it.
    pub fn is_new(&self) -> bool {
        self.sqlite.is_new
    }

    /// Writes the queue, folds the write-ahead log into the file, and marks the file as cleanly closed. Later writes
    /// are refused; reads still answer.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.sqlite.writer.close().await
    }

    /// Returns when the writer has stopped, by [`Store::close`] or by a fault: no later write succeeds.
    pub async fn stopped(&self) {
        self.sqlite.writer.stopped().await;
    }

    /// Why the last write failed, if the machine was at fault (the disk is full or broken, the file cannot be written).
    /// `None` once a write has succeeded.
    pub fn write_trouble(&self) -> Option<Arc<str>> {
        self.sqlite.writer.trouble()
    }

    /// Rewrites a value that is stored already, to find out whether the machine accepts writes again.
    pub async fn try_to_write(&self) -> Result<(), StoreError> {
        self.write(|answer| Write::Probe { answer }).await
    }

    /// Number of committed SQLite transactions. One transaction carries all writes that wait.
    pub fn batches(&self) -> u64 {
        self.sqlite.writer.batches()
    }

    /// Deletes lines of the audit older than `kept` from now on, else they stay for ever. Only the first call counts.
    pub fn limit_audit(&self, kept: AuditKept) {
        self.sqlite.audit_kept.get_or_init(|| kept);
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.sqlite.readers.read(read)
    }

    async fn write<T>(&self, make: impl FnOnce(Answer<T>) -> Write) -> Result<T, StoreError> {
        self.sqlite.writer.write(make).await
    }
}
