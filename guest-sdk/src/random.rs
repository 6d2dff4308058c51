//! Capability `random`: random numbers that a replay can repeat. Needs no grant.
//!
//! ```no_run
//! use twitchy_sdk::random;
//!
//! let pips = 1 + random::number(6);
//! let side = random::choose(&["heads", "tails"]);
//! ```

pub use crate::host::random::number;

/// One of the items, each equally likely; `None` if there are none.
pub fn choose<T>(items: &[T]) -> Option<&T> {
    let count = u64::try_from(items.len()).ok().filter(|&count| count > 0)?;
    items.get(usize::try_from(number(count)).ok()?)
}
