//! Capability `storage`: the module's own entries in this channel.

pub(super) mod overlay;

use self::overlay::{Entry, Usage};
use super::error::{ContractError, EndRun, HostCallError, split};
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::effect::Scope;
use crate::domain::manifest::Capability;
use crate::domain::prefix::is_invisible;
use crate::sandbox::bindings::twitchy::command::storage::{self as wit, Host, StorageError};
use crate::sandbox::run::guest_log::GuestLog;
use crate::store::channel::storage::StorageState;
use crate::telemetry::lines::LineLevel;

/// Most bytes of a key and of a value.
const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 64 << 10;
/// Most entries and bytes of one listing.
const MOST_ENTRIES: u32 = 100;
const MOST_BYTES: usize = 64 << 10;

impl Host for Run {
    async fn load(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(load(self.enter(Capability::Storage, "load")?, &key).await?)
    }

    async fn save(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), StorageError>> {
        let saved = split(save(self.enter(Capability::Storage, "save")?, &key, value).await)?;
        log_full(&mut self.log, &saved);
        Ok(saved)
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        Ok(delete(self.enter(Capability::Storage, "delete")?, &key).await?)
    }

    async fn add(&mut self, key: String, amount: i64) -> wasmtime::Result<Result<i64, StorageError>> {
        let added = split(add(self.enter(Capability::Storage, "add")?, &key, amount).await)?;
        log_full(&mut self.log, &added);
        Ok(added)
    }

    async fn list_keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> wasmtime::Result<Vec<String>> {
        let entries =
            list_entries(self.enter(Capability::Storage, "list-keys")?, &prefix, after.as_deref(), limit).await?;
        Ok(entries.into_iter().map(|(key, _)| key).collect())
    }

    async fn list_entries(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Vec<wit::Entry>> {
        let entries =
            list_entries(self.enter(Capability::Storage, "list-entries")?, &prefix, after.as_deref(), limit).await?;
        Ok(entries.into_iter().map(|(key, value)| wit::Entry { key, value }).collect())
    }

    async fn written_by(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(written_by(self.enter(Capability::Storage, "written-by")?).await?.map(|version| version.to_string()))
    }
}

impl ContractError for StorageError {}

/// A module turns a full storage into a sentence for the chatter, so its author would not learn of it.
fn log_full<T>(log: &mut GuestLog, written: &Result<T, StorageError>) {
    if matches!(written, Err(StorageError::Full)) {
        log.write(LineLevel::Warn, "the storage in this channel is full: delete entries that are no longer needed");
    }
}

/// Returns `None` for a missing entry, and for an invalid key.
pub(super) async fn load(run: &mut Transaction, key: &str) -> Result<Option<Vec<u8>>, EndRun> {
    if check_key(key).is_err() {
        return Ok(None);
    }
    current_entry(run, key).await
}

pub(super) async fn save(run: &mut Transaction, key: &str, value: Vec<u8>) -> Result<(), HostCallError<StorageError>> {
    check_key(key)?;
    if value.len() > LONGEST_VALUE {
        return Err(StorageError::ValueTooLong.into());
    }
    write_entry(run, key, Some(value)).await
}

pub(super) async fn delete(run: &mut Transaction, key: &str) -> Result<(), EndRun> {
    if check_key(key).is_err() || current_entry(run, key).await?.is_none() {
        return Ok(());
    }
    match write_entry(run, key, None).await {
        Err(HostCallError::EndsRun(end)) => Err(end),
        // A deletion cannot exceed the quota.
        Ok(()) | Err(HostCallError::Returned(_)) => Ok(()),
    }
}

/// Adds to a stored number, or to 0 if the entry is missing, and returns the sum.
pub(super) async fn add(run: &mut Transaction, key: &str, amount: i64) -> Result<i64, HostCallError<StorageError>> {
    check_key(key)?;
    let number = match current_entry(run, key).await? {
        Some(value) => parse_number(&value).ok_or(StorageError::NotANumber)?,
        None => 0,
    };
    let sum = number.checked_add(amount).ok_or(StorageError::Overflow)?;
    write_entry(run, key, Some(sum.to_string().into_bytes())).await?;
    Ok(sum)
}

/// Entries whose keys begin with `prefix`, in byte order, strictly after `after`. Fewer than `limit` entries only at the
/// end or past 64 KiB, none only at the end.
pub(super) async fn list_entries(
    run: &mut Transaction,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Entry>, EndRun> {
    let limit = limit.min(MOST_ENTRIES) as usize;
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut after = after.map(str::to_owned);
    let mut merged = Vec::new();
    loop {
        let (channel, module) = (run.channel(), run.module());
        let (state, page) = run.world().store.list_entries(channel, module, prefix, after.as_deref(), limit).await?;
        note_storage(run, state)?;
        let end = page.last().map(|(key, _)| key.clone());
        merged.extend(run.storage().merge(prefix, after.as_deref(), page, end.is_none()));
        if end.is_none() || merged.len() >= limit || size_of(&merged) >= MOST_BYTES {
            return Ok(within_bytes(merged, limit));
        }
        // The page is short, and this run may have added entries beyond it.
        after = end;
    }
}

/// The version that wrote last before this run; `None` if none was recorded.
pub(super) async fn written_by(run: &mut Transaction) -> Result<Option<semver::Version>, EndRun> {
    let (state, version) = run.world().store.load_written_by(run.channel(), run.module()).await?;
    note_storage(run, state)?;
    Ok(version)
}

/// The value of a valid key, including this run's own writes.
async fn current_entry(run: &mut Transaction, key: &str) -> Result<Option<Vec<u8>>, EndRun> {
    if let Some(own) = run.storage().find(key) {
        return Ok(own.clone());
    }
    let (state, value) = run.world().store.load_entry(run.channel(), run.module(), key).await?;
    note_storage(run, state)?;
    Ok(value)
}

async fn write_entry(
    run: &mut Transaction,
    key: &str,
    value: Option<Vec<u8>>,
) -> Result<(), HostCallError<StorageError>> {
    let before = current_entry(run, key).await?;
    let limits = &run.world().limits;
    let quota = Usage { bytes: limits.storage_bytes, keys: limits.storage_keys };
    Ok(run.storage().write(key, before.as_deref(), value, quota).ok_or(StorageError::Full)?)
}

fn note_storage(run: &mut Transaction, state: StorageState) -> Result<(), EndRun> {
    run.note(Scope::Storage { channel: run.channel(), module: run.module().clone() }, state.revision)?;
    run.storage().note_usage(Usage { bytes: state.bytes, keys: state.keys });
    Ok(())
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if key.len() > LONGEST_KEY {
        return Err(StorageError::KeyTooLong);
    }
    let is_visible = |character: char| !character.is_control() && !is_invisible(character);
    let is_key = !key.is_empty() && key.chars().all(is_visible);
    is_key.then_some(()).ok_or(StorageError::KeyInvalid)
}

/// Parses decimal text as `add` writes it: no plus sign, no blanks.
fn parse_number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

fn size_of(entries: &[Entry]) -> usize {
    entries.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Keeps the first entries that fit into one listing; at least one, so that paging makes progress.
fn within_bytes(mut entries: Vec<Entry>, limit: usize) -> Vec<Entry> {
    entries.truncate(limit);
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|(key, value)| {
        bytes += key.len() + value.len();
        bytes <= MOST_BYTES
    });
    let count = fitting.count().max(1);
    entries.truncate(count);
    entries
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::fixture::{Fixture, SHOP, bank, error_of};
    use super::*;
    use crate::bench::BenchOptions;
    use crate::config::SandboxConfig;
    use crate::domain::effect::Committed;
    use crate::domain::manifest::{Grants, Manifest};
    use crate::sandbox::call::Call;
    use crate::testing::at_once;

    fn bench() -> Fixture {
        Fixture::new(BenchOptions::default())
    }

    fn small(storage_bytes: u64, storage_keys: u64) -> Fixture {
        Fixture::new(BenchOptions {
            limits: SandboxConfig { storage_bytes, storage_keys, ..<_>::default() },
            ..<_>::default()
        })
    }

    fn save_text(run: &mut Transaction, key: &str, value: &str) {
        at_once(save(run, key, value.into())).unwrap();
    }

    fn list_keys(run: &mut Transaction, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        let entries = at_once(list_entries(run, prefix, after, limit)).unwrap();
        entries.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_run_sees_its_own_writes_and_nobody_else_does_before_the_commit() {
        let bench = bench();
        let (mut writing, mut reading) = (bench.run("alice", ""), bench.run("bob", ""));
        save_text(&mut writing, "key", "first");
        save_text(&mut writing, "key", "second");
        save_text(&mut writing, "gone", "");
        at_once(delete(&mut writing, "gone")).unwrap();
        assert_eq!(at_once(load(&mut writing, "key")).unwrap(), Some(b"second".to_vec()));
        assert_eq!(list_keys(&mut writing, "", None, 10), ["key"]);
        assert_eq!(at_once(load(&mut reading, "key")).unwrap(), None);
        assert_eq!(bench.commit(writing), Committed::Done);
        assert_eq!(at_once(load(&mut bench.run("bob", ""), "key")).unwrap(), Some(b"second".to_vec()));
    }

    #[test]
    fn a_run_that_only_reads_commits_nothing() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        at_once(load(&mut run, "key")).unwrap();
        at_once(delete(&mut run, "key")).unwrap();
        at_once(list_entries(&mut run, "", None, 10)).unwrap();
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn a_write_in_between_is_a_conflict() {
        let bench = bench();
        let (mut first, mut second) = (bench.run("alice", ""), bench.run("bob", ""));
        assert_eq!(
            (at_once(add(&mut first, "count", 1)).unwrap(), at_once(add(&mut second, "count", 1)).unwrap()),
            (1, 1)
        );
        assert_eq!(bench.commit(first), Committed::Done);
        assert_eq!(bench.commit(second), Committed::Conflict);
        let mut again = bench.run("bob", "");
        assert_eq!(at_once(add(&mut again, "count", 1)).unwrap(), 2);
        assert_eq!(bench.commit(again), Committed::Done);
    }

    #[test]
    fn a_run_that_reads_two_revisions_ends_at_once() {
        let bench = bench();
        let mut reading = bench.run("alice", "");
        assert_eq!(at_once(load(&mut reading, "a")).unwrap(), None);
        let mut writing = bench.run("bob", "");
        save_text(&mut writing, "b", "");
        assert_eq!(bench.commit(writing), Committed::Done);
        assert!(matches!(at_once(load(&mut reading, "b")), Err(EndRun::Conflict)));
    }

    #[test]
    fn a_listing_conflicts_with_a_key_that_appears() {
        let bench = bench();
        let (mut counting, mut adding) = (bench.run("alice", ""), bench.run("bob", ""));
        let count = list_keys(&mut counting, "", None, 100).len();
        save_text(&mut counting, "count", &count.to_string());
        save_text(&mut adding, "one", "");
        assert_eq!(bench.commit(adding), Committed::Done);
        assert_eq!(bench.commit(counting), Committed::Conflict);
    }

    #[test]
    fn a_run_sees_which_version_wrote_last_and_not_its_own_writes() {
        let bench = bench();
        let begin = |version: &str| {
            let manifest = Manifest { version: version.parse().unwrap(), ..bank() };
            let (grants, invocation) = (Grants::all(&manifest), bench.invocation("alice", ""));
            let call = Call::new(Arc::new(manifest), grants, invocation);
            Transaction::new(Arc::clone(&bench.world), Arc::new(call))
        };
        let written_by = |run: &mut Transaction| at_once(written_by(run)).unwrap().map(|version| version.to_string());
        let mut first = begin("2.0.0-beta.1");
        save_text(&mut first, "key", "");
        assert_eq!(written_by(&mut first), None);
        let mut asking = begin("1.0.0");
        assert_eq!(written_by(&mut asking), None);
        save_text(&mut asking, "other", "");
        assert_eq!(bench.commit(first), Committed::Done);
        assert_eq!(bench.commit(asking), Committed::Conflict, "what it was told is true no more");
        // After a roll-back, the later version sees that the older one has written.
        let mut back = begin("1.0.0");
        assert_eq!(written_by(&mut back).as_deref(), Some("2.0.0-beta.1"));
        at_once(delete(&mut back, "key")).unwrap();
        assert_eq!(bench.commit(back), Committed::Done);
        assert_eq!(written_by(&mut begin("2.0.0-beta.1")).as_deref(), Some("1.0.0"));
    }

    #[test]
    fn keys_and_values_have_limits() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        let longest = "k".repeat(LONGEST_KEY);
        assert!(at_once(save(&mut run, &longest, vec![0; LONGEST_VALUE])).is_ok());
        assert_eq!(error_of(at_once(save(&mut run, "k", vec![0; LONGEST_VALUE + 1]))), StorageError::ValueTooLong);
        let too_long = longest + "k";
        for (key, error) in [
            (too_long.as_str(), StorageError::KeyTooLong),
            ("", StorageError::KeyInvalid),
            ("a\nb", StorageError::KeyInvalid),
            ("a\0", StorageError::KeyInvalid),
            ("\u{202e}a", StorageError::KeyInvalid),
        ] {
            assert_eq!(error_of(at_once(save(&mut run, key, Vec::new()))), error, "{key:?}");
            assert_eq!(error_of(at_once(add(&mut run, key, 1))), error, "{key:?}");
            assert_eq!(at_once(load(&mut run, key)).unwrap(), None);
            at_once(delete(&mut run, key)).unwrap();
        }
    }

    #[test]
    fn the_quota_counts_what_a_run_writes() {
        let bench = small(20, 3);
        let mut run = bench.run("alice", "");
        save_text(&mut run, "a", "123456789");
        save_text(&mut run, "b", "123456789");
        assert_eq!(error_of(at_once(save(&mut run, "c", Vec::new()))), StorageError::Full);
        // Replacing a value frees the old one's bytes.
        save_text(&mut run, "b", "12345");
        save_text(&mut run, "c", "");
        assert_eq!(error_of(at_once(save(&mut run, "d", Vec::new()))), StorageError::Full);
        at_once(delete(&mut run, "a")).unwrap();
        save_text(&mut run, "d", "");
        assert_eq!(bench.commit(run), Committed::Done);
        let (state, _) = at_once(bench.world.store.load_entry(SHOP, &"bank".parse().unwrap(), "a")).unwrap();
        assert_eq!((state.bytes, state.keys), (8, 3));
        assert_eq!(error_of(at_once(save(&mut bench.run("alice", ""), "e", Vec::new()))), StorageError::Full);
    }

    #[test]
    fn a_number_is_added_to_exactly() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        assert_eq!(at_once(add(&mut run, "n", -5)).unwrap(), -5);
        assert_eq!(at_once(add(&mut run, "n", i64::MAX)).unwrap(), i64::MAX - 5);
        assert_eq!(error_of(at_once(add(&mut run, "n", 6))), StorageError::Overflow);
        assert_eq!(at_once(load(&mut run, "n")).unwrap(), Some((i64::MAX - 5).to_string().into_bytes()));
        for text in ["", "1.5", "+1", " 1", "one", "9223372036854775808"] {
            save_text(&mut run, "n", text);
            assert_eq!(error_of(at_once(add(&mut run, "n", 1))), StorageError::NotANumber, "{text:?}");
        }
    }

    #[test]
    fn a_large_listing_comes_in_pages() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        for key in ["a", "b", "c"] {
            at_once(save(&mut run, key, vec![0; 30 << 10])).unwrap();
        }
        assert_eq!(list_keys(&mut run, "", None, 100), ["a", "b"]);
        assert_eq!(list_keys(&mut run, "", Some("b"), 100), ["c"]);
        assert!(list_keys(&mut run, "", None, 0).is_empty());
    }

    /// Short keys, so that committed entries, own writes and deletions collide.
    fn writes() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
        vec(("[ab]{1,3}", proptest::option::of(vec(any::<u8>(), 0..3))), 0..12)
    }

    #[test]
    fn pages_together_are_the_whole_listing() {
        let bench = bench();
        let cases = Cell::new(0);
        proptest!(ProptestConfig::with_cases(48), |(committed in writes(), own in writes(), page in 1_u32..5)| {
            // Each case has a key prefix of its own.
            cases.set(cases.get() + 1);
            let corner = format!("{}/", cases.get());
            let mut expected = BTreeMap::new();
            let mut first = bench.run("alice", "");
            let mut write = |run: &mut Transaction, writes: Vec<(String, Option<Vec<u8>>)>| {
                for (key, value) in writes {
                    let key = corner.clone() + &key;
                    match value {
                        Some(value) => {
                            at_once(save(run, &key, value.clone())).unwrap();
                            expected.insert(key, value);
                        }
                        None => {
                            at_once(delete(run, &key)).unwrap();
                            expected.remove(&key);
                        }
                    }
                }
            };
            write(&mut first, committed);
            if let Some(commit) = first.finish(&[]) {
                prop_assert_eq!(bench.commit_data(&commit), Committed::Done);
            }
            let mut second = bench.run("alice", "");
            write(&mut second, own);
            let mut listed: Vec<Entry> = Vec::new();
            loop {
                let after = listed.last().map(|(key, _)| key.as_str());
                let next = at_once(list_entries(&mut second, &corner, after, page)).unwrap();
                prop_assert!(next.len() <= page as usize);
                if next.is_empty() {
                    break;
                }
                listed.extend(next);
            }
            prop_assert_eq!(listed, expected.into_iter().collect::<Vec<_>>());
        });
    }
}
