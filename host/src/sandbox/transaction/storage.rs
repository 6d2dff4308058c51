//! Capability `storage`: the module's own entries in this channel.

use std::collections::BTreeMap;

use super::{Fault, HostCallError, Transaction};
use crate::domain::effect::Effect;
use crate::domain::id::ModuleName;

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

/// A run's own writes: the last one of each key, None where it deleted.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    entries: BTreeMap<String, Option<Vec<u8>>>,
}

impl Overlay {
    pub(super) fn into_effects(self, module: &ModuleName) -> Vec<Effect> {
        let effect = |(key, value)| match value {
            Some(value) => Effect::SaveEntry { module: module.clone(), key, value },
            None => Effect::DeleteEntry { module: module.clone(), key },
        };
        self.entries.into_iter().map(effect).collect()
    }
}

impl Transaction {
    /// None where there is nothing, a key that could not exist included.
    pub fn load(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let _ = key;
        todo!()
    }

    pub fn save(&mut self, key: &str, value: Vec<u8>) -> Result<(), HostCallError<StorageError>> {
        let _ = (key, value);
        todo!()
    }

    pub fn delete(&mut self, key: &str) -> Result<(), Fault> {
        let _ = key;
        todo!()
    }

    /// Adds to a number, 0 where there is none, and returns the sum.
    pub fn add(&mut self, key: &str, amount: i64) -> Result<i64, HostCallError<StorageError>> {
        let _ = (key, amount);
        todo!()
    }

    /// Keys that begin with `prefix`, in byte order, strictly after `after`.
    pub fn list_keys(&mut self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Fault> {
        let _ = (prefix, after, limit);
        todo!()
    }

    /// The same with values.
    pub fn list_entries(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        let _ = (prefix, after, limit);
        todo!()
    }
}
