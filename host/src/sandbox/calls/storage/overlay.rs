//! A run's own writes to its module's storage, applied over the committed entries.

use std::collections::BTreeMap;

use crate::domain::effect::{Effect, StorageEffect};
use crate::domain::id::ModuleName;

pub(crate) type Entry = (String, Vec<u8>);

/// A run's own writes, and how they change the usage.
#[derive(Debug, Default)]
pub(crate) struct StorageOverlay {
    /// The last write of each key; `None` is a deletion.
    entries: BTreeMap<String, Option<Vec<u8>>>,
    /// Usage including this run's own writes; `None` before the storage is first read.
    usage: Option<Usage>,
}

/// How much a module keeps in a channel. `bytes` counts keys and values together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) bytes: u64,
    pub(crate) keys: u64,
}

impl Usage {
    /// The usage after the entry of `key` has changed from one value to another.
    fn with(self, key: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Usage {
        let size = |value: Option<&[u8]>| value.map_or(0, |value| (key.len() + value.len()) as u64);
        Usage {
            bytes: (self.bytes + size(after)).saturating_sub(size(before)),
            keys: (self.keys + u64::from(after.is_some())).saturating_sub(u64::from(before.is_some())),
        }
    }
}

impl StorageOverlay {
    /// Records the committed usage at the first read only: a later one would drop this run's own writes from the sum.
    pub(crate) fn note_usage(&mut self, committed: Usage) {
        self.usage.get_or_insert(committed);
    }

    /// This run's last write of the key; the inner `None` is a deletion.
    pub(crate) fn find(&self, key: &str) -> Option<&Option<Vec<u8>>> {
        self.entries.get(key)
    }

    /// Returns `None` and writes nothing if the result exceeds the quota.
    pub(crate) fn write(
        &mut self,
        key: &str,
        before: Option<&[u8]>,
        value: Option<Vec<u8>>,
        quota: Usage,
    ) -> Option<()> {
        if let Some(usage) = &mut self.usage {
            let next = usage.with(key, before, value.as_deref());
            // A module may exceed its quota after the quota was lowered. Such a module may still shrink.
            let is_full = (next.bytes > quota.bytes && next.bytes > usage.bytes)
                || (next.keys > quota.keys && next.keys > usage.keys);
            if is_full {
                return None;
            }
            *usage = next;
        }
        self.entries.insert(key.to_owned(), value);
        Some(())
    }

    /// Merges this run's own writes into a page of committed entries. `is_last` means that no page follows.
    pub(crate) fn merge(&self, prefix: &str, after: Option<&str>, page: Vec<Entry>, is_last: bool) -> Vec<Entry> {
        // Committed entries after a page's end are not known yet, so own entries there wait for the next page.
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

    pub(crate) fn into_effects(self, module: &ModuleName) -> Vec<Effect> {
        let effect = |(key, value)| match value {
            Some(value) => Effect::Storage(module.clone(), StorageEffect::Save { key, value }),
            None => Effect::Storage(module.clone(), StorageEffect::Delete { key }),
        };
        self.entries.into_iter().map(effect).collect()
    }
}
