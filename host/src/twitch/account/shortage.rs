//! Replies lost to Twitch's limits, for the operator to see.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::{ChannelId, Login};

/// How long after its last lost reply a channel is listed.
pub const LOST_NAMED_FOR: Duration = Duration::from_secs(5 * 60);
/// Channels listed at most. Losses of further channels count only in the total.
const CHANNELS: usize = 100;

/// The recent losses of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostReplies {
    pub channel: Login,
    /// Whether the account already is moderator, VIP or broadcaster there.
    pub is_privileged: bool,
    /// Replies lost since the channel was listed.
    pub replies: u64,
    pub last_at: Instant,
}

impl LostReplies {
    pub fn is_recent(&self, now: Instant) -> bool {
        now < self.last_at + LOST_NAMED_FOR
    }
}

/// What Twitch's limits cost an account's channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortage {
    /// Channels that lost replies because the limits left no room in time. Entries may be older than [`LOST_NAMED_FOR`].
    pub lost: Arc<[LostReplies]>,
    /// Replies lost in this way since the start.
    pub lost_total: u64,
    /// The unprivileged channels for which messages to privileged channels are slowed now, so that both get answers.
    pub slowed_for: Arc<[Login]>,
}

#[derive(Debug, Default)]
pub(crate) struct Lost {
    channels: BTreeMap<ChannelId, LostReplies>,
    /// Copy of `channels` for readers; `None` means stale.
    snapshot: Option<Arc<[LostReplies]>>,
    /// Lost replies since the start.
    pub(crate) total: u64,
}

impl Lost {
    pub(crate) fn note(&mut self, id: ChannelId, channel: &Login, is_privileged: bool, replies: u64, now: Instant) {
        if replies == 0 {
            return;
        }
        self.total += replies;
        self.snapshot = None;
        self.channels.retain(|_, lost| lost.is_recent(now));
        let known = self.channels.get(&id).map(|lost| lost.replies);
        if known.is_some() || self.channels.len() < CHANNELS {
            let replies = known.unwrap_or_default() + replies;
            let lost = LostReplies { channel: channel.clone(), is_privileged, replies, last_at: now };
            self.channels.insert(id, lost);
        }
    }

    /// Ordered by channel id. Entries may no longer be recent.
    pub(crate) fn list(&mut self) -> Arc<[LostReplies]> {
        self.snapshot.get_or_insert_with(|| self.channels.values().cloned().collect()).clone()
    }
}
