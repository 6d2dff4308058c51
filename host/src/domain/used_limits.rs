//! What of Twitch's limits is used up before a process has done anything.

use std::time::Duration;

/// What the process before this one sent and asked for within the windows: Twitch counts on over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedLimits {
    pub messages: u32,
    pub joins: u32,
    /// Since when at least.
    pub ago: Duration,
}
