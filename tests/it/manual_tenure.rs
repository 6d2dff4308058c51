//! A process that acts for the channels until a test takes them away.

use std::sync::atomic::{AtomicUsize, Ordering};

use twitchy::domain::id::ChannelId;
use twitchy::domain::ports::{Epoch, Tenure};

/// For how many more questions the answer is yes.
pub(crate) struct ManualTenure(AtomicUsize);

impl ManualTenure {
    /// Another process takes all channels over after so many more questions.
    pub(crate) fn end_after(&self, questions: usize) {
        self.0.store(questions, Ordering::Relaxed);
    }

    /// The channels come back.
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
