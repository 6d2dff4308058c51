//! Modules' key-value entries.

use rusqlite::{Connection, Row, params};

use crate::domain::effect::{Revision, StorageEffect};
use crate::domain::id::{ChannelId, ModuleName};
use crate::store::json_text::Text;
use crate::store::sqlite::sql::{execute, find_row};

/// Most rows of a listing, whatever limit is asked for: the scan uses the call's processor budget (by default 50 ms).
const MOST_ROWS: usize = 100;
const MOST_BYTES: usize = 64 << 10;

/// State of a module's storage in a channel. All zero if nothing was ever saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageState {
    pub revision: Revision,
    /// Bytes of all keys and values.
    pub bytes: u64,
    pub keys: u64,
}

/// A key and its value.
pub type Entry = (String, Vec<u8>);

pub(crate) fn load_entry(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
) -> rusqlite::Result<(StorageState, Option<Vec<u8>>)> {
    let sql = "SELECT revision, bytes, keys, value FROM storages AS s
         LEFT JOIN storage_entries AS e ON e.storage_id = s.storage_id AND e.key = ?3
         WHERE s.channel_id = ?1 AND s.module = ?2";
    let found = find_row(connection, sql, params![channel, module, key], |row| Ok((read_state(row)?, row.get(3)?)))?;
    Ok(found.unwrap_or_default())
}

pub(crate) fn load_written_by(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
) -> rusqlite::Result<(StorageState, Option<semver::Version>)> {
    let sql = "SELECT revision, bytes, keys, written_by FROM storages WHERE channel_id = ?1 AND module = ?2";
    let found = find_row(connection, sql, params![channel, module], |row| {
        let version = row.get::<_, Option<Text<_>>>(3)?.map(|Text(version)| version);
        Ok((read_state(row)?, version))
    })?;
    Ok(found.unwrap_or_default())
}

fn read_state(row: &Row<'_>) -> rusqlite::Result<StorageState> {
    let count = |index| row.get(index).map(i64::cast_unsigned);
    Ok(StorageState { revision: row.get(0)?, bytes: count(1)?, keys: count(2)? })
}

pub(crate) fn list_entries(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<(StorageState, Vec<Entry>)> {
    // The scan starts at the first key that can match; all keys with the prefix follow one another from there.
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

/// One statement, so that state and entries are of the same moment. Without a match, one row has the state.
const LIST_FROM: &str = "SELECT revision, bytes, keys, key, value FROM storages AS s
     LEFT JOIN storage_entries AS e ON e.storage_id = s.storage_id AND e.key >= ?3
     WHERE s.channel_id = ?1 AND s.module = ?2 ORDER BY e.key LIMIT ?4";
const LIST_AFTER: &str = "SELECT revision, bytes, keys, key, value FROM storages AS s
     LEFT JOIN storage_entries AS e ON e.storage_id = s.storage_id AND e.key > ?3
     WHERE s.channel_id = ?1 AND s.module = ?2 ORDER BY e.key LIMIT ?4";

/// `None` for the row that carries only the state.
fn read_entry<'a>(row: &'a Row<'_>) -> rusqlite::Result<Option<(&'a str, &'a [u8])>> {
    let key = row.get_ref(3)?.as_str_or_null()?;
    let value = row.get_ref(4)?.as_blob_or_null()?;
    Ok(key.zip(value))
}

/// Saves which version writes; `None` if no module does. Most calls are of the version that wrote before.
pub(crate) fn save_written_by(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    version: Option<&semver::Version>,
) -> rusqlite::Result<()> {
    let sql = "UPDATE storages SET written_by = ?3 WHERE channel_id = ?1 AND module = ?2 AND written_by IS NOT ?3";
    execute(connection, sql, params![channel, module, version.map(Text)]).map(drop)
}

/// Writes an entry and updates the storage's totals. The storage's row exists: the commit has raised its revision before.
pub(crate) fn apply(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    effect: &StorageEffect,
) -> rusqlite::Result<()> {
    let (key, value) = match effect {
        StorageEffect::Save { key, value } => (key, Some(value)),
        StorageEffect::Delete { key } => (key, None),
    };
    let before = find_size(connection, channel, module, key)?;
    match value {
        Some(value) => execute(connection, SAVE, params![channel, module, key, value])?,
        None => execute(connection, DELETE, params![channel, module, key])?,
    };
    let size =
        |value: &Vec<u8>| i64::try_from(key.len() + value.len()).expect("what fits into memory fits into 63 bits");
    let bytes = value.map_or(0, size) - before.unwrap_or(0);
    let keys = i64::from(value.is_some()) - i64::from(before.is_some());
    let sql = "UPDATE storages SET bytes = bytes + ?3, keys = keys + ?4 WHERE channel_id = ?1 AND module = ?2";
    execute(connection, sql, params![channel, module, bytes, keys]).map(drop)
}

const SAVE: &str = "INSERT INTO storage_entries (storage_id, key, value)
     SELECT storage_id, ?3, ?4 FROM storages WHERE channel_id = ?1 AND module = ?2
     ON CONFLICT (storage_id, key) DO UPDATE SET value = excluded.value";

const DELETE: &str = "DELETE FROM storage_entries WHERE key = ?3 AND storage_id =
     (SELECT storage_id FROM storages WHERE channel_id = ?1 AND module = ?2)";

/// The bytes of a key and its value, as [`StorageState`] counts them.
fn find_size(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT octet_length(key) + octet_length(value) FROM storages JOIN storage_entries USING (storage_id)
         WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
    find_row(connection, sql, params![channel, module, key], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::effect::{Commit, Effect, Scope};
    use crate::store::fixture::{CHANNEL, Fixture, commit, in_memory, save};
    use crate::store::sqlite::scopes;
    use crate::testing::{at_once, name};

    fn keys(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|(key, _)| key.as_str()).collect()
    }

    #[tokio::test]
    async fn a_storage_counts_the_bytes_and_keys_that_it_holds() {
        let fixture = Fixture::with_channel().await;
        let state = || at_once(fixture.store.load_entry(CHANNEL, &name("counter"), "é")).unwrap().0;
        assert_eq!(state(), StorageState::default());
        fixture.commit("1", vec![save("é", "four"), save("b", "")]).await;
        assert_eq!(state(), StorageState { revision: Revision(1), bytes: 2 + 4 + 1, keys: 2 });
        fixture.commit("2", vec![save("é", "1")]).await;
        assert_eq!(state(), StorageState { revision: Revision(2), bytes: 2 + 1 + 1, keys: 2 });
        let delete = |key: &str| Effect::Storage(name("counter"), StorageEffect::Delete { key: key.into() });
        fixture.commit("3", vec![delete("é"), delete("never there")]).await;
        assert_eq!(state(), StorageState { revision: Revision(3), bytes: 1, keys: 1 });
    }

    #[tokio::test]
    async fn the_version_that_wrote_last_is_noted() {
        let fixture = Fixture::with_channel().await;
        let written_by = |name: &str| at_once(fixture.store.load_written_by(CHANNEL, &name.parse().unwrap())).unwrap();
        assert_eq!(written_by("counter"), (StorageState::default(), None));
        let versions = [Some(semver::Version::new(1, 2, 3)), Some(semver::Version::new(1, 0, 0)), None];
        for (number, version) in (1..).zip(versions) {
            let commit = Commit { version: version.clone(), ..commit(&format!("{number}"), vec![save("key", "")]) };
            fixture.store.commit(commit).await.unwrap();
            assert_eq!(
                written_by("counter"),
                (StorageState { revision: Revision(number), bytes: 3, keys: 1 }, version)
            );
        }
        assert_eq!(written_by("other").1, None);
    }

    #[tokio::test]
    async fn a_module_sees_only_its_own_entries() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "secret")]).await;
        assert_eq!(fixture.store.load_entry(CHANNEL, &name("other"), "key").await.unwrap().1, None);
        assert_eq!(fixture.store.load_entry(ChannelId(8), &name("counter"), "key").await.unwrap().1, None);
        assert!(fixture.store.list_entries(CHANNEL, &name("other"), "", None, 10).await.unwrap().1.is_empty());
    }

    #[tokio::test]
    async fn a_listing_is_in_byte_order_within_the_prefix_and_goes_on_after_a_key() {
        let fixture = Fixture::with_channel().await;
        let all = ["a", "b", "b%", "b1", "b2", "bé", "b\u{10ffff}", "b\u{10ffff}x", "c"];
        fixture.commit("1", all.iter().rev().map(|key| save(key, "")).collect()).await;
        let list = |prefix: &str, after: Option<&str>, limit| {
            at_once(fixture.store.list_entries(CHANNEL, &name("counter"), prefix, after, limit)).unwrap()
        };
        assert_eq!(keys(&list("b", None, 100).1), all[1..8]);
        assert_eq!(keys(&list("b", Some("a"), 100).1), all[1..8]);
        assert_eq!(keys(&list("b", Some("b"), 2).1), ["b%", "b1"]);
        assert_eq!(keys(&list("b", Some("b1"), 2).1), ["b2", "bé"]);
        assert!(list("b", Some("c"), 100).1.is_empty());
        assert_eq!(keys(&list("", None, 2).1), ["a", "b"]);
        for (state, entries) in [list("b", None, 0), list("z", None, 100)] {
            assert_eq!((state.revision, state.keys, entries.len()), (Revision(1), 9, 0));
        }
    }

    #[tokio::test]
    async fn a_listing_is_capped_in_rows_and_in_bytes_and_never_empty_for_that() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", (0..150).map(|n| save(&format!("row{n:03}"), "")).collect()).await;
        fixture.commit("2", (0..5).map(|n| save(&format!("big{n}"), &"x".repeat(30_000))).collect()).await;
        fixture.commit("3", vec![save("huge", &"x".repeat(100_000))]).await;
        let list = |prefix: &str| {
            at_once(fixture.store.list_entries(CHANNEL, &name("counter"), prefix, None, 1000)).unwrap().1
        };
        assert_eq!(list("row").len(), MOST_ROWS);
        assert_eq!(keys(&list("big")), ["big0", "big1"]);
        assert_eq!(keys(&list("huge")), ["huge"]);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_entries_whatever_was_done(
            steps in prop::collection::vec((0_u8..6, prop::option::of("[aé]{0,5}")), 1..40)
        ) {
            let connection = in_memory();
            let counter = name("counter");
            scopes::raise_revision(&connection, &Scope::Storage { channel: CHANNEL, module: counter.clone() }).unwrap();
            let mut model = BTreeMap::new();
            for (key, value) in steps {
                let key = "k".repeat(key.into());
                match value {
                    Some(value) => {
                        let save = StorageEffect::Save { key: key.clone(), value: value.clone().into_bytes() };
                        apply(&connection, CHANNEL, &counter, &save).unwrap();
                        model.insert(key, value.into_bytes());
                    }
                    None => {
                        let delete = StorageEffect::Delete { key: key.clone() };
                        apply(&connection, CHANNEL, &counter, &delete).unwrap();
                        model.remove(&key);
                    }
                }
                let (state, entries) = list_entries(&connection, CHANNEL, &counter, "", None, 100).unwrap();
                prop_assert_eq!(state.keys, model.len() as u64);
                let bytes: usize = model.iter().map(|(key, value)| key.len() + value.len()).sum();
                prop_assert_eq!(state.bytes, bytes as u64);
                prop_assert_eq!(entries, model.clone().into_iter().collect::<Vec<_>>());
            }
        }
    }
}
