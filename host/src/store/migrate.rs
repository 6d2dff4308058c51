//! The schema's steps, and what is checked before a file is written to.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::OpenStoreError;

/// Each step once, in order: a file's `user_version` is the number of steps it has taken. A published step never
/// changes.
const STEPS: [&str; 9] = [
    include_str!("../../migrations/0001_first_schema.sql"),
    include_str!("../../migrations/0002_busyness.sql"),
    include_str!("../../migrations/0003_used_limits.sql"),
    include_str!("../../migrations/0004_api_keys.sql"),
    include_str!("../../migrations/0005_module_versions.sql"),
    include_str!("../../migrations/0006_audit.sql"),
    include_str!("../../migrations/0007_secrets.sql"),
    include_str!("../../migrations/0008_what_gets_old.sql"),
    include_str!("../../migrations/0009_left_versions.sql"),
];

/// The newest schema that this program knows.
const KNOWN: u32 = STEPS.len() as u32;

/// Refuses a file that is newer than this program, or damaged, without writing to it: the connection is read-only, so
/// that not even a log left by a crash is folded in.
pub(super) fn check_file(path: &Path) -> Result<(), OpenStoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    check_connection(path, Connection::open_with_flags(path, flags))
}

/// The same, and leaves no file beside it: even a read-only connection makes SQLite's log and its index, which are then those
/// of whoever made them.
pub(super) fn check_untouched(path: &Path) -> Result<(), OpenStoreError> {
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        // The file alone is only a part of what it holds.
        let failed = |error| OpenStoreError::File { path: path.into(), error };
        let folder = tempfile::tempdir().map_err(failed)?;
        let copy = folder.path().join("copy");
        fs::copy(path, &copy).map_err(failed)?;
        fs::copy(&log, beside(&copy, "-wal")).map_err(failed)?;
        return check_connection(path, Connection::open(&copy));
    }
    // sqlite.org/uri.html: without a log, and with a lock that nobody holds, nothing changes the file meanwhile.
    let uri = format!("file:{}?immutable=1", escape_path(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    check_connection(path, Connection::open_with_flags(uri, flags))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn escape_path(path: &Path) -> String {
    let escape = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.as_os_str().as_encoded_bytes().iter().map(escape).collect()
}

fn check_connection(path: &Path, connection: rusqlite::Result<Connection>) -> Result<(), OpenStoreError> {
    let found = connection.and_then(|connection| read_version(&connection));
    let found = found.map_err(|error| open_error(path, error))?;
    if found.version > KNOWN {
        return Err(OpenStoreError::Newer { path: path.into(), found: found.version, known: KNOWN });
    }
    match found.damage {
        Some(reason) => Err(OpenStoreError::Damaged { path: path.into(), reason }),
        None => Ok(()),
    }
}

struct FoundFile {
    version: u32,
    damage: Option<String>,
}

fn read_version(connection: &Connection) -> rusqlite::Result<FoundFile> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let is_known = (1..=KNOWN).contains(&version);
    let damage = if is_known && !was_stopped_cleanly(connection)? { find_damage(connection)? } else { None };
    Ok(FoundFile { version, damage })
}

/// A file without the row was cut off while it was made: checked like any other unclean one.
fn was_stopped_cleanly(connection: &Connection) -> rusqlite::Result<bool> {
    let was_clean = connection.query_row("SELECT was_clean FROM last_stop", [], |row| row.get(0)).optional()?;
    Ok(was_clean.unwrap_or(false))
}

/// The first thing wrong with the file's pages. Indexes are not compared with their tables: that would take minutes.
fn find_damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let first: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((first != "ok").then_some(first))
}

/// Takes the steps that the file has not taken, each in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let taken: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (version, step) in (1_u32..).zip(STEPS).skip(taken as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// From now on until [`mark_stopped`] a stop is unclean.
pub(super) fn mark_started(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE last_stop SET was_clean = 0", []).map(drop)
}

pub(super) fn mark_stopped(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE last_stop SET was_clean = 1", []).map(drop)
}

/// Tells damage from everything else that can be wrong with a file.
pub(super) fn open_error(path: &Path, error: rusqlite::Error) -> OpenStoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenStoreError::Damaged { path: path.into(), reason: error.to_string() }
        }
        _ => OpenStoreError::Database { path: path.into(), error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as it was before the step that makes what `made` says, with `rows` in it, and then up to date.
    fn migrated(made: &str, rows: &str) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().position(|step| step.contains(made)).unwrap();
        STEPS[..before].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.pragma_update(None, "user_version", before as u32).unwrap();
        connection.execute_batch(rows).unwrap();
        migrate(&mut connection).unwrap();
        connection
    }

    #[test]
    fn the_caps_of_older_grants_keep_their_meaning() {
        let rows = "INSERT INTO channels (channel_id, login, display_name, bot) VALUES (7, 'shop', 'Shop', 'bot');
            INSERT INTO grants VALUES (7, zeroblob(32), '[\"treasury\"]', '2.5', '10')";
        let connection = migrated("CREATE TABLE budgets", rows);
        let texts: Vec<Option<String>> = connection
            .query_row(
                "SELECT payments_per_invocation, payments_per_chatter, payments_per_day, treasury_per_invocation,
                 treasury_per_chatter, treasury_per_day FROM grants",
                [],
                |row| (0..6).map(|column| row.get(column)).collect(),
            )
            .unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(texts, [text("2.5"), None, None, text("2.5"), None, text("10")]);
    }
}
