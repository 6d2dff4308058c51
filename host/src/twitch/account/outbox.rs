//! The only way out into chat. Messages wait here until Twitch's limits and the room let them leave, and are watched
//! until the session has reported what happened to them.
//!
//! Each channel has a share of the account's windows, and each module and API key a part of its channel's share; see
//! [`Shares`]. Of the channels that may send, the one served longest ago is next. Within a channel, answers to the
//! broadcaster and moderators go first, modules and keys take turns, messages otherwise keep their order, and the
//! pieces of one message stay together. Dropped are messages that waited too long (a late answer is useless), messages
//! that find no room, and messages to rooms that Twitch has closed to us (each attempt counts against the limits). A
//! message refused for its timing or its wording is tried once more. Everything is counted.

mod entry;
mod piece;
mod queue;
mod shares;
mod source_queues;
mod waiting;

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::entry::{DeadlineKind, Entry, Sent};
use self::queue::Queue;
use self::shares::{Part, Shares};
use self::waiting::{Rank, Wait, Waiting};
use super::counts::Counts;
use super::departure::{Departure, Next, Ticket};
use super::rate_window::{MessageWindows, WINDOW_MARGIN};
use super::refusal::Refusal;
use super::rooms::Rooms;
use super::shortage::{Lost, Shortage};
use super::standing::ModeChange;
use crate::config::LimitsConfig;
use crate::domain::histogram::Histogram;
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::OutgoingMessage;
use crate::domain::ports::Allowance;

/// Messages that may wait. More than Twitch's limits allow within `stale_after` would be stale before they could leave.
const CAPACITY: usize = 500;
/// Messages of a channel that a full outbox still takes, since other channels may have filled it.
const ALWAYS_TAKEN: usize = 4;
/// Messages taken between two departures. Fewer than one channel's queue holds, so no burst overflows it at once.
const TAKEN_AT_ONCE: usize = 32;
/// Messages watched until their fate is known. Further messages are sent unwatched.
const WATCHED: usize = 8_192;
/// Above this number of channels, those with nothing to remember are removed.
const CHANNELS_UNSWEPT: usize = 256;

/// The messages of one account on their way out.
pub(crate) struct Outbox {
    is_enforced: bool,
    windows: MessageWindows,
    shares: Shares,
    window: Duration,
    stale_after: Duration,
    message_every: Duration,
    may_call_bots_in: HashSet<Login>,
    queues: HashMap<ChannelId, Queue>,
    /// Beyond this number of queues, those with nothing to remember are removed.
    sweep_beyond: usize,
    /// The channels with waiting messages.
    waiting: Waiting,
    messages_waiting: usize,
    taken: u64,
    /// Pieces that left; also the last one's ticket.
    sent: u64,
    lost: Lost,
    /// Sent messages whose fate is unknown. Bounded by `WATCHED`.
    in_flight: HashMap<Ticket, Sent>,
    /// Without a connection nothing leaves, whatever the limits allow.
    is_connected: bool,
    /// Until when nothing is sent, because Twitch said that this account sends too much.
    held_until: Option<Instant>,
    hasher: RandomState,
    /// From taking a message to the departure of its first piece.
    pub(crate) waits: Histogram,
    /// From a departure to Twitch's receipt.
    pub(crate) deliveries: Histogram,
}

impl Outbox {
    pub(crate) fn new(limits: &LimitsConfig, allowance: Arc<dyn Allowance>) -> Self {
        Self {
            is_enforced: limits.enforce,
            windows: MessageWindows::new(limits, allowance),
            shares: Shares::new(limits),
            window: limits.window,
            stale_after: limits.stale_after,
            message_every: limits.message_every,
            may_call_bots_in: limits.allow_bot_prefixes_in.iter().cloned().collect(),
            queues: HashMap::new(),
            sweep_beyond: CHANNELS_UNSWEPT,
            waiting: Waiting::default(),
            messages_waiting: 0,
            taken: 0,
            sent: 0,
            lost: Lost::default(),
            in_flight: HashMap::new(),
            is_connected: false,
            held_until: None,
            hasher: RandomState::new(),
            waits: Histogram::default(),
            deliveries: Histogram::default(),
        }
    }

    /// Counts the messages that another process sent with this account.
    pub(crate) fn assume(&mut self, messages: usize, at: Instant) {
        self.windows.assume(messages, at);
        self.shares.note_foreign(messages, at);
    }

    /// Messages that count in the window at `now`.
    pub(crate) fn used(&self, now: Instant) -> usize {
        self.windows.used(now)
    }

    /// Messages that wait for their first attempt or for another one.
    pub(crate) fn waiting(&self) -> usize {
        self.messages_waiting
    }

    /// Messages that were taken and then sent completely or dropped.
    pub(crate) fn settled(&self) -> u64 {
        self.taken.saturating_sub(self.messages_waiting as u64)
    }

    /// How many messages to take before the next departure. With limits, a message that finds no room would be stale
    /// before it could leave, so losing it costs nothing; without limits, no message is taken that would be lost.
    pub(crate) fn room(&self) -> usize {
        if self.is_enforced { TAKEN_AT_ONCE } else { CAPACITY.saturating_sub(self.messages_waiting) }
    }

    /// Until when nothing is sent, if Twitch has demanded that.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| now < *until)
    }

    /// What the limits cost the account's channels.
    pub(crate) fn shortage(&mut self) -> Shortage {
        Shortage { lost: self.lost.list(), lost_total: self.lost.total, slowed_for: self.shares.slowed_for() }
    }

    /// Takes a message, or drops it and counts the reason.
    pub(crate) fn push(&mut self, message: OutgoingMessage, now: Instant, counts: &mut Counts) {
        self.taken += 1;
        let pieces = piece::render(&message.reply, self.may_call_bots_in.contains(&message.channel_login));
        // Without limits, messages queue in front of the outbox instead; that wait must not make them stale.
        let asked_at = if self.is_enforced { Instant::from_std(message.asked_at) } else { now };
        let (channel, stale_at) = (message.channel_id, asked_at + self.stale_after);
        if pieces.is_empty() {
            counts.empty += 1;
        } else if stale_at <= now {
            counts.stale += 1;
        } else if self.is_enforced && !self.has_room(&message) {
            counts.no_room += 1;
            let is_held = self.queues.get(&channel).is_some_and(|queue| queue.free_at(now) > now);
            let is_for_limits = self.is_connected && !is_held;
            let (login, is_privileged) = (&message.channel_login, self.shares.is_privileged(channel));
            self.lost.note(channel, login, is_privileged, u64::from(is_for_limits), now);
        } else {
            self.shares.note_active(channel, &message.channel_login, &message.source, now);
            let ahead = self.queues.get(&channel).map_or(0, |queue| queue.count_of(&message.source));
            let is_own = ahead < self.shares.own_room(channel, &message.source, Part::Quota, now);
            let kept_until = if is_own { stale_at.max(asked_at + self.window + 2 * WINDOW_MARGIN) } else { stale_at };
            self.enqueue(Entry::new(message, pieces, now, (stale_at, kept_until)), now, Queue::push);
        }
    }

    fn has_room(&self, message: &OutgoingMessage) -> bool {
        let queue = self.queues.get(&message.channel_id);
        let has_room = self.messages_waiting < CAPACITY || queue.is_none_or(|queue| queue.len() < ALWAYS_TAKEN);
        has_room && queue.is_none_or(|queue| queue.has_room(&message.source))
    }

    fn enqueue(&mut self, entry: Entry, now: Instant, push: fn(&mut Queue, Entry)) {
        if self.queues.len() >= self.sweep_beyond {
            self.queues.retain(|_, queue| queue.len() > 0 || queue.remembers(now));
            self.sweep_beyond = CHANNELS_UNSWEPT.max(2 * self.queues.len());
        }
        let channel = entry.channel;
        push(self.queues.entry(channel).or_default(), entry);
        self.messages_waiting += 1;
        self.look_again(channel, now);
    }

    /// To be called after a change that may let the channel's messages leave, or stop them.
    fn look_again(&mut self, channel: ChannelId, now: Instant) {
        if self.queues.get(&channel).is_some_and(|queue| queue.len() > 0) {
            self.waiting.put(channel, Wait::unknown(now));
        }
    }

    /// To be called after a change that may concern every channel.
    pub(crate) fn check_all(&mut self, now: Instant) {
        self.waiting.check_all(now);
    }

    /// The message that may leave at `now`: within the limits, to a channel that is joined under the message's channel
    /// id, or was until just now. Else the moment to ask again, if any.
    pub(crate) fn next(&mut self, rooms: &Rooms, now: Instant, counts: &mut Counts) -> Next {
        self.is_connected = true;
        loop {
            if self.shares.refresh(now) {
                self.waiting.check_all(now);
            }
            while let Some(channel) = self.waiting.take_due(now) {
                if let Some(wait) = self.check_channel(channel, rooms, now, counts) {
                    self.waiting.put(channel, wait);
                }
            }
            // Looking at a channel may reveal the account's standing there, which changes the shares.
            if self.shares.has_changed() {
                continue;
            }
            let (channel, rank) = self.waiting.find_turn(&self.shares, &self.windows, now)?;
            let found_now = self.waiting.remove(channel).filter(|wait| wait.ranked_at == now);
            match found_now.or_else(|| self.check_channel(channel, rooms, now, counts)) {
                Some(wait) if wait.rank == Some(rank) => {
                    if let Some(departure) = self.depart(channel, rank, now, counts) {
                        return Ok(departure);
                    }
                }
                Some(wait) => self.waiting.put(channel, wait),
                None => {}
            }
        }
    }

    /// Drops a channel's messages that cannot be sent. Returns the place of the others; `None` if none is left.
    fn check_channel(&mut self, channel: ChannelId, rooms: &Rooms, now: Instant, counts: &mut Counts) -> Option<Wait> {
        let queue = self.queues.get_mut(&channel)?;
        let free_at = queue.free_at(now);
        let held_until = free_at.max(self.held_until.unwrap_or(now));
        let footing = rooms.find_footing(&queue.head()?.login, channel, now);
        if queue.is_closed(now) || footing.is_some_and(|footing| !footing.may_talk()) {
            let dropped = queue.drop_all();
            counts.closed += dropped as u64;
            self.messages_waiting -= dropped;
            self.shares.forget(channel); // Other channels must not be slowed for a closed room.
            return None;
        }
        let is_privileged = footing.is_some_and(|footing| footing.standing.is_privileged);
        let is_slowed = footing.is_none_or(|it| !is_privileged && it.slow() > self.message_every);
        let is_for_limits = free_at <= now && !is_slowed;
        let kind = if is_for_limits && held_until <= now { DeadlineKind::Window } else { DeadlineKind::Usual };
        // A message that will be stale when the hold ends is dropped now.
        if queue.stale_at(kind)? <= held_until {
            let login = queue.head()?.login.clone();
            let dropped = queue.drop_stale(held_until, kind);
            counts.stale += dropped as u64;
            self.messages_waiting -= dropped;
            self.lost.note(channel, &login, is_privileged, u64::from(is_for_limits) * dropped as u64, now);
        }
        let (stale_at, served) = (queue.stale_at(kind)?, queue.served);
        let held = |check_at| Wait { check_at, rank: None, served, ranked_at: now };
        let Some(footing) = footing else { return Some(held(stale_at)) };
        self.shares.note_standing(channel, is_privileged);
        let free_at = self.windows.pause_ends_at(channel, is_privileged, footing.slow(), now).max(held_until);
        if free_at > now {
            return Some(held(free_at.min(stale_at)));
        }
        let is_own = queue.find_turn(|source, part| self.shares.own_room(channel, source, part, now))?.is_own;
        let check_at = self.shares.own_again_at(channel).filter(|_| !is_own).map_or(stale_at, |at| at.min(stale_at));
        Some(Wait { check_at, rank: Some(Rank { is_own, is_privileged }), served, ranked_at: now })
    }

    fn depart(&mut self, channel: ChannelId, rank: Rank, now: Instant, counts: &mut Counts) -> Option<Departure> {
        let queue = self.queues.get_mut(&channel)?;
        let turn = queue.find_turn(|source, part| self.shares.own_room(channel, source, part, now))?;
        let hasher = self.is_enforced.then_some(&self.hasher);
        let ticket = Ticket(self.sent + 1);
        let (departure, sent, is_last) = queue.depart(turn, rank.is_privileged, hasher, ticket, now)?;
        self.sent += 1;
        queue.served = self.sent;
        self.messages_waiting -= usize::from(is_last);
        self.shares.note_sent(&sent.entry, turn.is_own, now);
        self.windows.note(channel, now);
        if let Some(waited) = departure.waited {
            self.waits.note(waited);
        }
        let is_watched = self.in_flight.len() < WATCHED && self.in_flight.insert(ticket, sent).is_none();
        counts.unconfirmed += u64::from(!is_watched);
        self.look_again(channel, now);
        Some(departure)
    }

    /// The messages picked since `picked_at`, to `channels`, were written only by `now`.
    pub(crate) fn note_written(&mut self, channels: &[ChannelId], picked_at: Instant, now: Instant) {
        if !self.is_enforced || picked_at == now {
            return;
        }
        self.windows.defer(channels, now);
        self.shares.defer(channels, picked_at, now);
        for channel in channels {
            if let Some(queue) = self.queues.get_mut(channel) {
                queue.defer(picked_at, now);
            }
            self.look_again(*channel, now);
        }
    }

    /// Counts a message that a person typed with the account's login: Twitch counts it as well.
    pub(crate) fn note_typed(&mut self, channel: ChannelId, now: Instant) {
        self.windows.note(channel, now);
        self.shares.note_foreign(1, now);
        self.look_again(channel, now);
    }

    /// Stores the account's standing in a channel.
    pub(crate) fn note_standing(&mut self, channel: ChannelId, is_privileged: bool) {
        self.shares.note_standing(channel, is_privileged);
    }

    pub(crate) fn delivered(&mut self, ticket: Ticket, now: Instant) {
        if let Some(sent) = self.in_flight.remove(&ticket) {
            self.deliveries.note(now.saturating_duration_since(sent.at));
        }
    }

    /// Counts a message that Twitch never answered.
    pub(crate) fn lost(&mut self, ticket: Ticket, counts: &mut Counts) {
        counts.unconfirmed += u64::from(self.in_flight.remove(&ticket).is_some());
    }

    /// Handles a message that Twitch refused. If this newly stops sending, returns for how long.
    pub(crate) fn refused(
        &mut self,
        ticket: Ticket,
        refusal: Refusal,
        now: Instant,
        counts: &mut Counts,
    ) -> Option<Duration> {
        let sent = self.in_flight.remove(&ticket)?;
        counts.note_refused(refusal);
        if refusal == Refusal::RateLimited {
            let pause = self.window + WINDOW_MARGIN;
            self.waiting.check_all(now);
            return self.held_until.replace(now + pause).is_none_or(|until| until <= now).then_some(pause);
        }
        let channel = sent.entry.channel;
        let queue = self.queues.entry(channel).or_default();
        if let Some(said) = sent.said.filter(|_| refusal != Refusal::Duplicate) {
            queue.forget(said);
        }
        let was_free = queue.free_at(now) == now && !queue.is_closed(now);
        if let Some(span) = refusal.held_for() {
            queue.hold(now + span);
        }
        if let Some(span) = refusal.closed_for() {
            queue.close(refusal, now + span);
        }
        let may_pass_again = matches!(refusal, Refusal::SlowMode(_) | Refusal::Duplicate);
        if may_pass_again && !sent.entry.is_again {
            let mut entry = sent.entry;
            entry.is_duplicate = refusal == Refusal::Duplicate;
            self.enqueue(entry, now, Queue::push_again);
        }
        self.look_again(channel, now);
        // Waiting for slow mode is routine.
        let is_news = was_free && !matches!(refusal, Refusal::SlowMode(_));
        refusal.held_for().or(refusal.closed_for()).filter(|_| is_news)
    }

    /// Reopens a room that refused us for a mode, if this change may lift that.
    pub(crate) fn note_modes(&mut self, channel: ChannelId, change: ModeChange, now: Instant) {
        if let Some(queue) = self.queues.get_mut(&channel) {
            queue.open_if(|refusal| change.lifts(refusal));
        }
        self.look_again(channel, now);
    }

    /// The session is lost: messages without an answer will not get one.
    pub(crate) fn start_over(&mut self, counts: &mut Counts) {
        self.is_connected = false;
        counts.unconfirmed += self.in_flight.drain().count() as u64;
    }

    /// Drops stale messages while there is no connection. Returns when the next one becomes stale.
    pub(crate) fn drop_stale(&mut self, now: Instant, counts: &mut Counts) -> Option<Instant> {
        while let Some(channel) = self.waiting.take_due(now) {
            let Some(queue) = self.queues.get_mut(&channel) else { continue };
            let dropped = queue.drop_stale(now, DeadlineKind::Usual);
            counts.stale += dropped as u64;
            self.messages_waiting -= dropped;
            if let Some(check_at) = queue.stale_at(DeadlineKind::Usual) {
                self.waiting.put(channel, Wait { check_at, ..Wait::unknown(now) });
            }
        }
        self.waiting.next_look()
    }
}

#[cfg(test)]
mod demand;
#[cfg(test)]
mod tests;
