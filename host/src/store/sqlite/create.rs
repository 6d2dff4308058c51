//! Creating a new database.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::migrate;
use crate::store::error::OpenStoreError;
use crate::store::files::UNFINISHED;

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
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| OpenStoreError::File { path: path.into(), error })
}

/// Fails if the log of a lost database exists at the place of a new one.
pub(super) fn refuse_lone_log(path: &Path) -> Result<(), OpenStoreError> {
    let log = with_suffix(path, "-wal");
    let is_there = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    if is_there { Err(OpenStoreError::LogAlone { path: path.into(), log }) } else { Ok(()) }
}

/// Needs no journal and no syncing: if this is interrupted, the file is discarded.
fn fill(path: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    migrate::migrate(&mut connection)?;
    connection.close().map_err(|(_, error)| error)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
