//! The channels with waiting messages: those ready to send in their order, and when to look at the others. The work of
//! each step grows only with the logarithm of the number of channels.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::shares::Shares;
use crate::domain::id::ChannelId;
use crate::twitch::account::rate_window::MessageWindows;

/// The priority class of a channel's next message: within the channel's share or not, to a privileged channel or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    pub(super) is_own: bool,
    pub(super) is_privileged: bool,
}

/// The state of a waiting channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// When to look at the channel again at the latest.
    pub(super) check_at: Instant,
    /// `None` while the room or the channel's own delay holds the messages back.
    pub(super) rank: Option<Rank>,
    /// How many messages the account had sent when it last sent one there. Within a rank, the lowest goes first.
    pub(super) served: u64,
    /// When the rank was computed. Every change but the passing of time causes another look at the channel.
    pub(super) ranked_at: Instant,
}

/// A channel whose next message may leave as far as the channel itself is concerned.
#[derive(Clone, Copy, Debug)]
struct Ready {
    served: u64,
    channel: ChannelId,
    rank: Rank,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    waits: HashMap<ChannelId, Wait>,
    ready: [BTreeSet<(u64, ChannelId)>; 4],
    checks: BTreeSet<(Instant, ChannelId)>,
}

impl Waiting {
    pub(super) fn put(&mut self, channel: ChannelId, wait: Wait) {
        self.remove(channel);
        self.checks.insert((wait.check_at, channel));
        if let Some(rank) = wait.rank {
            self.ready[rank.index()].insert((wait.served, channel));
        }
        self.waits.insert(channel, wait);
    }

    pub(super) fn remove(&mut self, channel: ChannelId) -> Option<Wait> {
        let wait = self.waits.remove(&channel)?;
        self.checks.remove(&(wait.check_at, channel));
        if let Some(rank) = wait.rank {
            self.ready[rank.index()].remove(&(wait.served, channel));
        }
        Some(wait)
    }

    /// Removes a channel that is due for a look at `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<ChannelId> {
        let &(_, channel) = self.checks.first().filter(|(at, _)| *at <= now)?;
        self.remove(channel);
        Some(channel)
    }

    /// When the next channel is due for a look.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.checks.first().map(|(at, _)| *at)
    }

    /// The channel that sends next at `now`; else the moment to ask again, if any.
    pub(super) fn find_turn(
        &self,
        shares: &Shares,
        windows: &MessageWindows,
        now: Instant,
    ) -> Result<(ChannelId, Rank), Option<Instant>> {
        let [open_at, privileged_at] = [false, true].map(|is_privileged| windows.opens_at(is_privileged, now));
        let own = self.first(true, false);
        // With more channels than shares, both kinds of channels take turns in one order.
        let is_earlier = |turn: &Ready| !shares.is_crowded() || own.is_none_or(|own| turn.served < own.served);
        let privileged_own = self.first(true, true).filter(is_earlier);
        // While an unprivileged channel below its share waits, lent messages to others would keep the window full.
        let privileged_lent = self.first(false, true).filter(|_| own.is_none());
        let turns = [
            own.map(|turn| (turn, open_at)),
            privileged_own.map(|turn| (turn, privileged_at.max(shares.capped_at(now)))),
            privileged_lent.map(|turn| (turn, privileged_at.max(shares.lent_at(true, now)))),
            self.first(false, false).map(|turn| (turn, open_at.max(shares.lent_at(false, now)))),
        ];
        let turns = || turns.iter().flatten();
        let open = turns().find(|(_, at)| *at <= now);
        let wake_at = || turns().map(|(_, at)| *at).chain(self.next_look()).chain(shares.slowing_ends_at()).min();
        open.map(|(turn, _)| (turn.channel, turn.rank)).ok_or_else(wake_at)
    }

    fn first(&self, is_own: bool, is_privileged: bool) -> Option<Ready> {
        let rank = Rank { is_own, is_privileged };
        self.ready[rank.index()].first().map(|&(served, channel)| Ready { served, channel, rank })
    }

    /// Makes all waiting channels due for a look.
    pub(super) fn check_all(&mut self, now: Instant) {
        let channels: Vec<ChannelId> = self.waits.keys().copied().collect();
        for channel in channels {
            self.put(channel, Wait::unknown(now));
        }
    }
}

impl Wait {
    /// A channel due for a look at `now`.
    pub(super) fn unknown(now: Instant) -> Wait {
        Wait { check_at: now, rank: None, served: 0, ranked_at: now }
    }
}

impl Rank {
    fn index(self) -> usize {
        2 * usize::from(self.is_own) + usize::from(self.is_privileged)
    }
}
