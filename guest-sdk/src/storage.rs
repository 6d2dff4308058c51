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
//!
//! /// A listing has at most 100 entries and 64 KiB, so ask again until it is empty.
//! fn list_huggers() -> Vec<String> {
//!     let mut keys = storage::list_keys("hugs/", None, 100);
//!     loop {
//!         let more = storage::list_keys("hugs/", keys.last().map(String::as_str), 100);
//!         if more.is_empty() {
//!             return keys;
//!         }
//!         keys.extend(more);
//!     }
//! }
//!
//! fn forget_the_last() -> Option<Vec<u8>> {
//!     let last = storage::load("last");
//!     storage::delete("last");
//!     last
//! }
//!
//! fn find_first() -> Option<(String, Vec<u8>)> {
//!     storage::list_entries("hugs/", None, 1).into_iter().map(|entry| (entry.key, entry.value)).next()
//! }
//! ```
//!
//! # Values of any type
//!
//! [`save_as`] and [`load_as`] keep a value of a type of your own, as JSON, which makes a
//! component 70 KB larger. The type derives `Serialize` and `Deserialize`
//! of the crate `serde`:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use twitchy_sdk::{CommandError, storage};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Score {
//!     won: u32,
//!     lost: u32,
//! }
//!
//! fn win(chatter: &str) -> Result<u32, CommandError> {
//!     let key = format!("score/{chatter}");
//!     let mut score: Score = storage::load_as(&key)?.unwrap_or_default();
//!     score.won += 1;
//!     storage::save_as(&key, &score)?;
//!     Ok(score.won)
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
/// ```no_run
/// # fn example() -> Result<(), twitchy_sdk::CommandError> {
/// twitchy_sdk::storage::save("motto", "be kind")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the key or the value is invalid, or the store is full.
pub fn save(key: &str, value: impl AsRef<[u8]>) -> Result<(), StorageError> {
    storage::save(key, value.as_ref())
}

/// Loads a value as text; `None` if there is no entry, or if the value is not UTF-8.
///
/// ```no_run
/// let motto = twitchy_sdk::storage::load_text("motto").unwrap_or_default();
/// ```
pub fn load_text(key: &str) -> Option<String> {
    String::from_utf8(load(key)?).ok()
}

/// Saves a value of any type under the key, as JSON, and replaces an earlier one.
///
/// ```no_run
/// # fn example() -> Result<(), twitchy_sdk::CommandError> {
/// twitchy_sdk::storage::save_as("options", &["tea", "coffee"])?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`save`]; and if JSON cannot hold the value, such as a map whose keys are no texts.
pub fn save_as<T: serde_core::Serialize + ?Sized>(key: &str, value: &T) -> Result<(), CommandError> {
    let wrong = |error: serde_json::Error| json_error(key, &error);
    Ok(save(key, serde_json::to_vec(value).map_err(wrong)?)?)
}

/// Loads what [`save_as`] saved; `None` if there is no entry.
///
/// ```no_run
/// # fn example() -> Result<(), twitchy_sdk::CommandError> {
/// let options: Option<Vec<String>> = twitchy_sdk::storage::load_as("options")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the entry is no `T`, for example because an older version wrote it. The entry stays as it is.
pub fn load_as<T: serde_core::de::DeserializeOwned>(key: &str) -> Result<Option<T>, CommandError> {
    let parse = |value: Vec<u8>| serde_json::from_slice(&value).map_err(|error| json_error(key, &error));
    load(key).map(parse).transpose()
}

fn json_error(key: &str, error: &serde_json::Error) -> CommandError {
    CommandError::unavailable(format!("storage: the entry {key} is not of the module's type: {error}"))
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
