//! Capability `storage`: a private key-value store, this module's in this channel.

use crate::CommandError;
use crate::bindings::twitchy::command::storage;
pub use crate::bindings::twitchy::command::storage::{Entry, StorageError, add, delete, list_entries, list_keys, load};

/// # Errors
/// Where the key or the value cannot be kept.
pub fn save(key: &str, value: impl AsRef<[u8]>) -> Result<(), StorageError> {
    storage::save(key, value.as_ref())
}

/// What was saved as text; none where there is nothing, or something else.
pub fn load_text(key: &str) -> Option<String> {
    String::from_utf8(load(key)?).ok()
}

impl From<StorageError> for CommandError {
    /// All but a full store are mistakes of the module, and for its log.
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Full => Self::refused("there is no room left for that"),
            StorageError::KeyInvalid => Self::unavailable("storage: a key is invalid"),
            StorageError::KeyTooLong => Self::unavailable("storage: a key is too long"),
            StorageError::ValueTooLong => Self::unavailable("storage: a value is too long"),
            StorageError::NotANumber => Self::unavailable("storage: a value is no number"),
            StorageError::Overflow => Self::unavailable("storage: a sum is too large"),
        }
    }
}
