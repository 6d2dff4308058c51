//! What waits for one channel, and what is known of how that channel takes our messages.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{Entry, Patience, Said, Sent};
use super::lines::Lines;
use super::piece;
use super::shares::Part;
use crate::domain::message::ReplySource;
use crate::domain::trace::Step;
use crate::twitch::account::departure::{Departure, Ticket};
use crate::twitch::account::rate_window::WINDOW_MARGIN;
use crate::twitch::account::refusal::Refusal;

/// Messages that wait for one channel.
pub(super) const CAPACITY: usize = 50;
/// The first messages of a module or key that find room even so, and places kept for them: others may have filled the queue.
const ALWAYS_TAKEN: usize = 2;
const CAPACITY_WITH_KEPT: usize = CAPACITY + 16;
/// How long a text may not be repeated to an unprivileged channel (`msg_duplicate`).
const NO_REPEAT_WITHIN: Duration = Duration::from_secs(30);
/// Texts remembered of a channel; one a second is said there at most, and repetitions come close together.
const TEXTS_REMEMBERED: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Refused once, and to be tried again before anything else.
    again: VecDeque<Entry>,
    /// Begun, and to be finished first.
    current: Option<Entry>,
    urgent: Lines,
    ordinary: Lines,
    /// What was said lately, and in which variant, the oldest first.
    said: VecDeque<Said>,
    /// Until then Twitch takes nothing from us here.
    held_until: Option<Instant>,
    /// Twitch refused us for something that does not pass by waiting a little, and until when that is believed.
    closed: Option<(Refusal, Instant)>,
    /// How many messages the account had sent when it last sent one here.
    pub(super) served: u64,
}

/// Which of a channel's messages is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    slot: Slot,
    /// Whether it is within the channel's share of the account's window.
    pub(super) is_own: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
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

    /// Whether one more message of a module or key may wait here.
    pub(super) fn has_room(&self, source: &ReplySource) -> bool {
        let waiting = self.len();
        waiting < CAPACITY || waiting < CAPACITY_WITH_KEPT && self.count_of(source) < ALWAYS_TAKEN
    }

    /// Messages of a module or key that wait here and have not begun to leave.
    pub(super) fn count_of(&self, source: &ReplySource) -> usize {
        self.urgent.count_of(source) + self.ordinary.count_of(source)
    }

    /// Takes back what was refused, for one more attempt.
    pub(super) fn push_again(&mut self, entry: Entry) {
        self.again.push_back(Entry { is_again: true, ..entry });
    }

    pub(super) fn head(&self) -> Option<&Entry> {
        self.fronts().next()
    }

    /// The first of each kind and of each module or key.
    fn fronts(&self) -> impl Iterator<Item = &Entry> {
        let begun = self.again.front().into_iter().chain(&self.current);
        begun.chain(self.urgent.fronts()).chain(self.ordinary.fronts())
    }

    /// The message whose turn it is. `own_room` tells how many more of a module's or key's messages are within its part: those
    /// that have room there go first, moderators' before others'.
    pub(super) fn find_turn(&self, mut own_room: impl FnMut(&ReplySource, Part) -> usize) -> Option<Turn> {
        let mut is_own = |entry: &Entry, part| own_room(&entry.source, part) > 0;
        if let Some(entry) = self.again.front() {
            return Some(Turn { slot: Slot::Again, is_own: is_own(entry, Part::Rest) });
        }
        if let Some(entry) = &self.current {
            return Some(Turn { slot: Slot::Current, is_own: is_own(entry, Part::Rest) });
        }
        for part in [Part::Quota, Part::Spare] {
            let own = self.urgent.fronts().position(|entry| is_own(entry, part)).map(Slot::Urgent);
            let own = own.or_else(|| self.ordinary.fronts().position(|entry| is_own(entry, part)).map(Slot::Ordinary));
            if let Some(slot) = own {
                return Some(Turn { slot, is_own: true });
            }
        }
        let slot = if self.urgent.len() > 0 { Slot::Urgent(0) } else { Slot::Ordinary(0) };
        (self.len() > 0).then_some(Turn { slot, is_own: false })
    }

    fn take(&mut self, slot: Slot) -> Option<Entry> {
        match slot {
            Slot::Again => self.again.pop_front(),
            Slot::Current => self.current.take(),
            Slot::Urgent(index) => self.urgent.take(index),
            Slot::Ordinary(index) => self.ordinary.take(index),
        }
    }

    /// Drops what is too old at `now`. Looks only at the first of each kind: those behind came later.
    pub(super) fn drop_stale(&mut self, now: Instant, patience: Patience) -> usize {
        let before = self.len();
        let is_stale = |entry: &mut Entry| entry.stale_at(patience) <= now;
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

    /// When the first of what waits will be stale.
    pub(super) fn stale_at(&self, patience: Patience) -> Option<Instant> {
        self.fronts().map(|entry| entry.stale_at(patience)).min()
    }

    /// Nothing leaves before; `now` where nothing holds it.
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

    /// Opens it where it was closed for something of which `is_lifted` is true.
    pub(super) fn open_if(&mut self, is_lifted: impl Fn(Refusal) -> bool) {
        self.closed.take_if(|(refusal, _)| is_lifted(*refusal));
    }

    /// The next piece of a message, and whether that was its last one. Without a `hasher` texts are neither remembered nor
    /// varied.
    pub(super) fn depart(
        &mut self,
        turn: Turn,
        is_privileged: bool,
        hasher: Option<&RandomState>,
        ticket: Ticket,
        now: Instant,
    ) -> Option<(Departure, Sent, bool)> {
        let mut entry = self.take(turn.slot)?;
        let piece = entry.pieces.pop_front()?;
        let said = hasher.map(|hasher| {
            let text = hasher.hash_one(&piece.text);
            // Those with privileges may repeat themselves, but may lose them, so what they say is remembered as well.
            let variant = if is_privileged && !entry.is_again { 0 } else { self.find_variant(text, now) };
            // Twitch may have compared a duplicate with the plain text.
            let variant = if entry.is_duplicate { variant.max(1) } else { variant };
            Said { at: now, text, variant }
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

    /// A variant other than the one last sent. Twitch compares with the last message that it delivered, which may be
    /// any of those that it has not answered: so everything sent within the time is compared with.
    fn find_variant(&self, text: u64, now: Instant) -> usize {
        let last = self.said.iter().rev().find(|said| said.text == text && is_recent(said, now));
        last.map_or(0, |said| (said.variant + 1) % piece::VARIANTS)
    }

    /// What left since `picked_at` was not gone before `now`.
    pub(super) fn defer(&mut self, picked_at: Instant, now: Instant) {
        self.said.iter_mut().rev().take_while(|said| said.at >= picked_at).for_each(|said| said.at = now);
    }

    /// It was not delivered, and nothing will be held against it.
    pub(super) fn forget(&mut self, said: Said) {
        let is_it = |known: &Said| known.text == said.text && known.variant == said.variant;
        if let Some(index) = self.said.iter().rposition(is_it) {
            self.said.remove(index);
        }
    }

    /// Something about this channel matters even when nothing waits for it.
    pub(super) fn remembers(&self, now: Instant) -> bool {
        let has_said = self.said.back().is_some_and(|said| is_recent(said, now));
        has_said || self.is_closed(now) || self.held_until.is_some_and(|until| now < until)
    }
}

fn is_recent(said: &Said, now: Instant) -> bool {
    now < said.at + NO_REPEAT_WITHIN + WINDOW_MARGIN
}
