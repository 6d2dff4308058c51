//! Capability `storage`: the module's own entries in this channel.

use std::collections::BTreeMap;

use super::{Fault, HostCallError, Transaction};
use crate::domain::effect::{Effect, Scope};
use crate::domain::id::ModuleName;
use crate::domain::manifest::Capability;
use crate::domain::prefix::is_invisible;
use crate::store::storage::StorageState;

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
            Some(value) => Effect::SaveEntry { module: module.clone(), key, value },
            None => Effect::DeleteEntry { module: module.clone(), key },
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

    /// The same with values. Empty only where nothing follows, or the limit is 0.
    pub fn list_entries(&mut self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Entry>, Fault> {
        self.require(Capability::Storage)?;
        let limit = limit.min(MOST_ENTRIES) as usize;
        let mut after = after.map(str::to_owned);
        if limit == 0 {
            return Ok(Vec::new());
        }
        loop {
            let (channel, module) = (self.channel(), self.module());
            let (state, page) = self.world.store.list_entries(channel, module, prefix, after.as_deref(), limit)?;
            self.note_storage(state)?;
            let end = page.last().map(|(key, _)| key.clone());
            let merged = self.storage.merge(prefix, after.as_deref(), page, end.is_none());
            // A page of which this run deleted everything is not the end.
            if !merged.is_empty() || end.is_none() {
                return Ok(within_bytes(merged, limit));
            }
            after = end;
        }
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
