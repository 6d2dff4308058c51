//! Capability `storage`.

use crate::bindings::twitchy::command::storage::{Entry, StorageError};
use crate::testing::world::World;

const LONGEST_KEY: usize = 256;
const LONGEST_VALUE: usize = 64 << 10;
/// Bytes of all keys and values, and the number of keys.
const MOST_BYTES: usize = 256 << 10;
const MOST_KEYS: usize = 1000;
/// Most entries and bytes of one listing.
const MOST_LISTED: usize = 100;
const MOST_LISTED_BYTES: usize = 64 << 10;

pub(crate) fn load(world: &mut World, key: &str) -> Option<Vec<u8>> {
    world.kept.entries.get(key).cloned()
}

pub(crate) fn save(world: &mut World, key: &str, value: &[u8]) -> Result<(), StorageError> {
    check_key(key)?;
    if value.len() > LONGEST_VALUE {
        return Err(StorageError::ValueTooLong);
    }
    let entries = &mut world.kept.entries;
    let before = entries.get(key).map(|value| key.len() + value.len());
    let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    let size = key.len() + value.len();
    // A store that is past its limits may still shrink.
    let is_over = bytes + size - before.unwrap_or(0) > MOST_BYTES && size > before.unwrap_or(0);
    if is_over || before.is_none() && entries.len() >= MOST_KEYS {
        return Err(StorageError::Full);
    }
    entries.insert(key.to_owned(), value.to_owned());
    Ok(())
}

pub(crate) fn delete(world: &mut World, key: &str) {
    world.kept.entries.remove(key);
}

pub(crate) fn add(world: &mut World, key: &str, amount: i64) -> Result<i64, StorageError> {
    check_key(key)?;
    let number = match world.kept.entries.get(key) {
        Some(value) => parse_number(value).ok_or(StorageError::NotANumber)?,
        None => 0,
    };
    let sum = number.checked_add(amount).ok_or(StorageError::Overflow)?;
    save(world, key, sum.to_string().as_bytes())?;
    Ok(sum)
}

pub(crate) fn list_keys(world: &mut World, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    list_entries(world, prefix, after, limit).into_iter().map(|entry| entry.key).collect()
}

pub(crate) fn list_entries(world: &mut World, prefix: &str, after: Option<&str>, limit: u32) -> Vec<Entry> {
    let mut bytes = 0;
    let is_listed = |key: &str| key.starts_with(prefix) && after.is_none_or(|after| key > after);
    let entries = world.kept.entries.iter().filter(|(key, _)| is_listed(key)).take(MOST_LISTED.min(limit as usize));
    let fitting = entries.take_while(|(key, value)| {
        // The first entry is listed whatever its size, so that the next listing goes on after it.
        let is_first = bytes == 0;
        bytes += key.len() + value.len();
        is_first || bytes <= MOST_LISTED_BYTES
    });
    fitting.map(|(key, value)| Entry { key: key.clone(), value: value.clone() }).collect()
}

pub(crate) fn written_by(world: &mut World) -> Option<String> {
    world.committed.written_by.clone()
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if key.len() > LONGEST_KEY {
        return Err(StorageError::KeyTooLong);
    }
    let is_hidden = |c: char| c.is_control() || is_invisible(c);
    if key.is_empty() || key.contains(is_hidden) { Err(StorageError::KeyInvalid) } else { Ok(()) }
}

/// Characters that are not drawn, so that two keys with and without them would look the same.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Decimal text as `add` writes it: no plus sign, no blanks.
fn parse_number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}
