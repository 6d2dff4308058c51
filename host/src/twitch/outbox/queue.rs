//! What waits for one channel, and what is known of how that channel takes our messages.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::Departure;
use super::piece::{self, Piece};
use crate::domain::id::{ChannelId, Login, MessageId};
use crate::domain::message::{OutgoingMessage, Reply};
use crate::domain::role::Role;
use crate::domain::trace::{Step, Trace};
use crate::twitch::command::Command;
use crate::twitch::rate_window::WINDOW_MARGIN;
use crate::twitch::refusal::Refusal;

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
    urgent: VecDeque<Entry>,
    ordinary: VecDeque<Entry>,
    /// What was said lately, and in which variant, the oldest first.
    said: VecDeque<Said>,
    /// Until then Twitch takes nothing from us here.
    held_until: Option<Instant>,
    /// Twitch refused us for something that does not pass by waiting a little, and until when that is believed.
    closed: Option<(Refusal, Instant)>,
}

/// One message, or what is left of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) channel: ChannelId,
    pub(super) login: Login,
    reply_to: Option<MessageId>,
    pieces: VecDeque<Piece>,
    is_urgent: bool,
    pub(super) is_again: bool,
    /// Refused once as a repetition.
    pub(super) is_duplicate: bool,
    /// None once its first piece has left.
    taken_at: Option<Instant>,
    stale_at: Instant,
    /// Let go of when the first piece leaves.
    trace: Trace,
}

/// A text in one of its variants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    at: Instant,
    text: u64,
    variant: usize,
}

/// A piece that left, kept until Twitch has answered.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) entry: Entry,
    pub(super) said: Option<Said>,
    pub(super) at: Instant,
}

impl Entry {
    pub(super) fn new(message: OutgoingMessage, pieces: VecDeque<Piece>, now: Instant, stale_at: Instant) -> Self {
        Self {
            channel: message.channel_id,
            login: message.channel_login,
            reply_to: message.reply_to.filter(|_| matches!(message.reply, Reply::Answer(_))),
            pieces,
            is_urgent: message.role >= Role::Moderator,
            is_again: false,
            is_duplicate: false,
            taken_at: Some(now),
            stale_at,
            trace: message.trace,
        }
    }

    /// One piece of it, by itself.
    fn split_off(&self, piece: Piece) -> Entry {
        Entry {
            login: self.login.clone(),
            reply_to: self.reply_to.clone(),
            pieces: VecDeque::from([piece]),
            taken_at: None,
            trace: Trace::default(),
            ..*self
        }
    }
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.again.len() + usize::from(self.current.is_some()) + self.urgent.len() + self.ordinary.len()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if entry.is_urgent { &mut self.urgent } else { &mut self.ordinary }.push_back(entry);
    }

    /// Takes back what was refused, for one more attempt.
    pub(super) fn push_again(&mut self, entry: Entry) {
        self.again.push_back(Entry { is_again: true, ..entry });
    }

    pub(super) fn head(&self) -> Option<&Entry> {
        self.fronts().next()
    }

    /// The first of each kind, in the order in which they leave.
    fn fronts(&self) -> impl Iterator<Item = &Entry> {
        [self.again.front(), self.current.as_ref(), self.urgent.front(), self.ordinary.front()].into_iter().flatten()
    }

    /// Drops what is too old at `now`. Looks only at the first of each kind: those behind came later.
    pub(super) fn drop_stale(&mut self, now: Instant) -> usize {
        let before = self.len();
        let is_stale = |entry: &mut Entry| entry.stale_at <= now;
        self.current.take_if(is_stale);
        for entries in [&mut self.again, &mut self.urgent, &mut self.ordinary] {
            while entries.pop_front_if(is_stale).is_some() {}
        }
        before - self.len()
    }

    pub(super) fn drop_all(&mut self) -> usize {
        let before = self.len();
        self.current = None;
        [&mut self.again, &mut self.urgent, &mut self.ordinary].into_iter().for_each(VecDeque::clear);
        before
    }

    /// When the first of what waits will be stale.
    pub(super) fn stale_at(&self) -> Option<Instant> {
        self.fronts().map(|entry| entry.stale_at).min()
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

    /// The next piece of the message whose turn it is, and whether that was its last one. Without a `hasher` texts are
    /// neither remembered nor varied.
    pub(super) fn depart(
        &mut self,
        is_privileged: bool,
        hasher: Option<&RandomState>,
        now: Instant,
    ) -> Option<(Departure, Sent, bool)> {
        let next = self.again.pop_front().or_else(|| self.current.take());
        let next = next.or_else(|| self.urgent.pop_front()).or_else(|| self.ordinary.pop_front());
        let mut entry = next?;
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
        let text = piece.vary(said.map_or(0, |said| said.variant));
        let departure = Departure {
            channel: entry.channel,
            waited: entry.taken_at.take().map(|at| now.saturating_duration_since(at)),
            command: Command::Message {
                channel: entry.login.clone(),
                reply_to: entry.reply_to.clone(),
                text: if piece.is_action { format!("\u{1}ACTION {text}\u{1}") } else { text.clone() },
            },
            text,
        };
        self.said.extend(said);
        if self.said.len() > TEXTS_REMEMBERED {
            self.said.pop_front();
        }
        let is_last = entry.pieces.is_empty();
        let sent = Sent { entry: entry.split_off(piece), said, at: now };
        self.current = self.current.take().or((!is_last).then_some(entry));
        Some((departure, sent, is_last))
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
