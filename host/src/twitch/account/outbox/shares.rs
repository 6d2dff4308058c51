//! Divides an account's windows among channels, and a channel's part among its modules and API keys. Pure: time is
//! passed in.
//!
//! Three quarters of a window are divided equally among the recently active channels: each gets a *share*, and a
//! message within the share is an *own* one. Every other message is *lent*: it leaves only while the window keeps room
//! for all shares, used or not. So a channel below its share finds room whatever the others ask for, and a channel that
//! is alone has the whole window. `host/ops/limits.md` has a table of the resulting waits.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::entry::Entry;
use crate::config::LimitsConfig;
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::ReplySource;
use crate::twitch::account::rate_window::WINDOW_MARGIN;

/// How long after its last message a channel, or a module or key in it, keeps its share.
pub(super) const ACTIVE_FOR: Duration = Duration::from_secs(10 * 60);
/// Active channels remembered; beyond this number, the one active longest ago becomes inactive.
const ACTIVE_AT_MOST: usize = 1_024;
/// Modules and keys remembered per channel; beyond this number, the one active longest ago becomes inactive.
const SOURCES_AT_MOST: usize = 16;

/// The shares of one account's windows.
#[derive(Debug)]
pub(super) struct Shares {
    is_enforced: bool,
    messages: usize,
    privileged_messages: usize,
    active: HashMap<ChannelId, Active>,
    /// Active channels, the one active longest ago first.
    by_age: BTreeSet<(Instant, ChannelId)>,
    privileged: usize,
    unprivileged: usize,
    /// Messages within Twitch's window.
    sent: Span,
    /// Messages within the shorter time in which privileged channels are capped in favour of unprivileged ones.
    capped: Span,
    /// The terms at the last refresh.
    terms: Terms,
    /// Copy of the names for readers; rebuilt when the slowed channels, or those that profit, change.
    slowed_for: Arc<[Login]>,
    is_slowing_stale: bool,
}

/// Decides whether a message is an own one, and when it may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Terms {
    limit: usize,
    share: usize,
    is_crowded: bool,
}

/// Which part of its channel's share a message of a module or key may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The equal part of each active module and key. Messages within it go first.
    Quota,
    /// What the others leave of the share. Up to a third of the share is kept for them.
    Spare,
    /// The rest of the share, for a reply that has begun to leave: the others wait behind it anyway.
    Rest,
}

/// A recently active channel.
#[derive(Debug)]
struct Active {
    login: Login,
    at: Instant,
    /// `None` until the account has joined it.
    is_privileged: Option<bool>,
    sources: Vec<(ReplySource, Instant)>,
    /// Its own messages in the window, the oldest first.
    own: VecDeque<(Instant, ReplySource)>,
}

impl Shares {
    pub(super) fn new(limits: &LimitsConfig) -> Self {
        let window = limits.window + WINDOW_MARGIN;
        let kept = limits.privileged_messages.max(limits.messages);
        Self {
            is_enforced: limits.enforce,
            messages: limits.messages,
            privileged_messages: kept,
            active: HashMap::new(),
            by_age: BTreeSet::new(),
            privileged: 0,
            unprivileged: 0,
            sent: Span::new(window, kept),
            capped: Span::new(window.saturating_sub(limits.unprivileged_within), kept),
            terms: Terms::default(),
            slowed_for: Arc::default(),
            is_slowing_stale: false,
        }
    }

    /// Makes a channel and the message's source active.
    pub(super) fn note_active(&mut self, channel: ChannelId, login: &Login, source: &ReplySource, now: Instant) {
        if !self.is_enforced {
            return;
        }
        let is_full = self.active.len() >= ACTIVE_AT_MOST && !self.active.contains_key(&channel);
        if let Some(&(_, oldest)) = self.by_age.first().filter(|_| is_full) {
            self.forget(oldest);
        }
        let active = self.active.entry(channel).or_insert_with(|| Active::new(login, now));
        self.by_age.remove(&(active.at, channel));
        self.by_age.insert((now, channel));
        active.at = now;
        active.note_source(source, now);
    }

    /// Stores the account's standing in a channel.
    pub(super) fn note_standing(&mut self, channel: ChannelId, is_privileged: bool) {
        let Some(active) = self.active.get_mut(&channel) else { return };
        let before = active.is_privileged.replace(is_privileged);
        if before != Some(is_privileged) {
            if let Some(before) = before {
                *self.count(before) -= 1;
            }
            *self.count(is_privileged) += 1;
            self.is_slowing_stale = true;
        }
    }

    fn count(&mut self, is_privileged: bool) -> &mut usize {
        if is_privileged { &mut self.privileged } else { &mut self.unprivileged }
    }

    pub(super) fn forget(&mut self, channel: ChannelId) {
        let Some(active) = self.active.remove(&channel) else { return };
        self.by_age.remove(&(active.at, channel));
        if let Some(is_privileged) = active.is_privileged {
            *self.count(is_privileged) -= 1;
            self.is_slowing_stale = true;
        }
    }

    /// Forgets what is too old to count. Returns whether the terms have changed since the last refresh.
    pub(super) fn refresh(&mut self, now: Instant) -> bool {
        while let Some(&(_, channel)) = self.by_age.first().filter(|(at, _)| *at + ACTIVE_FOR <= now) {
            self.forget(channel);
        }
        self.sent.forget_before(now);
        self.capped.forget_before(now);
        if std::mem::take(&mut self.is_slowing_stale) {
            let is_slowed_for = |active: &&Active| active.is_privileged == Some(false);
            let slowed_for = self.active.values().filter(is_slowed_for).map(|active| active.login.clone());
            self.slowed_for = if self.privileged > 0 { slowed_for.collect() } else { Arc::default() };
        }
        let terms = self.find_terms();
        std::mem::replace(&mut self.terms, terms) != terms
    }

    /// Whether the terms have changed since the last refresh.
    pub(super) fn has_changed(&self) -> bool {
        self.terms != self.find_terms()
    }

    fn find_terms(&self) -> Terms {
        Terms { limit: self.limit(), share: self.share(), is_crowded: self.is_crowded() }
    }

    /// Whether the account is known as moderator, VIP or broadcaster in an active channel.
    pub(super) fn is_privileged(&self, channel: ChannelId) -> bool {
        self.active.get(&channel).is_some_and(|active| active.is_privileged == Some(true))
    }

    /// The unprivileged channels for which privileged ones are slowed.
    pub(super) fn slowed_for(&self) -> Arc<[Login]> {
        self.slowed_for.clone()
    }

    /// When the slowing may end without a message. The outbox must run then, so that readers of [`Shares::slowed_for`]
    /// see the end.
    pub(super) fn slowing_ends_at(&self) -> Option<Instant> {
        self.by_age.first().map(|(at, _)| *at + ACTIVE_FOR).filter(|_| !self.slowed_for.is_empty())
    }

    /// How many messages of the window are divided or lent.
    fn limit(&self) -> usize {
        if self.unprivileged > 0 { self.messages } else { self.privileged_messages }
    }

    fn divided(&self) -> usize {
        divided(self.limit())
    }

    /// Whether there are more active channels than messages to divide: each has a share of one then, and they take
    /// turns.
    pub(super) fn is_crowded(&self) -> bool {
        self.active.len() > self.divided()
    }

    fn share(&self) -> usize {
        (self.divided() / self.active.len().max(1)).max(1)
    }

    /// How many more own messages a module or key may send in a channel at `now`.
    pub(super) fn own_room(&mut self, channel: ChannelId, source: &ReplySource, part: Part, now: Instant) -> usize {
        if !self.is_enforced {
            return usize::MAX;
        }
        let (share, window) = (self.share(), self.sent.length);
        let among_unprivileged = (divided(self.messages) / self.active.len().max(1)).max(1);
        let Some(active) = self.active.get_mut(&channel) else { return 0 };
        // If the channel turns out to be unprivileged, all shares become smaller.
        let share = if active.is_privileged.is_none() { share.min(among_unprivileged) } else { share };
        active.forget_before(now, window);
        let quota = (share / active.count_sources(now)).max(1);
        let left = share.saturating_sub(active.own.len());
        match part {
            Part::Quota => left.min(quota.saturating_sub(active.count_own(source))),
            Part::Spare => left.saturating_sub(active.kept_for_others(source, quota, now).min(share / 3)),
            Part::Rest => left,
        }
    }

    /// The earliest moment at which a channel with a used-up share may have another own message.
    pub(super) fn own_again_at(&self, channel: ChannelId) -> Option<Instant> {
        let (at, _) = self.active.get(&channel)?.own.front()?;
        Some(*at + self.sent.length)
    }

    /// Counts a message that left at `now`.
    pub(super) fn note_sent(&mut self, entry: &Entry, is_own: bool, now: Instant) {
        if !self.is_enforced {
            return;
        }
        self.sent.note(now, is_own);
        self.capped.note(now, is_own);
        if let Some(active) = self.active.get_mut(&entry.channel).filter(|_| is_own) {
            active.own.push_back((now, entry.source.clone()));
        }
    }

    /// Counts messages, to any channel, that the outbox did not send and so could not hold back.
    pub(super) fn note_foreign(&mut self, count: usize, at: Instant) {
        for _ in 0..count {
            self.sent.note(at, false);
            self.capped.note(at, false);
        }
    }

    /// The messages counted last, picked since `picked_at`, to `channels`, were written only by `now`.
    pub(super) fn defer(&mut self, channels: &[ChannelId], picked_at: Instant, now: Instant) {
        self.sent.defer(channels.len(), now);
        self.capped.defer(channels.len(), now);
        for channel in channels {
            let own = self.active.get_mut(channel).into_iter().flat_map(|active| active.own.iter_mut().rev());
            own.take_while(|(at, _)| *at >= picked_at).for_each(|(at, _)| *at = now);
        }
    }

    /// When a lent message may leave: `now`, or the moment to ask again. For privileged channels beside unprivileged
    /// ones, a time shorter than the window counts, so that the window has room again `limits.unprivileged_within`
    /// after they stop.
    pub(super) fn lent_at(&self, is_privileged: bool, now: Instant) -> Instant {
        let span = if is_privileged && self.unprivileged > 0 { &self.capped } else { &self.sent };
        let reserved = (self.share() * self.active.len()).min(self.divided()).max(span.own);
        let has_room = !self.is_enforced || span.times.len() - span.own + reserved < self.limit();
        if has_room { now } else { span.next_at().unwrap_or(now) }
    }

    /// When a privileged channel's own message may leave, if there are too many channels for shares to bound them.
    pub(super) fn capped_at(&self, now: Instant) -> Instant {
        let is_capped = self.is_crowded() && self.unprivileged > 0;
        let is_full = is_capped && self.capped.times.len() + 1 >= self.messages;
        if is_full { self.capped.next_at().unwrap_or(now) } else { now }
    }
}

/// The part of a limit that is divided into shares. Of 20 messages this lets three active channels send one each in ten
/// seconds. The rest spares a briefly busy channel a wait when many others are active but quiet.
fn divided(limit: usize) -> usize {
    (limit * 3 / 4).max(1)
}

impl Active {
    fn new(login: &Login, now: Instant) -> Self {
        Self { login: login.clone(), at: now, is_privileged: None, sources: Vec::new(), own: VecDeque::new() }
    }

    fn note_source(&mut self, source: &ReplySource, now: Instant) {
        if let Some((_, at)) = self.sources.iter_mut().find(|(known, _)| known == source) {
            *at = now;
            return;
        }
        self.sources.retain(|(_, at)| now < *at + ACTIVE_FOR);
        if self.sources.len() >= SOURCES_AT_MOST {
            let oldest = self.sources.iter().enumerate().min_by_key(|(_, (_, at))| *at).map(|(index, _)| index);
            if let Some(index) = oldest {
                self.sources.swap_remove(index);
            }
        }
        self.sources.push((source.clone(), now));
    }

    fn count_sources(&self, now: Instant) -> usize {
        self.sources.iter().filter(|(_, at)| now < *at + ACTIVE_FOR).count().max(1)
    }

    /// A module's or key's own messages in the window.
    fn count_own(&self, source: &ReplySource) -> usize {
        self.own.iter().filter(|(_, other)| other == source).count()
    }

    /// The unused half of each other module's and key's quota.
    fn kept_for_others(&self, source: &ReplySource, quota: usize, now: Instant) -> usize {
        let others = self.sources.iter().filter(|(other, at)| other != source && now < *at + ACTIVE_FOR);
        others.map(|(other, _)| quota.div_ceil(2).saturating_sub(self.count_own(other))).sum()
    }

    fn forget_before(&mut self, now: Instant, window: Duration) {
        while self.own.pop_front_if(|(at, _)| *at + window <= now).is_some() {}
    }
}

/// The messages that left within `length`, as many as the limit needs.
#[derive(Debug)]
struct Span {
    length: Duration,
    kept: usize,
    /// When each message left, and whether it was an own one.
    times: VecDeque<(Instant, bool)>,
    own: usize,
}

impl Span {
    fn new(length: Duration, kept: usize) -> Self {
        Self { length, kept, times: VecDeque::new(), own: 0 }
    }

    fn note(&mut self, at: Instant, is_own: bool) {
        self.times.push_back((at, is_own));
        self.own += usize::from(is_own);
        if self.times.len() > self.kept {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let first = self.times.pop_front();
        self.own -= usize::from(first.is_some_and(|(_, is_own)| is_own));
    }

    fn forget_before(&mut self, now: Instant) {
        while self.times.front().is_some_and(|(at, _)| *at + self.length <= now) {
            self.forget_first();
        }
    }

    /// When the oldest message leaves the span.
    fn next_at(&self) -> Option<Instant> {
        self.times.front().map(|(at, _)| *at + self.length)
    }

    fn defer(&mut self, count: usize, now: Instant) {
        self.times.iter_mut().rev().take(count).for_each(|(at, _)| *at = now);
    }
}
