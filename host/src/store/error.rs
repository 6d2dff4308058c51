//! Errors of reading, writing and opening the database.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a read or a write failed. A missing row is no error but an `Option`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Any error of the database: disk full, input or output error, a row that this program would not have written.
    #[error("database: {0}")]
    Database(Arc<dyn Error + Send + Sync>),
    /// Another write of the same batch failed, and SQLite rolled back the transaction that they shared.
    #[error("rolled back together with another change")]
    RolledBack,
    /// The amount is not positive, is finer than the currency, or exceeds what an account can hold.
    #[error("that is an amount which no account here can hold")]
    Amount,
    #[error("no such channel")]
    UnknownChannel,
    /// Nothing was changed: this process does not act for the channel, or does no longer.
    #[error("another process acts for this channel")]
    NotActing,
    /// The writer has stopped, because the host shuts down or because the writer broke.
    #[error("the store is closed")]
    Closed,
}

/// Why the database cannot be opened. The file is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("{} is in use by another process", path.display())]
    InUse { path: PathBuf },
    /// An empty file is a lost database. Starting afresh without a word would hide the loss from the operator.
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
    Database { path: PathBuf, error: Box<dyn Error + Send + Sync> },
}
