//! Capability `storage`: a key-value store that belongs to this module in this channel.
//!
//! The creator of a channel grants it. A key is 1 to 256 bytes of visible text, a value at most 64 KiB. The store holds
//! at most 256 KiB and 1,000 keys, unless the operator changes that.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, Invocation, Replies, answer, storage};
//!
//! fn count_hugs(invocation: &Invocation) -> Result<Replies, CommandError> {
//!     let own = storage::add(&format!("hugs/{}", invocation.chatter.id), 1)?;
//!     storage::save("last", &invocation.chatter.login)?;
//!     Ok(answer(format!("that was your hug number {own}")))
//! }
//! ```
//!
//! # When a new version stores something else
//!
//! All versions of a module share the store, and any of them may run here next: a channel may roll back to an older
//! one. So read what older versions wrote, keep entries that you do not know, and if a format changes put its number
//! into the keys (`2/score/...`). [`written_by`] says whether there are entries to convert:
//!
//! ```no_run
//! # fn bring_over_old_scores() {}
//! use twitchy_sdk::storage;
//!
//! if storage::written_by().is_some_and(|version| version.starts_with("1.")) {
//!     bring_over_old_scores();
//! }
//! ```

use crate::CommandError;
pub use crate::bindings::twitchy::command::storage::{Entry, StorageError};
use crate::host::storage;
pub use crate::host::storage::{add, delete, list_entries, list_keys, load, written_by};

/// Saves the value under the key, and replaces an earlier one.
///
/// # Errors
/// If the key or the value is invalid, or the store is full.
pub fn save(key: &str, value: impl AsRef<[u8]>) -> Result<(), StorageError> {
    storage::save(key, value.as_ref())
}

/// Loads a value as text; `None` if there is no entry, or if the value is not UTF-8.
pub fn load_text(key: &str) -> Option<String> {
    String::from_utf8(load(key)?).ok()
}

impl From<StorageError> for CommandError {
    /// All errors but a full store are mistakes of the module, and meant for its log.
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
