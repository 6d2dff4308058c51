//! Everything that outlives the process: a database, and beside it the uploaded components. The only SQL of the host.
//!
//! Promised: what was acknowledged is on disk; a commit is made whole or not at all; readers never wait for the writer; the accounts
//! of a channel sum to zero; one process at a time holds the file; a change of a set-up and its line of the audit are on disk
//! together. Absent: who may do what (`setup`, `joining`), quotas and caps (`sandbox`), and caches of what was read.
//!
//! Each read is a function of its subject over a connection, each write a `Write`, which the backend carries out. [`Store`] is
//! what the rest of the host sees of both: its methods are here, in `channel` and in `host`.
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
/// Reads are `async`, since another database would answer in its own time. SQLite answers inline, in some microseconds: the future is
/// ready at its first poll. Writes wait while the writer's queue is full, and return after the change is on disk. A write goes
/// through even if its future is dropped once it waits for the answer.
pub struct Store {
    sqlite: Sqlite,
    wanted_changes: broadcast::Sender<Login>,
    clock: Arc<dyn Clock>,
    tenure: Arc<dyn Tenure>,
}

impl Store {
    /// Opens the database file `path`, or creates it, readable by nobody else, in a folder that exists.
    /// `tenure` tells for which channels this process commits.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, tenure: Arc<dyn Tenure>) -> Result<Store, OpenStoreError> {
        let wanted_changes = broadcast::Sender::new(WANTED_CHANGES);
        let sqlite = Sqlite::open(path, Arc::clone(&clock), Arc::clone(&tenure), wanted_changes.clone())?;
        Ok(Store { sqlite, wanted_changes, clock, tenure })
    }

    /// Whether [`Store::open`] would take the file at `path`. Changes nothing: no file is made, no step of the schema is taken.
    /// A file that is not there yet is fine, and so is one that a running host has open.
    pub fn check(path: &Path) -> Result<(), OpenStoreError> {
        Sqlite::check(path)
    }

    /// Whether there was no database before: whatever lies beside it, it knows nothing of.
    pub fn is_new(&self) -> bool {
        self.sqlite.is_new
    }

    /// Writes what is queued, folds the log into the file, and marks it as cleanly closed. Later writes are refused;
    /// reads still answer.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.sqlite.writer.close().await
    }

    /// Returns when the writer has stopped, asked or not: nothing can be written any more.
    pub async fn stopped(&self) {
        self.sqlite.writer.stopped().await;
    }

    /// Why the last change was not kept, where that was the machine's fault (the disk is full or broken, the file cannot
    /// be written); nothing once a change was kept.
    pub fn write_trouble(&self) -> Option<Arc<str>> {
        self.sqlite.writer.trouble()
    }

    /// Writes what is written already: says whether the machine takes changes again.
    pub async fn try_to_write(&self) -> Result<(), StoreError> {
        self.write(|answer| Write::Probe { answer }).await
    }

    /// SQLite transactions that were committed: fewer than writes where many came at once.
    pub fn batches(&self) -> u64 {
        self.sqlite.writer.batches()
    }

    /// From now on older lines of the audit are deleted. Without, they stay for ever. Counts once.
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
