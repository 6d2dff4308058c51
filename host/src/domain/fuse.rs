//! The fuse of a module in a channel.

use std::time::SystemTime;

use super::id::ModuleDigest;

/// A module that broke too often is off in that channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlownFuse {
    /// The version that broke: another one has a fuse of its own.
    pub digest: ModuleDigest,
    /// When it comes back by itself; None: by hand.
    pub until: Option<SystemTime>,
    /// In a row, without anybody restoring it: at least 1. The pauses grow with it.
    pub times: u32,
    /// Whether everybody was told that it came back by itself.
    pub is_over: bool,
}

impl BlownFuse {
    pub fn is_blown(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
