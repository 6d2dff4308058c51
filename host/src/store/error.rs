//! Why something could not be read, written or opened.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a read or a write gave nothing. "Not there" is no error but an `Option`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Whatever the database says: disk full, input or output error, a row that this program would not have written.
    #[error("database: {0}")]
    Database(Arc<dyn Error + Send + Sync>),
    /// Another change of the same batch took the SQLite transaction down with it.
    #[error("rolled back together with another change")]
    RolledBack,
    /// Not positive, finer than the currency, or more than an account can hold.
    #[error("that is an amount which no account here can hold")]
    Amount,
    #[error("no such channel")]
    UnknownChannel,
    /// Nothing was changed: this process must not act for the channel, or not any more.
    #[error("another process acts for this channel")]
    NotActing,
    /// The writer has stopped: the host shuts down, or the writer broke.
    #[error("the store is closed")]
    Closed,
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
    Database { path: PathBuf, error: Box<dyn Error + Send + Sync> },
}
