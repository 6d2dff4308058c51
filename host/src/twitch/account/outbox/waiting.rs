//! The channels with messages that wait: which may leave as far as the channel itself is concerned, in which order, and when to
//! look at the others. No step's work grows with the number of channels but by a logarithm.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::shares::Shares;
use crate::domain::id::ChannelId;
use crate::twitch::account::rate_window::MessageWindows;

/// What a channel's next message waits for: it is within the channel's share or not, and to a privileged channel or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    pub(super) is_own: bool,
    pub(super) is_privileged: bool,
}

/// Where a channel waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// When to look at the channel again, whatever happens.
    pub(super) look_at: Instant,
    /// None while the room or the channel's own pause holds it back.
    pub(super) rank: Option<Rank>,
    /// How many messages the account had sent when it last sent one there: of one rank the lowest is first.
    pub(super) served: u64,
    /// When the rank was found. Whatever changes it has the channel looked at again, but for the passing of time.
    pub(super) found_at: Instant,
}

/// A channel that may leave as far as it is concerned.
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
    looks: BTreeSet<(Instant, ChannelId)>,
}

impl Waiting {
    pub(super) fn put(&mut self, channel: ChannelId, wait: Wait) {
        self.remove(channel);
        self.looks.insert((wait.look_at, channel));
        if let Some(rank) = wait.rank {
            self.ready[rank.index()].insert((wait.served, channel));
        }
        self.waits.insert(channel, wait);
    }

    pub(super) fn remove(&mut self, channel: ChannelId) -> Option<Wait> {
        let wait = self.waits.remove(&channel)?;
        self.looks.remove(&(wait.look_at, channel));
        if let Some(rank) = wait.rank {
            self.ready[rank.index()].remove(&(wait.served, channel));
        }
        Some(wait)
    }

    /// Takes out a channel that is to be looked at by `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<ChannelId> {
        let &(_, channel) = self.looks.first().filter(|(at, _)| *at <= now)?;
        self.remove(channel);
        Some(channel)
    }

    /// When to look at a channel next.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// The channel whose turn it is at `now`; else when to ask again, if ever.
    pub(super) fn find_turn(
        &self,
        shares: &Shares,
        windows: &MessageWindows,
        now: Instant,
    ) -> Result<(ChannelId, Rank), Option<Instant>> {
        let [open_at, privileged_at] = [false, true].map(|is_privileged| windows.opens_at(is_privileged, now));
        let own = self.first(true, false);
        // Where there are more channels than shares, all take their turns in one order.
        let is_earlier = |turn: &Ready| !shares.is_crowded() || own.is_none_or(|own| turn.served < own.served);
        let privileged_own = self.first(true, true).filter(is_earlier);
        // While an unprivileged channel below its share waits, privileged ones that borrow would keep the window full.
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

    /// All channels that wait are to be looked at.
    pub(super) fn look_at_all(&mut self, now: Instant) {
        let channels: Vec<ChannelId> = self.waits.keys().copied().collect();
        for channel in channels {
            self.put(channel, Wait::unknown(now));
        }
    }
}

impl Wait {
    /// To be looked at `now`.
    pub(super) fn unknown(now: Instant) -> Wait {
        Wait { look_at: now, rank: None, served: 0, found_at: now }
    }
}

impl Rank {
    fn index(self) -> usize {
        2 * usize::from(self.is_own) + usize::from(self.is_privileged)
    }
}
