//! One channel's waiting messages, and how Twitch treats our messages to that channel.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{DeadlineKind, Entry, Sent, SentText};
use super::piece;
use super::shares::Part;
use super::source_queues::SourceQueues;
use crate::domain::message::ReplySource;
use crate::domain::trace::Step;
use crate::twitch::account::departure::{Departure, Ticket};
use crate::twitch::account::rate_window::WINDOW_MARGIN;
use crate::twitch::account::refusal::Refusal;

/// Messages that may wait for one channel.
pub(super) const CAPACITY: usize = 50;
/// Messages of a module or key that a full queue still takes, in slots kept for them: others may have filled it.
const ALWAYS_TAKEN: usize = 2;
const CAPACITY_WITH_KEPT: usize = CAPACITY + 16;
/// How long a text may not be repeated in an unprivileged channel (`msg_duplicate`).
const NO_REPEAT_WITHIN: Duration = Duration::from_secs(30);
/// Texts remembered per channel: at most one a second is sent there, and repetitions follow each other closely.
const TEXTS_REMEMBERED: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Refused once. These go before all others.
    again: VecDeque<Entry>,
    /// Partly sent, and to be finished next.
    current: Option<Entry>,
    urgent: SourceQueues,
    ordinary: SourceQueues,
    /// The texts sent lately with their variants, the oldest first.
    said: VecDeque<SentText>,
    /// Until when Twitch accepts no message from us here.
    held_until: Option<Instant>,
    /// A refusal that a short wait does not lift, and until when it is assumed to hold.
    closed: Option<(Refusal, Instant)>,
    /// The number of messages that the account had sent when it last sent one here.
    pub(super) served: u64,
}

/// A channel's next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextMessage {
    position: Position,
    /// Whether it is within the channel's share of the account's window.
    pub(super) is_own: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Again,
    Current,
    Urgent(usize),
    Ordinary(usize),
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.again.len() + usize::from(self.current.is_some()) + self.urgent.len() + self.ordinary.len()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if entry.is_urgent { &mut self.urgent } else { &mut self.ordinary }.push(entry);
    }

    /// Whether another message of a module or key may wait here.
    pub(super) fn has_room(&self, source: &ReplySource) -> bool {
        let waiting = self.len();
        waiting < CAPACITY || waiting < CAPACITY_WITH_KEPT && self.count_of(source) < ALWAYS_TAKEN
    }

    /// The waiting messages of a module or key that are not partly sent.
    pub(super) fn count_of(&self, source: &ReplySource) -> usize {
        self.urgent.count_of(source) + self.ordinary.count_of(source)
    }

    /// Requeues a refused message for one more attempt.
    pub(super) fn push_again(&mut self, entry: Entry) {
        self.again.push_back(Entry { is_again: true, ..entry });
    }

    pub(super) fn head(&self) -> Option<&Entry> {
        self.fronts().next()
    }

    /// The first message of each kind, and of each module or key.
    fn fronts(&self) -> impl Iterator<Item = &Entry> {
        let begun = self.again.front().into_iter().chain(&self.current);
        begun.chain(self.urgent.fronts()).chain(self.ordinary.fronts())
    }

    /// The next message. `own_room` returns how many more messages of a module or key are within its part: those with
    /// room go first, and among them moderators' before others'.
    pub(super) fn find_turn(&self, mut own_room: impl FnMut(&ReplySource, Part) -> usize) -> Option<NextMessage> {
        let mut is_own = |entry: &Entry, part| own_room(&entry.source, part) > 0;
        if let Some(entry) = self.again.front() {
            return Some(NextMessage { position: Position::Again, is_own: is_own(entry, Part::Rest) });
        }
        if let Some(entry) = &self.current {
            return Some(NextMessage { position: Position::Current, is_own: is_own(entry, Part::Rest) });
        }
        for part in [Part::Quota, Part::Spare] {
            let own = self.urgent.fronts().position(|entry| is_own(entry, part)).map(Position::Urgent);
            let own =
                own.or_else(|| self.ordinary.fronts().position(|entry| is_own(entry, part)).map(Position::Ordinary));
            if let Some(position) = own {
                return Some(NextMessage { position, is_own: true });
            }
        }
        let position = if self.urgent.len() > 0 { Position::Urgent(0) } else { Position::Ordinary(0) };
        (self.len() > 0).then_some(NextMessage { position, is_own: false })
    }

    fn take(&mut self, position: Position) -> Option<Entry> {
        match position {
            Position::Again => self.again.pop_front(),
            Position::Current => self.current.take(),
            Position::Urgent(index) => self.urgent.take(index),
            Position::Ordinary(index) => self.ordinary.take(index),
        }
    }

    /// Drops messages that are stale at `now`. Checks only the first of each kind: those behind it came later.
    pub(super) fn drop_stale(&mut self, now: Instant, kind: DeadlineKind) -> usize {
        let before = self.len();
        let is_stale = |entry: &mut Entry| entry.stale_at(kind) <= now;
        self.current.take_if(is_stale);
        while self.again.pop_front_if(is_stale).is_some() {}
        self.urgent.drop_stale(is_stale);
        self.ordinary.drop_stale(is_stale);
        before - self.len()
    }

    pub(super) fn drop_all(&mut self) -> usize {
        let before = self.len();
        self.current = None;
        self.again.clear();
        self.urgent.clear();
        self.ordinary.clear();
        before
    }

    /// When the first waiting message becomes stale.
    pub(super) fn stale_at(&self, kind: DeadlineKind) -> Option<Instant> {
        self.fronts().map(|entry| entry.stale_at(kind)).min()
    }

    /// The moment from which messages may leave: `now`, or the end of a hold.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        self.held_until.map_or(now, |until| until.max(now))
    }

    pub(super) fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }

    pub(super) fn is_closed(&self, now: Instant) -> bool {
        self.closed.is_some_and(|(_, until)| now < until)
    }

    pub(super) fn close(&mut self, refusal: Refusal, until: Instant) {
        self.closed = Some((refusal, until));
    }

    /// Reopens the queue if it was closed for a refusal for which `is_lifted` is true.
    pub(super) fn open_if(&mut self, is_lifted: impl Fn(Refusal) -> bool) {
        self.closed.take_if(|(refusal, _)| is_lifted(*refusal));
    }

    /// Takes a message's next piece; the `bool` says if it was the last. Without a `hasher`, no text is remembered or
    /// varied.
    pub(super) fn depart(
        &mut self,
        turn: NextMessage,
        is_privileged: bool,
        hasher: Option<&RandomState>,
        ticket: Ticket,
        now: Instant,
    ) -> Option<(Departure, Sent, bool)> {
        let mut entry = self.take(turn.position)?;
        let piece = entry.pieces.pop_front()?;
        let said = hasher.map(|hasher| {
            let text = hasher.hash_one(&piece.text);
            // Privileged accounts may repeat a text. It is remembered all the same, because the privilege may be lost.
            let variant = if is_privileged && !entry.is_again { 0 } else { self.find_variant(text, now) };
            // A refused duplicate may have equalled the plain text, so variant 0 is not used again.
            let variant = if entry.is_duplicate { variant.max(1) } else { variant };
            SentText { at: now, text, variant }
        });
        if let Some(taken_at) = entry.taken_at {
            std::mem::take(&mut entry.trace).note(Step::Reply, taken_at.into_std(), now.into_std());
        }
        let departure = Departure {
            channel: entry.channel,
            login: entry.login.clone(),
            reply_to: entry.reply_to.clone(),
            text: piece.vary(said.map_or(0, |said| said.variant)),
            is_action: piece.is_action,
            ticket,
            waited: entry.taken_at.take().map(|at| now.saturating_duration_since(at)),
        };
        self.said.extend(said);
        if self.said.len() > TEXTS_REMEMBERED {
            self.said.pop_front();
        }
        let is_last = entry.pieces.is_empty();
        let sent = if is_last {
            entry.pieces.push_back(piece);
            entry
        } else {
            let sent = entry.split_off(piece);
            self.current = self.current.take().or(Some(entry));
            sent
        };
        Some((departure, Sent { entry: sent, said, at: now }, is_last))
    }

    /// A variant other than the last one sent. Twitch compares with the last message that it delivered. That may be any
    /// unanswered one, so everything sent within the time is compared.
    fn find_variant(&self, text: u64, now: Instant) -> usize {
        let last = self.said.iter().rev().find(|said| said.text == text && is_recent(said, now));
        last.map_or(0, |said| (said.variant + 1) % piece::VARIANTS)
    }

    /// The texts sent since `picked_at` were written only by `now`.
    pub(super) fn defer(&mut self, picked_at: Instant, now: Instant) {
        self.said.iter_mut().rev().take_while(|said| said.at >= picked_at).for_each(|said| said.at = now);
    }

    /// Forgets a text that was not delivered: Twitch does not compare with it.
    pub(super) fn forget(&mut self, said: SentText) {
        let is_it = |known: &SentText| known.text == said.text && known.variant == said.variant;
        if let Some(index) = self.said.iter().rposition(is_it) {
            self.said.remove(index);
        }
    }

    /// Whether the queue holds knowledge that matters even without waiting messages.
    pub(super) fn remembers(&self, now: Instant) -> bool {
        let has_said = self.said.back().is_some_and(|said| is_recent(said, now));
        has_said || self.is_closed(now) || self.held_until.is_some_and(|until| now < until)
    }
}

fn is_recent(said: &SentText, now: Instant) -> bool {
    now < said.at + NO_REPEAT_WITHIN + WINDOW_MARGIN
}
