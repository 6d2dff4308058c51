//! Read connections.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::error::StoreError;

/// The idle read connections.
///
/// A read takes an idle connection, or opens another if none is idle. So no read waits for another, and there are never
/// more connections than concurrent reads.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    most_idle: usize,
}

impl Readers {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Readers> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let idle = (0..workers).map(|_| open_connection(path)).collect::<rusqlite::Result<_>>()?;
        // Enough for the guests' threads, the runtime's threads, and a few threads that block in order to read.
        Ok(Readers { path: path.into(), idle: Mutex::new(idle), most_idle: 2 * workers + 4 })
    }

    /// A single statement sees one snapshot of the database; several statements do only within a transaction.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_connection(&self.path)?,
        };
        let answer = read(&connection);
        let mut idle = self.idle();
        if idle.len() < self.most_idle {
            // Reuses the last used connection first: its pages and statements are cached.
            idle.push(connection);
        }
        Ok(answer?)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A panic cannot leave the list of connections half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_connection(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // In WAL mode a reader meets a lock only while the file is opened or closed: sqlite.org/wal.html, section 9.
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "mmap_size", 256 << 20)?;
    keep_statements(&connection)?;
    // A connection that has read once keeps a shared lock on the file. Without it, the closing writer would see itself
    // as the last connection and lock the file to tidy up, and a read at that moment would fail.
    connection.query_row("SELECT count(*) FROM last_stop", [], |_| Ok(()))?;
    Ok(connection)
}

/// Enables the query planner stability guarantee (QPSG). Without it SQLite prepares a cached statement again for each
/// new parameter, in case another plan fits better: three quarters of the time of a point read.
pub(crate) fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crate::store::fixture::{CHANNEL, Fixture, save};
    use crate::testing::{at_once, name};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_read_sees_value_and_revision_of_one_moment() {
        let fixture = Fixture::with_channel().await;
        let counter = name("counter");
        thread::scope(|scope| {
            let readers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            let (state, value) = at_once(fixture.store.load_entry(CHANNEL, &counter, "key")).unwrap();
                            let (listed, entries) =
                                at_once(fixture.store.list_entries(CHANNEL, &counter, "", None, 10)).unwrap();
                            assert_eq!(value.unwrap_or(b"0".into()), state.revision.0.to_string().into_bytes());
                            assert_eq!(
                                entries.first().map_or(b"0".as_slice(), |entry| &entry.1),
                                listed.revision.0.to_string().as_bytes()
                            );
                            if state.revision.0 == 50 {
                                return;
                            }
                        }
                    })
                })
                .collect();
            let writing = async {
                for revision in 1..=50 {
                    fixture.commit(&revision.to_string(), vec![save("key", &revision.to_string())]).await;
                }
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(writing));
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        assert!(fixture.store.database.sqlite.readers.idle().len() <= fixture.store.database.sqlite.readers.most_idle);
    }

    #[tokio::test]
    async fn a_read_connection_cannot_write() {
        let fixture = Fixture::with_channel().await;
        let written = fixture.store.database.read(|connection| connection.execute("DELETE FROM channels", []));
        assert_eq!(written.unwrap_err().to_string(), "database: attempt to write a readonly database");
        assert!(fixture.store.load_channel(CHANNEL).await.unwrap().is_some());
    }
}
