//! Savepoints: each write of a batch can be undone without the others.

use rusqlite::Connection;

use crate::store::error::StoreError;

/// Why a write's changes are undone.
pub(crate) enum Abort<T> {
    /// The write's answer is to change nothing.
    Unchanged(T),
    Failed(StoreError),
}

impl<T> From<StoreError> for Abort<T> {
    fn from(error: StoreError) -> Self {
        Abort::Failed(error)
    }
}

impl<T> From<rusqlite::Error> for Abort<T> {
    fn from(error: rusqlite::Error) -> Self {
        Abort::Failed(error.into())
    }
}

/// A full disk or a failed write makes SQLite roll back the whole transaction by itself
/// (sqlite.org/lang_transaction.html, section 3). A later write would then run, and commit, outside any transaction.
pub(super) fn run_in_savepoint<T, E: Into<Abort<T>>>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, StoreError> {
    if connection.is_autocommit() {
        return Err(StoreError::RolledBack);
    }
    run(connection, "SAVEPOINT job")?;
    let outcome = job(connection).map_err(E::into);
    if connection.is_autocommit() {
        return match outcome {
            Err(Abort::Failed(error)) => Err(error),
            Ok(_) | Err(Abort::Unchanged(_)) => Err(StoreError::RolledBack),
        };
    }
    let undone = if outcome.is_err() { run(connection, "ROLLBACK TO job") } else { Ok(()) };
    if let Err(error) = undone.and_then(|()| run(connection, "RELEASE job")) {
        // A write that can be neither kept nor undone must not be committed with the others.
        run(connection, "ROLLBACK")?;
        return Err(error);
    }
    match outcome {
        Ok(value) | Err(Abort::Unchanged(value)) => Ok(value),
        Err(Abort::Failed(error)) => Err(error),
    }
}

/// Runs a statement without parameters and rows; it is prepared once.
pub(super) fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
