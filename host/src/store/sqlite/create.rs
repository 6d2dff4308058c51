//! Creating a new database.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::Connection;

use super::migrate;
use crate::store::error::OpenStoreError;
use crate::store::files::{UNFINISHED, private_options, remove};

/// Creates the database under a temporary name, and renames it once it is wholly on disk. Thus an interruption never
/// leaves an empty file at `path`: an empty file there is a lost database.
///
/// # Errors
/// Among others, if the log of a lost database exists: SQLite would replay that log into the new database.
pub(super) fn create(path: &Path) -> Result<(), OpenStoreError> {
    refuse_lone_log(path)?;
    let failed = |error| OpenStoreError::File { path: path.into(), error };
    let beside = path.with_added_extension(UNFINISHED);
    remove(&beside).map_err(failed)?;
    drop(open_file(&beside)?);
    fill(&beside).map_err(|error| OpenStoreError::Database { path: beside.clone(), error: error.into() })?;
    File::open(&beside).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    // The rename is durable only once the folder is synced.
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// A new file is accessible to its owner only. SQLite gives its log the same permissions as the database's file.
pub(super) fn open_file(path: &Path) -> Result<File, OpenStoreError> {
    let opened = private_options().read(true).create(true).truncate(false).open(path);
    opened.map_err(|error| OpenStoreError::File { path: path.into(), error })
}

/// Fails if the log of a lost database exists at the place of a new one.
pub(super) fn refuse_lone_log(path: &Path) -> Result<(), OpenStoreError> {
    match migrate::find_log(path) {
        Some(log) => Err(OpenStoreError::LogAlone { path: path.into(), log }),
        None => Ok(()),
    }
}

/// Needs no journal and no syncing: if this is interrupted, the file is discarded.
fn fill(path: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    migrate::migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)
}
