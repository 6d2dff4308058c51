//! Modules' key-value entries.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError};
use crate::domain::effect::Revision;
use crate::domain::id::{ChannelId, ModuleName};

/// A listing ends here, whatever was asked for: a scan is part of somebody's 50 milliseconds.
const MOST_ROWS: usize = 100;
const MOST_BYTES: usize = 64 << 10;

/// Where a module's storage in a channel stands: all zero where nothing was ever saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageState {
    pub revision: Revision,
    /// Of keys and values together.
    pub bytes: u64,
    pub keys: u64,
}

/// A key and its value.
pub type Entry = (String, Vec<u8>);

impl Store {
    /// The value under a key, and the storage's state at the same moment.
    pub fn load_entry(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<(StorageState, Option<Vec<u8>>), StoreError> {
        self.readers.read(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT revision, bytes, keys, value FROM storages AS s
                     LEFT JOIN storage_entries AS e ON e.storage_id = s.storage_id AND e.key = ?3
                     WHERE s.channel_id = ?1 AND s.module = ?2",
                )?
                .query_row(params![channel, module, key], |row| Ok((read_state(row)?, row.get(3)?)))
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Entries whose key begins with `prefix`, in byte order, strictly after `after`: at most `limit`, 100, or 64 KiB of
    /// keys and values, but at least one where there is one.
    pub fn list_entries(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(StorageState, Vec<Entry>), StoreError> {
        self.readers.read(|connection| list(connection, channel, module, prefix, after, limit))
    }
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<StorageState> {
    let count = |index| row.get(index).map(i64::cast_unsigned);
    Ok(StorageState { revision: row.get(0)?, bytes: count(1)?, keys: count(2)? })
}

fn list(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<(StorageState, Vec<Entry>)> {
    // The index is entered at the first key that can match; keys with the prefix follow one another from there.
    let (sql, start) = match after {
        Some(after) if after >= prefix => (LIST_AFTER, after),
        _ => (LIST_FROM, prefix),
    };
    let limit = limit.min(MOST_ROWS);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![channel, module, start, limit.max(1) as i64])?;
    let mut state = StorageState::default();
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        state = read_state(row)?;
        let Some((key, value)) = read_entry(row)? else { break };
        bytes += key.len() + value.len();
        let is_past_end = entries.len() == limit || !key.starts_with(prefix);
        if is_past_end || (bytes > MOST_BYTES && !entries.is_empty()) {
            break;
        }
        entries.push((key.into(), value.into()));
    }
    Ok((state, entries))
}

/// The state comes with each entry, and alone where there is none: one statement sees one moment.
const LIST_FROM: &str = "SELECT revision, bytes, keys, key, value FROM storages AS s
     LEFT JOIN storage_entries AS e ON e.storage_id = s.storage_id AND e.key >= ?3
     WHERE s.channel_id = ?1 AND s.module = ?2 ORDER BY e.key LIMIT ?4";
const LIST_AFTER: &str = "SELECT revision, bytes, keys, key, value FROM storages AS s
     LEFT JOIN storage_entries AS e ON e.storage_id = s.storage_id AND e.key > ?3
     WHERE s.channel_id = ?1 AND s.module = ?2 ORDER BY e.key LIMIT ?4";

/// None in the row that stands for a storage without such entries.
fn read_entry<'a>(row: &'a Row<'_>) -> rusqlite::Result<Option<(&'a str, &'a [u8])>> {
    let key = row.get_ref(3)?.as_str_or_null()?;
    let value = row.get_ref(4)?.as_blob_or_null()?;
    Ok(key.zip(value))
}

pub(super) fn save_entry(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
    value: &[u8],
) -> rusqlite::Result<()> {
    let before = find_size(connection, channel, module, key)?;
    connection
        .prepare_cached(
            "INSERT INTO storage_entries (storage_id, key, value)
             SELECT storage_id, ?3, ?4 FROM storages WHERE channel_id = ?1 AND module = ?2
             ON CONFLICT (storage_id, key) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![channel, module, key, value])?;
    count(connection, channel, module, before, Some(size(key.len(), value.len())))
}

pub(super) fn delete_entry(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
) -> rusqlite::Result<()> {
    let before = find_size(connection, channel, module, key)?;
    connection
        .prepare_cached(
            "DELETE FROM storage_entries WHERE key = ?3 AND storage_id =
             (SELECT storage_id FROM storages WHERE channel_id = ?1 AND module = ?2)",
        )?
        .execute(params![channel, module, key])?;
    count(connection, channel, module, before, None)
}

fn size(key: usize, value: usize) -> i64 {
    i64::try_from(key + value).expect("what fits into memory fits into 63 bits")
}

fn find_size(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT octet_length(key) + octet_length(value) FROM storages JOIN storage_entries USING (storage_id)
             WHERE channel_id = ?1 AND module = ?2 AND key = ?3",
        )?
        .query_row(params![channel, module, key], |row| row.get(0))
        .optional()
}

/// Keeps the storage's own counts in step with an entry that changed its size.
fn count(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    before: Option<i64>,
    after: Option<i64>,
) -> rusqlite::Result<()> {
    let bytes = after.unwrap_or(0) - before.unwrap_or(0);
    let keys = i64::from(after.is_some()) - i64::from(before.is_some());
    connection
        .prepare_cached(
            "UPDATE storages SET bytes = bytes + ?3, keys = keys + ?4 WHERE channel_id = ?1 AND module = ?2",
        )?
        .execute(params![channel, module, bytes, keys])
        .map(drop)
}
