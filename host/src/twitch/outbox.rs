//! The only way out into chat: messages wait here until Twitch's limits and the room let them go, and are watched
//! until Twitch has said what became of them.
//!
//! Channels take turns. Within a channel the broadcaster's and moderators' answers go first, otherwise the order is
//! kept, and the pieces of one message stay together. What has waited too long is dropped, because an answer that comes
//! late answers nothing; so is what finds no room, and what is for a room that Twitch has closed to us, as every attempt
//! counts against the limits. What was refused for its timing or its wording is tried once more. All is counted.

mod in_flight;
mod piece;
mod queue;

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::RandomState;
use std::time::Duration;

use tokio::time::Instant;

use self::in_flight::InFlight;
use self::queue::{Entry, Queue};
use super::command::Command;
use super::counts::Counts;
use super::joins::Joins;
use super::rate_window::{MessageWindows, SLOW_MARGIN, WINDOW_MARGIN};
use super::refusal::Refusal;
use super::room_modes::ModeChange;
use crate::config::LimitsConfig;
use crate::domain::histogram::Histogram;
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::OutgoingMessage;

/// Messages that wait, in all and for one channel. What is beyond the windows of `stale_after` is stale before its turn.
const CAPACITY: usize = 500;
const CAPACITY_PER_CHANNEL: usize = 50;
/// Messages taken in before those that may leave do; fewer than what one channel has room for.
const TAKEN_AT_ONCE: usize = 32;
/// Channels kept before those without anything to remember are swept out.
const CHANNELS_UNSWEPT: usize = 256;
/// The longest time for which a timeout is believed: it may be lifted, and nobody would tell.
const LONGEST_HOLD: Duration = Duration::from_secs(10 * 60);
/// How long a room is left alone that refused us for a mode, as a mode may change unheard and a bot may begin to
/// follow.
const CLOSED_BY_MODE_FOR: Duration = Duration::from_secs(10 * 60);
/// The same where somebody has to do something about the account.
const CLOSED_FOR: Duration = Duration::from_secs(60 * 60);

/// The messages of one account on their way out.
#[derive(Debug)]
pub(crate) struct Outbox {
    is_enforced: bool,
    windows: MessageWindows,
    window: Duration,
    stale_after: Duration,
    may_call_bots_in: HashSet<Login>,
    queues: HashMap<ChannelId, Queue>,
    /// Beyond so many queues those without anything to remember are swept out.
    sweep_beyond: usize,
    /// Channels with messages; the first is asked first.
    turns: VecDeque<ChannelId>,
    waiting: usize,
    taken: u64,
    in_flight: InFlight,
    /// Twitch said that this account sends too much.
    held_until: Option<Instant>,
    hasher: RandomState,
    /// From being taken to the departure of the first piece.
    pub(crate) waits: Histogram,
    /// From the departure to Twitch's receipt.
    pub(crate) deliveries: Histogram,
}

/// What the outbox has to say now.
#[derive(Debug)]
pub(crate) enum Next {
    Send(Departure),
    /// Nothing before this moment.
    WaitUntil(Instant),
    /// Nothing at all.
    Empty,
}

/// A message on the doorstep. It counts as sent; [`Outbox::note_written`] corrects the moment.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) channel: ChannelId,
    /// What others will read.
    pub(crate) text: String,
    pub(crate) command: Command,
    /// How long it did; only with the first piece of a message.
    waited: Option<Duration>,
}

impl Outbox {
    pub(crate) fn new(limits: &LimitsConfig) -> Self {
        Self {
            is_enforced: limits.enforce,
            windows: MessageWindows::new(limits),
            window: limits.window,
            stale_after: limits.stale_after,
            may_call_bots_in: limits.allow_bot_prefixes_in.iter().cloned().collect(),
            queues: HashMap::new(),
            sweep_beyond: CHANNELS_UNSWEPT,
            turns: VecDeque::new(),
            waiting: 0,
            taken: 0,
            in_flight: InFlight::default(),
            held_until: None,
            hasher: RandomState::new(),
            waits: Histogram::default(),
            deliveries: Histogram::default(),
        }
    }

    /// Counts what another process sent with this account.
    pub(crate) fn assume(&mut self, messages: usize, at: Instant) {
        self.windows.assume(messages, at);
    }

    /// Messages that count in the window.
    pub(crate) fn used(&self, now: Instant) -> usize {
        self.windows.used(now)
    }

    /// Messages that wait, for their first attempt or another one.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages that came and were sent in full or dropped.
    pub(crate) fn settled(&self) -> u64 {
        self.taken.saturating_sub(self.waiting as u64)
    }

    /// How many messages to take in before the next departure. With limits what finds no room would be stale before its
    /// turn, and may as well be dropped; without them nothing is taken that would be lost.
    pub(crate) fn room(&self) -> usize {
        if self.is_enforced { TAKEN_AT_ONCE } else { CAPACITY.saturating_sub(self.waiting) }
    }

    /// Until when nothing is sent at all, where Twitch has asked for that.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| now < *until)
    }

    /// Takes a message in, or drops it and counts why.
    pub(crate) fn push(&mut self, message: OutgoingMessage, now: Instant, counts: &mut Counts) {
        self.taken += 1;
        let pieces = piece::render(&message.reply, self.may_call_bots_in.contains(&message.channel_login));
        // Without limits whoever asked is made to wait in front of the outbox, and that costs no message.
        let asked_at = if self.is_enforced { Instant::from_std(message.asked_at) } else { now };
        let stale_at = asked_at + self.stale_after;
        let has_room = || {
            let waiting_there = self.queues.get(&message.channel_id).map_or(0, Queue::len);
            self.waiting < CAPACITY && waiting_there < CAPACITY_PER_CHANNEL
        };
        if pieces.is_empty() {
            counts.empty += 1;
        } else if stale_at <= now {
            counts.stale += 1;
        } else if self.is_enforced && !has_room() {
            counts.no_room += 1;
        } else {
            self.enqueue(Entry::new(message, pieces, now, stale_at), now, Queue::push);
        }
    }

    fn enqueue(&mut self, entry: Entry, now: Instant, push: fn(&mut Queue, Entry)) {
        if self.queues.len() >= self.sweep_beyond {
            self.queues.retain(|_, queue| queue.len() > 0 || queue.remembers(now));
            self.sweep_beyond = CHANNELS_UNSWEPT.max(2 * self.queues.len());
        }
        let channel = entry.channel;
        let queue = self.queues.entry(channel).or_default();
        if queue.len() == 0 {
            self.turns.push_back(channel);
        }
        push(queue, entry);
        self.waiting += 1;
    }

    /// What may leave at `now`: a message to a channel that is joined under the id that the message was meant for, or was
    /// until just now, and within the limits.
    pub(crate) fn next(&mut self, joins: &Joins, now: Instant, counts: &mut Counts) -> Next {
        let mut wake = None;
        for _ in 0..self.turns.len() {
            let Some(channel) = self.turns.pop_front() else { break };
            let Some(opening) = self.look_at(channel, joins, now, counts) else { continue };
            if opening.at > now {
                wake = Some(wake.map_or(opening.at, |wake: Instant| wake.min(opening.at)));
                self.turns.push_back(channel);
            } else if let Some(departure) = self.depart(channel, opening.is_privileged, now, counts) {
                return Next::Send(departure);
            }
        }
        wake.map_or(Next::Empty, Next::WaitUntil)
    }

    /// Drops what cannot be said in a channel, and tells when to look at the rest; `None` if there is none.
    fn look_at(&mut self, channel: ChannelId, joins: &Joins, now: Instant, counts: &mut Counts) -> Option<Opening> {
        let queue = self.queues.get_mut(&channel)?;
        let held_until = queue.free_at(now).max(self.held_until.unwrap_or(now));
        // What would be stale by then need not wait for it.
        let dropped = queue.drop_stale(held_until);
        counts.stale += dropped as u64;
        self.waiting -= dropped;
        let footing = joins.find_footing(&queue.head()?.login, channel, now);
        if queue.is_closed(now) || footing.is_some_and(|footing| !footing.may_talk()) {
            let dropped = queue.drop_all();
            counts.closed += dropped as u64;
            self.waiting -= dropped;
            return None;
        }
        let stale_at = queue.stale_at()?;
        let Some(footing) = footing else { return Some(Opening { at: stale_at, is_privileged: false }) };
        let is_privileged = footing.standing.is_privileged;
        let free_at = self.windows.free_at(channel, is_privileged, footing.slow(), now).max(held_until);
        Some(Opening { at: if free_at > now { free_at.min(stale_at) } else { now }, is_privileged })
    }

    fn depart(
        &mut self,
        channel: ChannelId,
        is_privileged: bool,
        now: Instant,
        counts: &mut Counts,
    ) -> Option<Departure> {
        let queue = self.queues.get_mut(&channel)?;
        let hasher = self.is_enforced.then_some(&self.hasher);
        let (departure, sent, is_last) = queue.depart(is_privileged, hasher, now)?;
        if queue.len() > 0 {
            self.turns.push_back(channel);
        }
        self.waiting -= usize::from(is_last);
        self.windows.note(channel, now);
        if let Some(waited) = departure.waited {
            self.waits.note(waited);
        }
        counts.unconfirmed += u64::from(!self.in_flight.watch(sent));
        Some(departure)
    }

    /// The messages that left last, to `channels`, since `picked_at`, were not gone before `now`.
    pub(crate) fn note_written(&mut self, channels: &[ChannelId], picked_at: Instant, now: Instant) {
        if !self.is_enforced || picked_at == now {
            return;
        }
        self.windows.defer(channels, now);
        for channel in channels {
            if let Some(queue) = self.queues.get_mut(channel) {
                queue.defer(picked_at, now);
            }
        }
    }

    /// Somebody typed with the account's login, which Twitch counts as well.
    pub(crate) fn note_typed(&mut self, channel: ChannelId, now: Instant) {
        self.windows.note(channel, now);
    }

    /// Twitch has delivered the message that it was given first of those in flight to this room.
    pub(crate) fn note_delivered(&mut self, room: &Login, now: Instant) {
        if let Some(sent) = self.in_flight.take_answered(room) {
            self.deliveries.note(now.saturating_duration_since(sent.at));
        }
    }

    /// Twitch has not delivered that message. For how long nothing is sent there, where that is news.
    pub(crate) fn note_refused(
        &mut self,
        room: &Login,
        refusal: Refusal,
        now: Instant,
        counts: &mut Counts,
    ) -> Option<Duration> {
        // A JOIN is refused by the same words.
        let sent = self.in_flight.take_answered(room)?;
        *counts.refused(refusal) += 1;
        if refusal == Refusal::RateLimited {
            let pause = self.window + WINDOW_MARGIN;
            return self.held_until.replace(now + pause).is_none_or(|until| until <= now).then_some(pause);
        }
        let queue = self.queues.entry(sent.entry.channel).or_default();
        if let Some(said) = sent.said.filter(|_| refusal != Refusal::Duplicate) {
            queue.forget(said);
        }
        let was_free = queue.free_at(now) == now && !queue.is_closed(now);
        if let Some(span) = held_for(refusal) {
            queue.hold(now + span);
        }
        if let Some(span) = closed_for(refusal) {
            queue.close(refusal, now + span);
        }
        let may_pass_again = matches!(refusal, Refusal::SlowMode(_) | Refusal::Duplicate);
        if may_pass_again && !sent.entry.is_again {
            let mut entry = sent.entry;
            entry.is_duplicate = refusal == Refusal::Duplicate;
            self.enqueue(entry, now, Queue::push_again);
        }
        // That slow mode makes us wait is nothing special.
        let is_news = was_free && !matches!(refusal, Refusal::SlowMode(_));
        held_for(refusal).or(closed_for(refusal)).filter(|_| is_news)
    }

    /// A mode of the room changed, and it may have been this that kept us out.
    pub(crate) fn note_modes(&mut self, channel: ChannelId, change: ModeChange) {
        if let Some(queue) = self.queues.get_mut(&channel) {
            queue.open_if(|refusal| change.lifts(refusal));
        }
    }

    /// Counts what Twitch has left unanswered for too long; when there may be more of that.
    pub(crate) fn give_up_unanswered(&mut self, now: Instant, counts: &mut Counts) -> Option<Instant> {
        counts.unconfirmed += self.in_flight.give_up(now);
        self.in_flight.due_at()
    }

    /// Without a connection nothing is answered any more.
    pub(crate) fn start_over(&mut self, counts: &mut Counts) {
        counts.unconfirmed += self.in_flight.clear();
    }

    /// Drops what has waited too long, and tells when the next will have.
    pub(crate) fn drop_stale(&mut self, now: Instant, counts: &mut Counts) -> Option<Instant> {
        let Outbox { queues, turns, .. } = self;
        let mut dropped = 0;
        turns.retain(|channel| {
            let Some(queue) = queues.get_mut(channel) else { return false };
            dropped += queue.drop_stale(now);
            queue.len() > 0
        });
        counts.stale += dropped as u64;
        self.waiting -= dropped;
        self.turns.iter().filter_map(|channel| self.queues.get(channel)?.stale_at()).min()
    }
}

/// When a channel is to be looked at again, or can be spoken to.
#[derive(Clone, Copy, Debug)]
struct Opening {
    at: Instant,
    is_privileged: bool,
}

/// How long what is for the room has to wait, and may.
fn held_for(refusal: Refusal) -> Option<Duration> {
    match refusal {
        Refusal::TimedOut(span) | Refusal::SlowMode(span) => Some(span.min(LONGEST_HOLD) + SLOW_MARGIN),
        _ => None,
    }
}

/// How long a room is believed to refuse everything from us, where that is how it refused.
fn closed_for(refusal: Refusal) -> Option<Duration> {
    match refusal {
        Refusal::EmoteOnly | Refusal::SubscribersOnly | Refusal::FollowersOnly => Some(CLOSED_BY_MODE_FOR),
        Refusal::Unverified | Refusal::Blocked | Refusal::Banned | Refusal::Suspended => Some(CLOSED_FOR),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
