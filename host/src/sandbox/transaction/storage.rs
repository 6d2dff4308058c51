//! Capability `storage`: the module's own entries in this channel.

use std::collections::BTreeMap;

use super::{Fault, HostCallError, Transaction};
use crate::domain::effect::{Effect, Scope, StorageEffect};
use crate::domain::id::ModuleName;
use crate::domain::manifest::Capability;
use crate::domain::prefix::is_invisible;
use crate::store::channel::storage::StorageState;

/// Bytes.
const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 64 << 10;
/// Entries and bytes of one listing.
const MOST_ENTRIES: u32 = 100;
const MOST_BYTES: usize = 64 << 10;

/// Why an entry is not saved. The cases are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    #[error("a key is visible text")]
    KeyInvalid,
    #[error("the key is too long")]
    KeyTooLong,
    #[error("the value is too long")]
    ValueTooLong,
    #[error("the module's storage in this channel is full")]
    Full,
    #[error("no number is stored there")]
    NotANumber,
    #[error("the sum is too large")]
    Overflow,
}

/// A run's own writes, and what they leave of the quota.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// The last write of each key, None where it deleted.
    entries: BTreeMap<String, Option<Vec<u8>>>,
    /// With this run's own writes; None before the storage is first read.
    usage: Option<Usage>,
}

/// How much a module keeps in a channel; bytes of keys and values together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usage {
    bytes: u64,
    keys: u64,
}

impl Usage {
    /// With the entry of `key` changed from one value to another.
    fn with(self, key: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Usage {
        let size = |value: Option<&[u8]>| value.map_or(0, |value| (key.len() + value.len()) as u64);
        Usage {
            bytes: (self.bytes + size(after)).saturating_sub(size(before)),
            keys: (self.keys + u64::from(after.is_some())).saturating_sub(u64::from(before.is_some())),
        }
    }
}

impl Overlay {
    pub(super) fn into_effects(self, module: &ModuleName) -> Vec<Effect> {
        let effect = |(key, value)| match value {
            Some(value) => Effect::Storage(module.clone(), StorageEffect::Save { key, value }),
            None => Effect::Storage(module.clone(), StorageEffect::Delete { key }),
        };
        self.entries.into_iter().map(effect).collect()
    }

    /// This run's own writes among a page of committed entries: `is_last` where no page follows.
    fn merge(&self, prefix: &str, after: Option<&str>, page: Vec<Entry>, is_last: bool) -> Vec<Entry> {
        // Beyond the end of a page that others follow, committed entries are unknown: own ones there come with them.
        let end = page.last().map(|(key, _)| key.clone());
        let mut merged: BTreeMap<String, Vec<u8>> = page.into_iter().collect();
        let own = self.entries.iter().filter(|(key, _)| {
            key.starts_with(prefix)
                && after.is_none_or(|after| key.as_str() > after)
                && (is_last || Some(*key) <= end.as_ref())
        });
        for (key, value) in own {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        merged.into_iter().collect()
    }
}

type Entry = (String, Vec<u8>);

impl Transaction {
    /// None where there is nothing, a key that could not exist included.
    pub fn load(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.require(Capability::Storage)?;
        if check_key(key).is_err() {
            return Ok(None);
        }
        self.current_entry(key)
    }

    pub fn save(&mut self, key: &str, value: Vec<u8>) -> Result<(), HostCallError<StorageError>> {
        self.require(Capability::Storage)?;
        check_key(key).map_err(HostCallError::Told)?;
        if value.len() > LONGEST_VALUE {
            return Err(HostCallError::Told(StorageError::ValueTooLong));
        }
        self.write_entry(key, Some(value))
    }

    pub fn delete(&mut self, key: &str) -> Result<(), Fault> {
        self.require(Capability::Storage)?;
        if check_key(key).is_err() || self.current_entry(key)?.is_none() {
            return Ok(());
        }
        match self.write_entry(key, None) {
            Err(HostCallError::Fault(fault)) => Err(fault),
            // A deletion never fills the storage.
            Ok(()) | Err(HostCallError::Told(_)) => Ok(()),
        }
    }

    /// Adds to a number, 0 where there is none, and returns the sum.
    pub fn add(&mut self, key: &str, amount: i64) -> Result<i64, HostCallError<StorageError>> {
        self.require(Capability::Storage)?;
        check_key(key).map_err(HostCallError::Told)?;
        let number = match self.current_entry(key)? {
            Some(value) => parse_number(&value).ok_or(HostCallError::Told(StorageError::NotANumber))?,
            None => 0,
        };
        let sum = number.checked_add(amount).ok_or(HostCallError::Told(StorageError::Overflow))?;
        self.write_entry(key, Some(sum.to_string().into_bytes()))?;
        Ok(sum)
    }

    /// Keys that begin with `prefix`, in byte order, strictly after `after`.
    pub fn list_keys(&mut self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Fault> {
        let entries = self.list_entries(prefix, after, limit)?;
        Ok(entries.into_iter().map(|(key, _)| key).collect())
    }

    /// The same with values. Fewer than `limit` only at the end or past 64 KiB, empty only at the end.
    pub fn list_entries(&mut self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Entry>, Fault> {
        self.require(Capability::Storage)?;
        let limit = limit.min(MOST_ENTRIES) as usize;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut after = after.map(str::to_owned);
        let mut merged = Vec::new();
        loop {
            let (channel, module) = (self.channel(), self.module());
            let (state, page) = self.world.store.list_entries(channel, module, prefix, after.as_deref(), limit)?;
            self.note_storage(state)?;
            let end = page.last().map(|(key, _)| key.clone());
            merged.extend(self.storage.merge(prefix, after.as_deref(), page, end.is_none()));
            if end.is_none() || merged.len() >= limit || size_of(&merged) >= MOST_BYTES {
                return Ok(within_bytes(merged, limit));
            }
            // A short page may hide what this run added behind it.
            after = end;
        }
    }

    /// The version that wrote last before this run; None where it was never noted.
    pub fn written_by(&mut self) -> Result<Option<semver::Version>, Fault> {
        self.require(Capability::Storage)?;
        let (state, version) = self.world.store.load_written_by(self.channel(), self.module())?;
        self.note_storage(state)?;
        Ok(version)
    }

    /// What is stored under a valid key, this run's own writes included.
    fn current_entry(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        if let Some(own) = self.storage.entries.get(key) {
            return Ok(own.clone());
        }
        let (state, value) = self.world.store.load_entry(self.channel(), self.module(), key)?;
        self.note_storage(state)?;
        Ok(value)
    }

    fn write_entry(&mut self, key: &str, value: Option<Vec<u8>>) -> Result<(), HostCallError<StorageError>> {
        let before = self.current_entry(key)?;
        if let Some(usage) = &mut self.storage.usage {
            let next = usage.with(key, before.as_deref(), value.as_deref());
            let limits = &self.world.limits;
            // Whoever is over a quota that was lowered may still shrink.
            let is_full = (next.bytes > limits.storage_bytes && next.bytes > usage.bytes)
                || (next.keys > limits.storage_keys && next.keys > usage.keys);
            if is_full {
                return Err(HostCallError::Told(StorageError::Full));
            }
            *usage = next;
        }
        self.storage.entries.insert(key.to_owned(), value);
        Ok(())
    }

    fn note_storage(&mut self, state: StorageState) -> Result<(), Fault> {
        let scope = Scope::Storage { channel: self.channel(), module: self.module().clone() };
        self.note(scope, state.revision)?;
        self.storage.usage.get_or_insert(Usage { bytes: state.bytes, keys: state.keys });
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if key.len() > LONGEST_KEY {
        return Err(StorageError::KeyTooLong);
    }
    let is_visible = |character: char| !character.is_control() && !is_invisible(character);
    let is_key = !key.is_empty() && key.chars().all(is_visible);
    is_key.then_some(()).ok_or(StorageError::KeyInvalid)
}

/// Decimal text as `add` writes it: no plus sign, no blanks.
fn parse_number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

fn size_of(entries: &[Entry]) -> usize {
    entries.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// The first entries that fit into one answer; at least one, where there is one.
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
    use std::sync::Arc;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::Call;
    use super::super::fixture::{Bench, Terms, bank, told};
    use super::*;
    use crate::config::SandboxConfig;
    use crate::domain::effect::Committed;
    use crate::domain::manifest::{Grants, Manifest};

    fn bench() -> Bench {
        Bench::new(Terms::default())
    }

    fn small(storage_bytes: u64, storage_keys: u64) -> Bench {
        Bench::new(Terms { limits: SandboxConfig { storage_bytes, storage_keys, ..<_>::default() }, ..<_>::default() })
    }

    fn save(run: &mut Transaction, key: &str, value: &str) {
        run.save(key, value.into()).unwrap();
    }

    #[test]
    fn a_run_sees_its_own_writes_and_nobody_else_does_before_the_commit() {
        let bench = bench();
        let (mut writing, mut reading) = (bench.run("alice", ""), bench.run("bob", ""));
        save(&mut writing, "key", "first");
        save(&mut writing, "key", "second");
        save(&mut writing, "gone", "");
        writing.delete("gone").unwrap();
        assert_eq!(writing.load("key").unwrap(), Some(b"second".to_vec()));
        assert_eq!(writing.list_keys("", None, 10).unwrap(), ["key"]);
        assert_eq!(reading.load("key").unwrap(), None);
        assert_eq!(bench.commit(writing), Committed::Done);
        assert_eq!(bench.run("bob", "").load("key").unwrap(), Some(b"second".to_vec()));
    }

    #[test]
    fn a_run_that_only_reads_commits_nothing() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        run.load("key").unwrap();
        run.delete("key").unwrap();
        run.list_entries("", None, 10).unwrap();
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn a_write_in_between_is_a_conflict() {
        let bench = bench();
        let (mut first, mut second) = (bench.run("alice", ""), bench.run("bob", ""));
        assert_eq!((first.add("count", 1).unwrap(), second.add("count", 1).unwrap()), (1, 1));
        assert_eq!(bench.commit(first), Committed::Done);
        assert_eq!(bench.commit(second), Committed::Conflict);
        let mut again = bench.run("bob", "");
        assert_eq!(again.add("count", 1).unwrap(), 2);
        assert_eq!(bench.commit(again), Committed::Done);
    }

    #[test]
    fn a_run_that_reads_two_revisions_ends_at_once() {
        let bench = bench();
        let mut reading = bench.run("alice", "");
        assert_eq!(reading.load("a").unwrap(), None);
        let mut writing = bench.run("bob", "");
        save(&mut writing, "b", "");
        assert_eq!(bench.commit(writing), Committed::Done);
        assert!(matches!(reading.load("b"), Err(Fault::Conflict)));
    }

    #[test]
    fn a_listing_conflicts_with_a_key_that_appears() {
        let bench = bench();
        let (mut counting, mut adding) = (bench.run("alice", ""), bench.run("bob", ""));
        let count = counting.list_keys("", None, 100).unwrap().len();
        save(&mut counting, "count", &count.to_string());
        save(&mut adding, "one", "");
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
        let written_by = |run: &mut Transaction| run.written_by().unwrap().map(|version| version.to_string());
        let mut first = begin("2.0.0-beta.1");
        save(&mut first, "key", "");
        assert_eq!(written_by(&mut first), None);
        let mut asking = begin("1.0.0");
        assert_eq!(written_by(&mut asking), None);
        save(&mut asking, "other", "");
        assert_eq!(bench.commit(first), Committed::Done);
        assert_eq!(bench.commit(asking), Committed::Conflict, "what it was told is true no more");
        // Going back to an older version is seen by the later one.
        let mut back = begin("1.0.0");
        assert_eq!(written_by(&mut back).as_deref(), Some("2.0.0-beta.1"));
        back.delete("key").unwrap();
        assert_eq!(bench.commit(back), Committed::Done);
        assert_eq!(written_by(&mut begin("2.0.0-beta.1")).as_deref(), Some("1.0.0"));
    }

    #[test]
    fn keys_and_values_have_limits() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        let longest = "k".repeat(LONGEST_KEY);
        assert!(run.save(&longest, vec![0; LONGEST_VALUE]).is_ok());
        assert_eq!(told(run.save("k", vec![0; LONGEST_VALUE + 1])), StorageError::ValueTooLong);
        let too_long = longest + "k";
        for (key, error) in [
            (too_long.as_str(), StorageError::KeyTooLong),
            ("", StorageError::KeyInvalid),
            ("a\nb", StorageError::KeyInvalid),
            ("a\0", StorageError::KeyInvalid),
            ("\u{202e}a", StorageError::KeyInvalid),
        ] {
            assert_eq!(told(run.save(key, Vec::new())), error, "{key:?}");
            assert_eq!(told(run.add(key, 1)), error, "{key:?}");
            assert_eq!(run.load(key).unwrap(), None);
            run.delete(key).unwrap();
        }
    }

    #[test]
    fn the_quota_counts_what_a_run_writes() {
        let bench = small(20, 3);
        let mut run = bench.run("alice", "");
        save(&mut run, "a", "123456789");
        save(&mut run, "b", "123456789");
        assert_eq!(told(run.save("c", Vec::new())), StorageError::Full);
        // Replacing frees what was there.
        save(&mut run, "b", "12345");
        save(&mut run, "c", "");
        assert_eq!(told(run.save("d", Vec::new())), StorageError::Full);
        run.delete("a").unwrap();
        save(&mut run, "d", "");
        assert_eq!(bench.commit(run), Committed::Done);
        let (state, _) =
            bench.world.store.load_entry(super::super::fixture::SHOP, &"bank".parse().unwrap(), "a").unwrap();
        assert_eq!((state.bytes, state.keys), (8, 3));
        assert_eq!(told(bench.run("alice", "").save("e", Vec::new())), StorageError::Full);
    }

    #[test]
    fn a_number_is_added_to_exactly() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        assert_eq!(run.add("n", -5).unwrap(), -5);
        assert_eq!(run.add("n", i64::MAX).unwrap(), i64::MAX - 5);
        assert_eq!(told(run.add("n", 6)), StorageError::Overflow);
        assert_eq!(run.load("n").unwrap(), Some((i64::MAX - 5).to_string().into_bytes()));
        for text in ["", "1.5", "+1", " 1", "one", "9223372036854775808"] {
            save(&mut run, "n", text);
            assert_eq!(told(run.add("n", 1)), StorageError::NotANumber, "{text:?}");
        }
    }

    #[test]
    fn a_large_listing_comes_in_pages() {
        let bench = bench();
        let mut run = bench.run("alice", "");
        for key in ["a", "b", "c"] {
            run.save(key, vec![0; 30 << 10]).unwrap();
        }
        assert_eq!(run.list_keys("", None, 100).unwrap(), ["a", "b"]);
        assert_eq!(run.list_keys("", Some("b"), 100).unwrap(), ["c"]);
        assert!(run.list_keys("", None, 0).unwrap().is_empty());
    }

    /// Small keys, so that committed entries, own writes and deletions meet.
    fn writes() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
        vec(("[ab]{1,3}", proptest::option::of(vec(any::<u8>(), 0..3))), 0..12)
    }

    #[test]
    fn pages_together_are_the_whole_listing() {
        let bench = bench();
        let cases = Cell::new(0);
        proptest!(ProptestConfig::with_cases(48), |(committed in writes(), own in writes(), page in 1_u32..5)| {
            // A corner of the storage of its own for each case.
            cases.set(cases.get() + 1);
            let corner = format!("{}/", cases.get());
            let mut expected = BTreeMap::new();
            let mut first = bench.run("alice", "");
            let mut write = |run: &mut Transaction, writes: Vec<(String, Option<Vec<u8>>)>| {
                for (key, value) in writes {
                    let key = corner.clone() + &key;
                    match value {
                        Some(value) => {
                            run.save(&key, value.clone()).unwrap();
                            expected.insert(key, value);
                        }
                        None => {
                            run.delete(&key).unwrap();
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
                let next = second.list_entries(&corner, after, page).unwrap();
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
