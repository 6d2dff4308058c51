//! The only way out into chat: messages wait here until Twitch's limits and the room let them go.
//!
//! Channels take turns. Within a channel the broadcaster's and moderators' answers go first, otherwise the order is
//! kept, and the pieces of one message stay together. What has waited too long is dropped, because an answer that comes
//! late answers nothing; what finds no room is dropped too. Both are counted.

mod piece;

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use self::piece::Piece;
use super::command::Command;
use super::counts::Counts;
use super::joins::Joins;
use super::rate_window::{MessageWindows, WINDOW_MARGIN};
use crate::config::LimitsConfig;
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::{OutgoingMessage, Reply};
use crate::domain::role::Role;

/// Messages that wait, in all and for one channel. What is beyond the windows of `stale_after` is stale before its turn.
const CAPACITY: usize = 500;
const CAPACITY_PER_CHANNEL: usize = 50;
/// How long a text may not be repeated to an unprivileged channel (`msg_duplicate`).
const NO_REPEAT_WITHIN: Duration = Duration::from_secs(30);
/// Texts remembered of a channel; one a second is said there at most, and repetitions come close together.
const TEXTS_REMEMBERED: usize = 32;
/// Channels kept before those without anything to remember are swept out.
const CHANNELS_UNSWEPT: usize = 256;

/// The messages of one account on their way out.
#[derive(Debug)]
pub(crate) struct Outbox {
    windows: MessageWindows,
    stale_after: Duration,
    may_call_bots_in: HashSet<Login>,
    queues: HashMap<ChannelId, Queue>,
    /// Channels with messages; the first is asked first.
    turns: VecDeque<ChannelId>,
    waiting: usize,
    settled: u64,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Queue {
    /// Begun, and to be finished first.
    current: Option<Entry>,
    urgent: VecDeque<Entry>,
    ordinary: VecDeque<Entry>,
    /// What was said lately, and in which variant, the oldest first.
    said: VecDeque<Said>,
}

#[derive(Debug)]
struct Entry {
    message: OutgoingMessage,
    pieces: VecDeque<Piece>,
    stale_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    at: Instant,
    text: u64,
    variant: usize,
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

/// A message on the doorstep. To be given back to [`Outbox::note_sent`], whatever became of it.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) channel: ChannelId,
    /// What others will read.
    pub(crate) text: String,
    pub(crate) command: Command,
    said: Said,
    is_last_piece: bool,
}

impl Outbox {
    pub(crate) fn new(limits: &LimitsConfig) -> Self {
        Self {
            windows: MessageWindows::new(limits),
            stale_after: limits.stale_after,
            may_call_bots_in: limits.allow_bot_prefixes_in.iter().cloned().collect(),
            queues: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            settled: 0,
            hasher: RandomState::new(),
        }
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages that came and were sent in full or dropped.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Takes a message in, or drops it and counts why.
    pub(crate) fn push(&mut self, message: OutgoingMessage, now: Instant, counts: &mut Counts) {
        let pieces = piece::render(&message.reply, self.may_call_bots_in.contains(&message.channel_login));
        let stale_at = Instant::from_std(message.asked_at) + self.stale_after;
        let has_room = self.waiting < CAPACITY
            && self.queues.get(&message.channel_id).is_none_or(|queue| queue.len() < CAPACITY_PER_CHANNEL);
        let dropped = if pieces.is_empty() {
            Some(&mut counts.empty)
        } else if stale_at <= now {
            Some(&mut counts.stale)
        } else if !has_room {
            Some(&mut counts.no_room)
        } else {
            None
        };
        if let Some(count) = dropped {
            *count += 1;
            self.settled += 1;
            return;
        }
        self.enqueue(Entry { message, pieces, stale_at }, now);
    }

    fn enqueue(&mut self, entry: Entry, now: Instant) {
        if self.queues.len() >= CHANNELS_UNSWEPT {
            self.queues.retain(|_, queue| queue.len() > 0 || queue.remembers(now));
        }
        let channel = entry.message.channel_id;
        let queue = self.queues.entry(channel).or_default();
        if queue.len() == 0 {
            self.turns.push_back(channel);
        }
        queue.push(entry);
        self.waiting += 1;
    }

    /// What may leave at `now`: a message to a channel that is joined under the id that the message was meant for, or was
    /// until just now, and within the limits.
    pub(crate) fn next(&mut self, joins: &Joins, now: Instant, counts: &mut Counts) -> Next {
        self.drop_stale(now, counts);
        let mut wake = None;
        for _ in 0..self.turns.len() {
            let Some(channel) = self.turns.pop_front() else { break };
            let Some(queue) = self.queues.get_mut(&channel) else { continue };
            let Some(head) = queue.head() else { continue };
            let standing = joins.find_standing_to_speak(&head.message.channel_login, channel, now);
            let free_at =
                standing.map(|standing| self.windows.free_at(channel, standing.is_privileged, Duration::ZERO, now));
            let (Some(standing), true) = (standing, free_at == Some(now)) else {
                let next_at = free_at.map_or(head.stale_at, |at| at.min(head.stale_at));
                wake = Some(wake.map_or(next_at, |wake: Instant| wake.min(next_at)));
                self.turns.push_back(channel);
                continue;
            };
            let departure = queue.depart(standing.is_privileged, &self.hasher, now);
            if queue.len() > 0 {
                self.turns.push_back(channel);
            }
            if let Some(departure) = departure {
                self.waiting -= usize::from(departure.is_last_piece);
                return Next::Send(departure);
            }
        }
        wake.map_or(Next::Empty, Next::WaitUntil)
    }

    /// Counts what was written, or may have been, up to `now`.
    pub(crate) fn note_sent(&mut self, departure: &Departure, now: Instant) {
        self.windows.note(departure.channel, now);
        if let Some(queue) = self.queues.get_mut(&departure.channel) {
            queue.note_said(Said { at: now, ..departure.said });
        }
        self.settled += u64::from(departure.is_last_piece);
    }

    /// Drops what has waited too long, and tells when the next will have.
    pub(crate) fn drop_stale(&mut self, now: Instant, counts: &mut Counts) -> Option<Instant> {
        let mut dropped = 0;
        for channel in &self.turns {
            if let Some(queue) = self.queues.get_mut(channel) {
                dropped += queue.drop_stale(now);
            }
        }
        self.turns.retain(|channel| self.queues.get(channel).is_some_and(|queue| queue.len() > 0));
        counts.stale += dropped as u64;
        self.settled += dropped as u64;
        self.waiting -= dropped;
        let heads = self.turns.iter().filter_map(|channel| self.queues.get(channel)?.head());
        heads.map(|head| head.stale_at).min()
    }
}

impl Queue {
    fn len(&self) -> usize {
        usize::from(self.current.is_some()) + self.urgent.len() + self.ordinary.len()
    }

    fn push(&mut self, entry: Entry) {
        let is_urgent = entry.message.role >= Role::Moderator;
        if is_urgent { &mut self.urgent } else { &mut self.ordinary }.push_back(entry);
    }

    fn head(&self) -> Option<&Entry> {
        self.current.as_ref().or(self.urgent.front()).or(self.ordinary.front())
    }

    fn drop_stale(&mut self, now: Instant) -> usize {
        let before = self.len();
        self.current.take_if(|entry| entry.stale_at <= now);
        self.urgent.retain(|entry| now < entry.stale_at);
        self.ordinary.retain(|entry| now < entry.stale_at);
        before - self.len()
    }

    /// The next piece of the message whose turn it is.
    fn depart(&mut self, is_privileged: bool, hasher: &RandomState, now: Instant) -> Option<Departure> {
        let begun = self.current.take();
        let mut entry = begun.or_else(|| self.urgent.pop_front()).or_else(|| self.ordinary.pop_front())?;
        let piece = entry.pieces.pop_front()?;
        let text = hasher.hash_one(&piece.text);
        // Those with privileges may repeat themselves, but may lose them, so what they say is remembered as well.
        let variant = if is_privileged { 0 } else { self.find_variant(text, now) };
        let said = Said { at: now, text, variant };
        let text = piece.vary(variant);
        let message = &entry.message;
        let command = Command::Message {
            channel: message.channel_login.clone(),
            reply_to: message.reply_to.clone().filter(|_| matches!(message.reply, Reply::Answer(_))),
            text: if piece.is_action { format!("\u{1}ACTION {text}\u{1}") } else { text.clone() },
        };
        let departure =
            Departure { channel: message.channel_id, text, command, said, is_last_piece: entry.pieces.is_empty() };
        self.current = (!departure.is_last_piece).then_some(entry);
        Some(departure)
    }

    /// A variant other than the one last sent. Twitch compares with the last message that it delivered, and does not
    /// tell which one that was: so everything sent within the time is compared with, and not the last message alone.
    fn find_variant(&self, text: u64, now: Instant) -> usize {
        let last = self.said.iter().rev().find(|said| said.text == text && is_recent(said, now));
        last.map_or(0, |said| (said.variant + 1) % piece::VARIANTS)
    }

    fn note_said(&mut self, said: Said) {
        if self.said.len() >= TEXTS_REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back(said);
    }

    fn remembers(&self, now: Instant) -> bool {
        self.said.back().is_some_and(|said| is_recent(said, now))
    }
}

fn is_recent(said: &Said, now: Instant) -> bool {
    now < said.at + NO_REPEAT_WITHIN + WINDOW_MARGIN
}

#[cfg(test)]
mod tests;
