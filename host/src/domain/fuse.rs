//! The fuse of a module in a channel.

use std::time::SystemTime;

use super::id::ModuleDigest;

/// The state of a module that broke too often and is off in that channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlownFuse {
    /// The version that broke: every version has a fuse of its own.
    pub digest: ModuleDigest,
    /// When the module comes back by itself; `None`: only by hand.
    pub until: Option<SystemTime>,
    /// Consecutive blows without a restoration by hand: at least 1. The pauses grow with this number.
    pub times: u32,
    /// Whether the module's return has been reported.
    pub is_over: bool,
}

impl BlownFuse {
    pub fn is_blown(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
