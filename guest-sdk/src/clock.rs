//! Capability `clock`: the time. Needs no grant.
//!
//! ```no_run
//! use std::time::Duration;
//! use twitchy_sdk::{Invocation, clock};
//!
//! fn is_late(invocation: &Invocation) -> bool {
//!     clock::now().duration_since(invocation.sent_at()).is_ok_and(|late| late > Duration::from_secs(1))
//! }
//! ```

use std::time::{Duration, SystemTime};

use crate::host::clock;

/// The current time, which stays the same for the whole invocation. (`SystemTime::now` panics in a sandbox.)
pub fn now() -> SystemTime {
    from_millis(clock::now())
}

/// The contract's moments are milliseconds of Unix time.
pub(crate) fn from_millis(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}
