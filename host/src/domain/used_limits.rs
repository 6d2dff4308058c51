//! How much of Twitch's limits was used before this process started.

use std::time::Duration;

/// Messages and joins of the previous process within Twitch's windows, which continue over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedLimits {
    pub messages: u32,
    pub joins: u32,
    /// The counts are at least this old.
    pub ago: Duration,
}
