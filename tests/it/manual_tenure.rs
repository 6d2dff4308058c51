//! A tenure that a test can end: the process then no longer acts for any channel.

use std::sync::atomic::{AtomicUsize, Ordering};

use twitchy::domain::id::ChannelId;
use twitchy::domain::ports::{Epoch, Tenure};

/// How many more times the tenure is confirmed.
pub(crate) struct ManualTenure(AtomicUsize);

impl ManualTenure {
    /// Lets another process take over all channels after `questions` more confirmations.
    pub(crate) fn end_after(&self, questions: usize) {
        self.0.store(questions, Ordering::Relaxed);
    }

    /// Gives the channels back to this process.
    pub(crate) fn renew(&self) {
        self.end_after(usize::MAX);
    }
}

impl Default for ManualTenure {
    fn default() -> Self {
        ManualTenure(AtomicUsize::new(usize::MAX))
    }
}

impl Tenure for ManualTenure {
    fn find_epoch(&self, _: ChannelId) -> Option<Epoch> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.is_ok().then(Epoch::default)
    }
}
