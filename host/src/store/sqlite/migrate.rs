//! The schema's migrations, and the checks of a file before anything is written to it.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::store::error::OpenStoreError;

/// All migrations, in order. A file's `user_version` is the number of migrations it has had. A published migration must
/// never change.
const MIGRATIONS: [&str; 14] = [
    include_str!("../../../migrations/0001_first_schema.sql"),
    include_str!("../../../migrations/0002_busyness.sql"),
    include_str!("../../../migrations/0003_used_limits.sql"),
    include_str!("../../../migrations/0004_api_keys.sql"),
    include_str!("../../../migrations/0005_module_versions.sql"),
    include_str!("../../../migrations/0006_audit.sql"),
    include_str!("../../../migrations/0007_secrets.sql"),
    include_str!("../../../migrations/0008_what_gets_old.sql"),
    include_str!("../../../migrations/0009_left_versions.sql"),
    include_str!("../../../migrations/0010_begun_uploads.sql"),
    include_str!("../../../migrations/0011_display_names.sql"),
    include_str!("../../../migrations/0012_audit_values.sql"),
    include_str!("../../../migrations/0013_bots.sql"),
    include_str!("../../../migrations/0014_attempts.sql"),
];

/// The newest schema that this program knows.
const KNOWN: u32 = MIGRATIONS.len() as u32;

/// The migration that creates the table `schema_version`. From it on, the table also holds the number of migrations.
const VERSION_IN_TABLE: u32 = 10;

/// Tables that every schema of this program has had, and that hardly any other program's database has.
const OWN_TABLES: &str = "SELECT count(*) = 3 FROM sqlite_schema
    WHERE type = 'table' AND name IN ('last_stop', 'wanted', 'storage_entries')";

/// Refuses a file that is not this program's database, is of a newer version, or is damaged. Does not write to the
/// file: the connection is read-only, so that not even a log left by a crash is folded in.
pub(crate) fn check_file(path: &Path) -> Result<(), OpenStoreError> {
    refuse_empty(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    check_connection(path, Connection::open_with_flags(path, flags))
}

fn refuse_empty(path: &Path) -> Result<(), OpenStoreError> {
    let metadata = path.metadata().map_err(|error| OpenStoreError::File { path: path.into(), error })?;
    if metadata.len() == 0 { Err(OpenStoreError::Empty { path: path.into() }) } else { Ok(()) }
}

/// As [`check_file`], but leaves no files beside the database. Even a read-only connection makes SQLite create its log
/// and that log's index, owned by the user who runs the check.
pub(crate) fn check_untouched(path: &Path) -> Result<(), OpenStoreError> {
    refuse_empty(path)?;
    let failed = |error| OpenStoreError::File { path: path.into(), error };
    // If `path` is a link, SQLite keeps the log beside the target.
    let file = path.canonicalize().map_err(failed)?;
    if let Some(log) = find_log(&file) {
        // The newest data is only in the log, so both are copied and checked as a copy.
        let folder = tempfile::tempdir().map_err(failed)?;
        let copy = folder.path().join("copy");
        let copied = fs::copy(&file, &copy).and_then(|_| fs::copy(&log, log_path(&copy)));
        // Too little room for a copy says nothing about the database. A start checks the database itself.
        if copied.is_err() {
            return Ok(());
        }
        return check_connection(path, Connection::open(&copy));
    }
    // sqlite.org/uri.html. `immutable` is safe here: there is no log, and no process holds the lock.
    let uri = format!("file:{}?immutable=1", escape_path(&file));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    check_connection(path, Connection::open_with_flags(uri, flags))
}

/// SQLite's log beside the database, unless it is missing or empty.
pub(super) fn find_log(path: &Path) -> Option<PathBuf> {
    let log = log_path(path);
    fs::metadata(&log).is_ok_and(|log| log.len() > 0).then_some(log)
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
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
    let refusal = connection.and_then(|connection| find_refusal(path.into(), &connection));
    refusal.map_err(|error| open_error(path, error))?.map_or(Ok(()), Err)
}

/// Why the database must not be opened, if so.
fn find_refusal(path: PathBuf, connection: &Connection) -> rusqlite::Result<Option<OpenStoreError>> {
    let is_ours: bool = connection.query_row(OWN_TABLES, [], |row| row.get(0))?;
    if !is_ours {
        let first = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT 1";
        let first = connection.query_row(first, [], |row| row.get(0)).optional()?;
        return Ok(Some(match first {
            Some(table) => OpenStoreError::Foreign { path, table },
            None => OpenStoreError::Empty { path },
        }));
    }
    Ok(match read_version(connection)? {
        None => Some(OpenStoreError::NoVersion { path }),
        Some(found) if found > KNOWN => Some(OpenStoreError::Newer { path, found, known: KNOWN }),
        Some(_) if was_stopped_cleanly(connection)? => None,
        Some(_) => find_damage(connection)?.map(|reason| OpenStoreError::Damaged { path, reason }),
    })
}

/// The number of migrations a file has had. A restored dump may have lost the pragma; then the table has the number.
fn read_version(connection: &Connection) -> rusqlite::Result<Option<u32>> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > 0 {
        return Ok(Some(version));
    }
    match connection.table_exists(None, "schema_version")? {
        true => connection.query_row("SELECT version FROM schema_version", [], |row| row.get(0)).optional(),
        false => Ok(None),
    }
}

/// A missing row means that creating the file was interrupted: it is checked like any other unclean file.
fn was_stopped_cleanly(connection: &Connection) -> rusqlite::Result<bool> {
    let was_clean = connection.query_row("SELECT was_clean FROM last_stop", [], |row| row.get(0)).optional()?;
    Ok(was_clean.unwrap_or(false))
}

/// The first damage in the file's pages. Comparing indexes with their tables would take minutes, so it is left out.
fn find_damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let first: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((first != "ok").then_some(first))
}

/// Runs the missing migrations, each in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let taken = read_version(connection)?.unwrap_or(0);
    connection.pragma_update(None, "user_version", taken)?;
    if (1..KNOWN).contains(&taken) {
        // Rebuilding a large table takes a while, and the host answers nothing meanwhile.
        tracing::info!(from = taken, to = KNOWN, "the database is of an older version, and is brought up to date");
    }
    for (version, step) in (1_u32..).zip(MIGRATIONS).skip(taken as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        if version >= VERSION_IN_TABLE {
            transaction.execute("UPDATE schema_version SET version = ?1", [version])?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Marks the database as open: until [`mark_stopped`], a stop counts as unclean.
pub(crate) fn mark_started(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE last_stop SET was_clean = 0", []).map(drop)
}

pub(crate) fn mark_stopped(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE last_stop SET was_clean = 1", []).map(drop)
}

/// Tells damage from all other errors of a file.
pub(crate) fn open_error(path: &Path, error: rusqlite::Error) -> OpenStoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            OpenStoreError::Damaged { path: path.into(), reason: error.to_string() }
        }
        _ => OpenStoreError::Database { path: path.into(), error: error.into() },
    }
}

/// Makes the file as it was before the migration that contains `made`.
#[cfg(test)]
pub(crate) fn migrate_until(connection: &Connection, made: &str) {
    let before = MIGRATIONS.iter().position(|step| step.contains(made)).expect("a step makes it");
    for step in &MIGRATIONS[..before] {
        connection.execute_batch(step).expect("the step was published");
    }
    connection.pragma_update(None, "user_version", before as u32).expect("the file can be written to");
}

#[cfg(test)]
mod tests {
    use rusqlite::functions::FunctionFlags;

    use super::*;

    /// A file with `rows` from before the migration that contains `made`, migrated to the newest schema.
    fn migrated(made: &str, rows: &str) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_until(&connection, made);
        connection.execute_batch(rows).unwrap();
        migrate(&mut connection).unwrap();
        connection
    }

    /// Behaves like the SQLite of Debian 12, where `json_valid(NULL)` is false.
    fn with_older_json(connection: &Connection) {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
        let replaced = connection.create_scalar_function("json_valid", 1, flags, |context| {
            let text: Option<String> = context.get(0)?;
            Ok(text.is_some_and(|text| serde_json::from_str::<serde_json::Value>(&text).is_ok()))
        });
        replaced.unwrap();
    }

    fn check_integrity(connection: &Connection) -> String {
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
    }

    /// One module with a canary, and one without; each has a version.
    const MODULES: &str = "INSERT INTO modules (name) VALUES ('dice');
        INSERT INTO modules (name, canary, canary_channels) VALUES ('echo', '1.0.0', '[7]');
        INSERT INTO module_versions (module, version, digest, manifest, uploaded_at) VALUES
        ('dice', '1.0.0', randomblob(32), '{}', 1), ('echo', '1.0.0', randomblob(32), '{}', 2)";

    #[test]
    fn no_check_depends_on_what_an_older_sqlite_says_of_null() {
        let connection = migrated("CREATE TABLE begun_uploads", MODULES);
        with_older_json(&connection);
        assert_eq!(check_integrity(&connection), "ok");
        // All tables with such a check, each with NULL in all columns that allow it.
        connection.execute_batch("INSERT INTO modules (name) VALUES ('quotes')").unwrap();
        connection
            .execute_batch(
                "INSERT INTO bots (bot, login) VALUES (1, 'bot');
                 INSERT INTO channels (channel_id, login, display_name, bot) VALUES (7, 'shop', 'Shop', 1);
                 INSERT INTO channel_modules (channel_id, module) VALUES (7, 'dice');
                 INSERT INTO grants (channel_id, digest, capabilities) VALUES (7, zeroblob(32), '[]');
                 INSERT INTO outcomes (origin, invocation_id, replies, at) VALUES ('chat', '1', '[]', 1)",
            )
            .unwrap();
        assert_eq!(check_integrity(&connection), "ok");
    }

    #[test]
    fn the_schema_before_was_one_that_an_older_sqlite_does_not_pass() {
        let connection = Connection::open_in_memory().unwrap();
        MIGRATIONS[..9].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.execute_batch(MODULES).unwrap();
        with_older_json(&connection);
        assert_eq!(check_integrity(&connection), "CHECK constraint failed in modules");
    }

    #[test]
    fn modules_and_their_versions_outlive_the_step_that_makes_their_table_anew() {
        let connection = migrated("CREATE TABLE begun_uploads", MODULES);
        let sql = "SELECT name, canary, canary_channels, version FROM modules JOIN module_versions ON module = name
                   ORDER BY name";
        let rows: Vec<[Option<String>; 4]> = connection
            .prepare(sql)
            .unwrap()
            .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        let text = |text: &str| Some(text.to_owned());
        let echo = [text("echo"), text("1.0.0"), text("[7]"), text("1.0.0")];
        assert_eq!(rows, [[text("dice"), None, None, text("1.0.0")], echo]);
        let violations: Option<String> =
            connection.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional().unwrap();
        assert_eq!(violations, None);
        let refers = "INSERT INTO module_versions (module, version, digest, manifest, uploaded_at)
                      VALUES ('nothing', '1.0.0', randomblob(32), '{}', 1)";
        connection.execute_batch(refers).unwrap_err();
    }

    #[test]
    fn a_version_that_only_the_table_has_is_found() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 0).unwrap();
        assert_eq!(read_version(&connection).unwrap(), Some(KNOWN));
        migrate(&mut connection).unwrap();
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, KNOWN);
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

    #[test]
    fn a_chatter_who_was_seen_before_is_found_by_display_name() {
        let rows = "INSERT INTO channels (channel_id, login, display_name, bot) VALUES (7, 'shop', 'Shop', 'bot');
            INSERT INTO seen_chatters VALUES (7, 1, 'arisu', 'アリス', 0), (7, 2, 'bob', 'Bob', 0)";
        let connection = migrated("ADD COLUMN name_key", rows);
        let key = |chatter: u64| -> Option<String> {
            let sql = "SELECT name_key FROM seen_chatters WHERE chatter_id = ?1";
            connection.query_row(sql, [chatter as i64], |row| row.get(0)).unwrap()
        };
        assert_eq!((key(1).as_deref(), key(2)), (Some("アリス"), None));
    }
}
