//! `storage`: the module's own entries in this channel.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::storage::{Entry, Host, StorageError};
use crate::sandbox::run::door::{EndRun, Run, answered, told};
use crate::sandbox::transaction::{Transaction, storage};

impl Run {
    fn enter_storage(&mut self) -> Result<&mut Transaction, EndRun> {
        self.enter(Capability::Storage)
    }
}

impl Host for Run {
    fn load(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        answered(self.enter_storage()?.load(&key))
    }

    fn save(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), StorageError>> {
        told(self.enter_storage()?.save(&key, value))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        answered(self.enter_storage()?.delete(&key))
    }

    fn add(&mut self, key: String, amount: i64) -> wasmtime::Result<Result<i64, StorageError>> {
        told(self.enter_storage()?.add(&key, amount))
    }

    fn list_keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> wasmtime::Result<Vec<String>> {
        answered(self.enter_storage()?.list_keys(&prefix, after.as_deref(), limit))
    }

    fn list_entries(&mut self, prefix: String, after: Option<String>, limit: u32) -> wasmtime::Result<Vec<Entry>> {
        let entries = answered(self.enter_storage()?.list_entries(&prefix, after.as_deref(), limit))?;
        Ok(entries.into_iter().map(|(key, value)| Entry { key, value }).collect())
    }

    fn written_by(&mut self) -> wasmtime::Result<Option<String>> {
        let version = answered(self.enter_storage()?.written_by())?;
        Ok(version.map(|version| version.to_string()))
    }
}

impl From<storage::StorageError> for StorageError {
    fn from(error: storage::StorageError) -> Self {
        match error {
            storage::StorageError::KeyInvalid => StorageError::KeyInvalid,
            storage::StorageError::KeyTooLong => StorageError::KeyTooLong,
            storage::StorageError::ValueTooLong => StorageError::ValueTooLong,
            storage::StorageError::Full => StorageError::Full,
            storage::StorageError::NotANumber => StorageError::NotANumber,
            storage::StorageError::Overflow => StorageError::Overflow,
        }
    }
}
