//! Modules' key-value entries.

use super::{Store, StoreError};
use crate::domain::effect::Revision;
use crate::domain::id::{ChannelId, ModuleName};

/// Where a module's storage in a channel stands: all zero where nothing was ever saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageState {
    pub revision: Revision,
    /// Of keys and values together.
    pub bytes: u64,
    pub keys: u64,
}

impl Store {
    pub fn load_entry(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<(StorageState, Option<Vec<u8>>), StoreError> {
        let _ = (channel, module, key);
        todo!()
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
    ) -> Result<(StorageState, Vec<(String, Vec<u8>)>), StoreError> {
        let _ = (channel, module, prefix, after, limit);
        todo!()
    }
}
