//! Opening and closing the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::broadcast;

use super::readers::Readers;
use super::writer::Writer;
use super::{create, migrate, readers};
use crate::domain::id::Login;
use crate::domain::ports::{Clock, Tenure};
use crate::store::error::OpenStoreError;
use crate::store::host::audit::AuditRetention;

/// An open database file.
pub(crate) struct Sqlite {
    // Fields drop in this order: the lock must go last, when no connection uses the file any more.
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    /// The writer reads this when it purges.
    pub(crate) audit_retention: Arc<OnceLock<AuditRetention>>,
    pub(crate) is_new: bool,
    _lock: Lock,
}

impl Sqlite {
    /// Opens the database file `path`, or creates it with access for its owner only; the folder must exist.
    /// `wanted_changes` receives the login of each account whose wanted channels a batch changed.
    pub(crate) fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        tenure: Arc<dyn Tenure>,
        wanted_changes: broadcast::Sender<Login>,
    ) -> Result<Sqlite, OpenStoreError> {
        let lock = lock_database(path)?;
        let is_new = is_missing(path)?;
        if is_new {
            create::create(path)?;
        }
        migrate::check_file(path)?;
        let connection = open_connection(path).map_err(|error| migrate::open_error(path, error))?;
        let audit_retention = Arc::default();
        let writer = Writer::start(connection, clock, tenure, Arc::clone(&audit_retention), wanted_changes)
            .map_err(|error| file_error(path, error))?;
        let readers = Readers::open(path).map_err(|error| migrate::open_error(path, error))?;
        Ok(Sqlite { readers, writer, audit_retention, is_new, _lock: lock })
    }

    pub(crate) fn check(path: &Path) -> Result<(), OpenStoreError> {
        if is_missing(path)? {
            return create::refuse_lone_log(path);
        }
        if is_in_use(path)? {
            return Ok(());
        }
        let opened = OpenOptions::new().read(true).write(true).open(path);
        opened.map_err(|error| file_error(path, error))?;
        migrate::check_untouched(path)
    }
}

/// Holds a lock file of its own: opening and closing the database's file beside SQLite would drop SQLite's own locks
/// (sqlite.org/howtocorrupt.html, section 2.2). The system releases this lock when the process ends in any way.
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is just being started may have inherited it.
        drop(self.0.unlock());
    }
}

/// Keeps all other processes from opening the database file `path` until the lock is dropped.
pub fn lock_database(path: &Path) -> Result<Lock, OpenStoreError> {
    let file = create::open_file(&path.with_added_extension("lock"))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenStoreError::InUse { path: path.into() },
        TryLockError::Error(error) => file_error(path, error),
    })?;
    Ok(Lock(file))
}

/// Whether there is no file yet. A dangling link, such as to a disk that is not mounted, is an error: a new database
/// would replace the link.
fn is_missing(path: &Path) -> Result<bool, OpenStoreError> {
    let is_there = path.try_exists().map_err(|error| file_error(path, error))?;
    if !is_there && path.is_symlink() {
        let why = "it is a link to a place that is not there: mount the disk, or remove the link to begin anew";
        return Err(file_error(path, io::Error::new(io::ErrorKind::NotFound, why)));
    }
    Ok(!is_there)
}

fn is_in_use(path: &Path) -> Result<bool, OpenStoreError> {
    match File::open(path.with_added_extension("lock")).map(|file| file.try_lock_shared()) {
        Ok(Ok(())) => Ok(false),
        Ok(Err(TryLockError::WouldBlock)) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(Err(TryLockError::Error(error))) | Err(error) => Err(file_error(path, error)),
    }
}

fn file_error(path: &Path, error: io::Error) -> OpenStoreError {
    OpenStoreError::File { path: path.into(), error }
}

fn open_connection(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // In WAL mode, FULL is what makes a commit survive a power cut: sqlite.org/pragma.html#pragma_synchronous
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    readers::keep_statements(&connection)?;
    migrate::migrate(&mut connection)?;
    migrate::mark_started(&connection)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::bench::clock::ManualClock;
    use crate::domain::ports::SoleProcess;
    use crate::store::Store;
    use crate::store::error::StoreError;
    use crate::store::fixture::{CHANNEL, Fixture, chat_id, save};
    use crate::testing::name;

    fn open(path: &Path) -> Result<Store, OpenStoreError> {
        Store::open(path, Arc::new(ManualClock::default()), Arc::new(SoleProcess))
    }

    fn refuse(path: &Path) -> String {
        let before = fs::read(path).unwrap();
        let files = list_files(path);
        let checked = Store::check(path).unwrap_err().to_string();
        assert_eq!(list_files(path), files, "to check leaves nothing behind");
        let error = open(path).err().expect("the file is refused").to_string();
        assert_eq!(fs::read(path).unwrap(), before, "a refused file is left as it was");
        assert_eq!(checked, error, "a check says what an opening would");
        error
    }

    fn list_files(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path.parent().unwrap()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn was_clean(path: &Path) -> bool {
        Connection::open(path).unwrap().query_row("SELECT was_clean FROM last_stop", [], |row| row.get(0)).unwrap()
    }

    /// A closed database of some hundred pages.
    async fn filled(path: &Path) {
        let fixture = Fixture::with_channel().await;
        let effects = (0..200).map(|n| save(&format!("key{n}"), &"x".repeat(2000))).collect();
        fixture.commit("fill", effects).await;
        fixture.store.close().await.unwrap();
        fs::copy(&fixture.path, path).unwrap();
    }

    fn damage(path: &Path) {
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(40 * 4096)).unwrap();
        file.write_all(&[0xff; 4 * 4096]).unwrap();
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_closing_and_opening_again() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "value")]).await;
        fixture.store.close().await.unwrap();
        let Fixture { store, path, folder, .. } = fixture;
        drop(store);
        let store = open(&path).unwrap();
        assert_eq!(store.load_entry(CHANNEL, &name("counter"), "key").await.unwrap().1, Some(b"value".to_vec()));
        assert!(store.find_outcome(&chat_id("1")).await.unwrap().is_some());
        drop(folder);
    }

    #[test]
    fn a_link_to_a_folder_that_is_not_there_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (link, gone) = (folder.path().join("twitchy.db"), folder.path().join("disk/twitchy.db"));
        std::os::unix::fs::symlink(&gone, &link).unwrap();
        let errors = [Store::check(&link).err(), open(&link).err()].map(|error| error.unwrap().to_string());
        assert!(errors.iter().all(|error| error.contains("mount the disk, or remove the link")), "{errors:?}");
        assert!(link.is_symlink() && !gone.exists());
        fs::create_dir(folder.path().join("disk")).unwrap();
        assert!(open(&link).is_err(), "the disk's folder without the file is no database either");
    }

    #[tokio::test]
    async fn a_second_store_on_the_same_file_is_refused() {
        let fixture = Fixture::with_channel().await;
        let error = open(&fixture.path).err().unwrap();
        assert!(error.to_string().ends_with("twitchy.db is in use by another process"), "{error}");
        assert!(matches!(error, OpenStoreError::InUse { .. }));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let fixture = Fixture::with_channel().await;
        let names: Vec<_> = fs::read_dir(fixture.path.parent().unwrap()).unwrap().map(Result::unwrap).collect();
        assert!(names.len() >= 3, "database, log and lock: {names:?}");
        for entry in names {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        }
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused_in_plain_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twitchy.db");
        filled(&path).await;
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = refuse(&path);
        assert!(
            error.contains("written by a newer version of this program: its schema is 99, this version knows up to "),
            "{error}"
        );
    }

    #[test]
    fn an_empty_file_is_no_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twitchy.db");
        File::create(&path).unwrap();
        let error = refuse(&path);
        assert!(error.ends_with("is empty: restore it from a backup, or delete it to begin anew"), "{error}");
        // A database that was never filled, as another program may create it.
        fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().pragma_update(None, "application_id", 7).unwrap();
        assert!(fs::metadata(&path).unwrap().len() > 0);
        assert!(refuse(&path).contains("is empty: "));
    }

    #[test]
    fn another_programs_database_is_refused_whatever_its_version() {
        for version in [0, 3, 99] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("twitchy.db");
            let connection = Connection::open(&path).unwrap();
            connection.execute_batch("CREATE TABLE moz_places (id); CREATE TABLE wanted (id)").unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
            drop(connection);
            let error = refuse(&path);
            assert!(error.contains("is the database of another program, with the table moz_places"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_database_knows_whether_it_is_new_and_one_is_made_whole_or_not_at_all() {
        let fixture = Fixture::empty();
        assert!(fixture.store.is_new());
        fixture.store.close().await.unwrap();
        let Fixture { store, path, folder: _folder, .. } = fixture;
        drop(store);
        assert!(!open(&path).unwrap().is_new());
        // A process that died while it created the database.
        fs::remove_file(&path).unwrap();
        fs::write(path.with_added_extension("new"), "half of it").unwrap();
        assert!(open(&path).unwrap().is_new());
        assert!(!path.with_added_extension("new").exists());
    }

    #[tokio::test]
    async fn the_log_of_a_lost_database_is_played_into_no_other() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "value")]).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twitchy.db");
        fs::copy(fixture.path.with_file_name("twitchy.db-wal"), folder.path().join("twitchy.db-wal")).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("is missing, and its log ") && error.contains("to begin anew"), "{error}");
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_restored_dump_of_an_older_schema_is_refused_with_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twitchy.db");
        filled(&path).await;
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("DROP TABLE schema_version; PRAGMA user_version = 0").unwrap();
        drop(connection);
        assert!(refuse(&path).contains("does not say which schema it has, as after a restored dump"));
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twitchy.db");
        fs::write(&path, "not a database, but somebody's diary ".repeat(100)).unwrap();
        let error = refuse(&path);
        assert!(error.contains("is damaged (file is not a database); nothing was changed"), "{error}");
    }

    #[tokio::test]
    async fn damage_is_found_after_an_unclean_stop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("twitchy.db");
        filled(&path).await;
        Connection::open(&path).unwrap().execute("UPDATE last_stop SET was_clean = 0", []).unwrap();
        drop(open(&path).expect("an unclean stop alone does no damage"));
        Connection::open(&path).unwrap().execute("UPDATE last_stop SET was_clean = 0", []).unwrap();
        damage(&path);
        let error = refuse(&path);
        assert!(error.contains("is damaged (") && error.contains("restore it from a backup"), "{error}");
    }

    #[tokio::test]
    async fn what_can_be_opened_passes_the_check_and_is_left_as_it_is() {
        let fixture = Fixture::with_channel().await;
        assert!(Store::check(&fixture.path).is_ok(), "a host has it open");
        let folder = tempfile::tempdir().unwrap();
        // A blank and a `?` have a meaning in a URI.
        let path = folder.path().join("is it there?.db");
        assert!(Store::check(&path).is_ok(), "there is none yet");
        // As a killed host leaves the files: the last writes are only in the log.
        fs::copy(&fixture.path, &path).unwrap();
        let log = path.with_file_name("is it there?.db-wal");
        fs::copy(fixture.path.with_file_name("twitchy.db-wal"), &log).unwrap();
        let (files, before) = (list_files(&path), (fs::read(&path).unwrap(), fs::read(&log).unwrap()));
        assert!(!before.1.is_empty(), "there is something in the log");
        Store::check(&path).unwrap();
        assert_eq!((list_files(&path), (fs::read(&path).unwrap(), fs::read(&log).unwrap())), (files, before));
        fs::remove_file(&log).unwrap();
        fixture.store.close().await.unwrap();
        fs::copy(&fixture.path, &path).unwrap();
        Store::check(&path).unwrap();
        assert_eq!(list_files(&path), ["is it there?.db"]);
    }

    #[tokio::test]
    async fn only_a_closed_store_was_stopped_cleanly() {
        let fixture = Fixture::with_channel().await;
        assert!(!was_clean(&fixture.path));
        fixture.store.close().await.unwrap();
        assert!(was_clean(&fixture.path));
        let log = fixture.path.with_file_name("twitchy.db-wal");
        assert!(fs::metadata(log).map_or(0, |log| log.len()) == 0, "the log is folded into the file");
    }

    #[tokio::test]
    async fn a_closed_store_still_reads_and_no_longer_writes() {
        let fixture = Fixture::with_channel().await;
        fixture.store.close().await.unwrap();
        fixture.store.stopped().await;
        assert!(fixture.store.load_channel(CHANNEL).await.unwrap().is_some());
        let refused = fixture.store.commit(crate::store::fixture::commit("late", vec![save("key", "value")])).await;
        assert!(matches!(refused, Err(StoreError::Closed)));
        assert!(matches!(fixture.store.close().await, Err(StoreError::Closed)));
    }
}
