//! What of an account outlives its connections: the rooms, the queues, the limits and the counts.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::account::{AccountState, Phase};
use super::batch::Batch;
use super::command::Command;
use super::counts::Counts;
use super::event::{self, Heard};
use super::inbox::Inbox;
use super::joins::{Joins, Outcome};
use super::line::{Filter, Talk};
use super::outbox::{Next, Outbox};
use super::own_messages::OwnMessages;
use super::refusal::Refusal;
use crate::domain::id::{ChatterId, Login};
use crate::domain::message::{Event, JoinFailure, OutgoingMessage, WantedChannel};
use crate::domain::ports::Prefixes;
use crate::domain::tally::Tally;
use crate::domain::used_limits::UsedLimits;

/// Only to be looked at again when something else happens.
const FAR_AWAY: Duration = Duration::from_secs(60 * 60);

/// One account's traffic, whatever it flows over.
pub(crate) struct Traffic {
    pub(crate) login: Login,
    /// Who the login is, once Twitch has told.
    pub(crate) id: Option<ChatterId>,
    pub(crate) joins: Joins,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    pub(crate) prefixes: Arc<dyn Prefixes>,
    pub(crate) filter: Filter,
    pub(crate) tally: Arc<Tally>,
    pub(crate) own_messages: Arc<OwnMessages>,
    pub(crate) outgoing: mpsc::Receiver<OutgoingMessage>,
    pub(crate) wanted: watch::Receiver<Arc<[WantedChannel]>>,
    pub(crate) drain_within: Duration,
    pub(crate) counts: Counts,
    pub(crate) phase: Phase,
    pub(crate) phase_since: Instant,
    /// Why the phase is not a better one.
    pub(crate) trouble: Option<Arc<str>>,
    /// When the next connection is tried, where there is none.
    pub(crate) retry_at: Option<Instant>,
    pub(crate) state: watch::Sender<AccountState>,
    /// Nothing is to be said before this moment, unless a message comes in or something changes about a room.
    pub(crate) quiet_until: Instant,
    /// Nothing is to be joined or given up before this one, unless something changes about a room.
    pub(crate) joins_at: Instant,
    pub(crate) seats: Seats,
}

/// In how many of the wanted rooms the account sits, and how it is with the others; counted when that may have changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats {
    wanted: usize,
    joined: usize,
    pending: usize,
    outside: Arc<[Login]>,
    unreachable: Arc<[(Login, JoinFailure)]>,
    joins_held_until: Option<Instant>,
}

/// The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MustReconnect;

impl Traffic {
    /// Begins with windows that are used up already: Twitch counts on over a restart.
    pub(crate) fn assume(&mut self, used: UsedLimits, now: Instant) {
        if let Some(at) = now.checked_sub(used.ago) {
            self.outbox.assume(used.messages as usize, at);
            self.joins.assume(used.joins as usize, at);
        }
    }

    pub(crate) fn tell_used(&self, now: Instant) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (messages, joins) = (number(self.outbox.used(now)), number(self.joins.used(now)));
        self.state.send_modify(|state| state.used = UsedLimits { messages, joins, ago: Duration::ZERO });
    }

    /// Looks at what calls the bot now; to be called once a batch of lines.
    pub(crate) fn refresh_filter(&mut self) {
        self.filter.refresh(self.prefixes.snapshot());
    }

    /// Takes in what a line says; what is to be answered. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn hear(&mut self, line: &[u8], now: Instant) -> Result<Option<Command>, MustReconnect> {
        let text = std::str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
        if let Some(talk) = self.filter.find_talk(&text) {
            note_talk(&self.tally, talk);
            return Ok(None);
        }
        let Ok(heard) = event::parse_line(&text, &self.login) else {
            self.counts.malformed_lines += 1;
            return Ok(None);
        };
        let outcome = match heard {
            Heard::Message(mut message) => {
                message.received_at = Some(now.into_std());
                // Until it is known whose room it is, nothing that is said there counts.
                let sits_there = self.joins.is_in(&message.channel_login, message.channel_id);
                let is_own = self.own_messages.is_own(&message, now);
                if !is_own && !message.is_shared_copy && self.id == Some(message.chatter.id) {
                    self.outbox.note_typed(message.channel_id, now);
                }
                if sits_there && !is_own {
                    self.inbox.offer(Event::Message(message), now);
                }
                return Ok(None);
            }
            Heard::Ping(text) => return Ok(Some(Command::Pong(text))),
            Heard::Reconnect => return Err(MustReconnect),
            Heard::Room { channel, id, change } => {
                if let Some(known) = self.joins.note_modes(&channel, change) {
                    self.outbox.note_modes(known, change, now);
                }
                id.map_or_else(Outcome::default, |id| self.joins.note_room(&channel, id, now))
            }
            Heard::Refused { channel, refusal } => self.take_refusal(&channel, refusal, now),
            Heard::Standing { channel, standing, is_receipt } => {
                let is_news = self.joins.note_standing(&channel, standing);
                if let Some(id) = self.joins.find_id(&channel).filter(|_| is_news) {
                    self.outbox.note_standing(id, standing.is_privileged);
                }
                if is_receipt {
                    self.outbox.note_delivered(&channel, now);
                }
                // One comes with every message of ours, and hardly ever says anything new.
                if !is_news {
                    return Ok(None);
                }
                Outcome::default()
            }
            Heard::Left { channel } => {
                self.joins.note_left(&channel, now);
                Outcome::default()
            }
            _ => return Ok(None),
        };
        self.look_again(now);
        Ok(self.apply(outcome, now))
    }

    /// Says aloud, once, where nothing will be sent for a while. What is said of a room that we cannot sit in, whoever
    /// hears of the failed join says.
    fn take_refusal(&mut self, channel: &Login, refusal: Refusal, now: Instant) -> Outcome {
        let pause = self.outbox.note_refused(channel, refusal, now, &mut self.counts);
        let account = &self.login;
        if let Some(reason) = refusal.find_join_failure() {
            return self.joins.note_failure(channel, reason, now);
        }
        match (refusal, pause) {
            (_, None) => {}
            (Refusal::RateLimited, Some(pause)) => {
                tracing::warn!(%account, ?pause, "Twitch says that this account sends too much; nothing is sent for a while");
            }
            (Refusal::Unverified, Some(pause)) => {
                tracing::error!(
                    %account, %channel, ?pause,
                    "this channel wants the account's phone number or e-mail address verified; nothing is sent there"
                );
            }
            (_, Some(pause)) => {
                tracing::warn!(%account, %channel, ?refusal, ?pause, "Twitch refuses messages; nothing is sent there");
            }
        }
        Outcome::default()
    }

    fn apply(&mut self, outcome: Outcome, now: Instant) -> Option<Command> {
        if let Some(event) = outcome.event {
            self.inbox.offer(event, now);
        }
        outcome.leave.map(Command::Part)
    }

    /// Something changed that decides what is to be said, or which rooms the account sits in.
    fn look_again(&mut self, now: Instant) {
        (self.quiet_until, self.joins_at) = (now, now);
        self.outbox.look_at_all(now);
        self.count_seats(now);
    }

    fn count_seats(&mut self, now: Instant) {
        self.seats = Seats {
            wanted: self.joins.count_wanted(),
            joined: self.joins.count_joined(),
            pending: self.joins.count_pending(),
            outside: self.joins.list_outside().cloned().collect(),
            unreachable: self.joins.list_failed().map(|(login, reason)| (login.clone(), reason)).collect(),
            joins_held_until: self.joins.held_until(now),
        };
    }

    /// What is to be said at `now`, or when to ask again. Asking while there is nothing to say costs nothing.
    pub(crate) fn next_batch(&mut self, now: Instant) -> Result<Batch, Instant> {
        if now < self.quiet_until {
            return Err(self.quiet_until);
        }
        let mut batch = Batch::new(now);
        if self.joins_at <= now {
            self.fill_with_joins(&mut batch, now);
            self.joins_at = self.joins.next_at(now).unwrap_or(now + FAR_AWAY);
            self.count_seats(now);
        }
        let wake_at = self.fill_with_messages(&mut batch, now);
        if !batch.is_empty() {
            return Ok(batch);
        }
        let unanswered_at = self.outbox.give_up_unanswered(now, &mut self.counts);
        self.quiet_until = [unanswered_at, wake_at].into_iter().flatten().fold(self.joins_at, Instant::min);
        Err(self.quiet_until)
    }

    /// Leaves the rooms whose joins were never confirmed, and asks for those whose turn it is.
    fn fill_with_joins(&mut self, batch: &mut Batch, now: Instant) {
        for outcome in self.joins.give_up_unconfirmed(now) {
            if let Some(command) = self.apply(outcome, now) {
                batch.push(&command);
            }
        }
        loop {
            let due = self.joins.take_due(now);
            if due.is_empty() {
                return;
            }
            batch.push(&Command::Join(due));
        }
    }

    /// Adds what may leave now; when there will be more of it, where there is not yet.
    fn fill_with_messages(&mut self, batch: &mut Batch, now: Instant) -> Option<Instant> {
        while !batch.is_full() {
            match self.outbox.next(&self.joins, now, &mut self.counts) {
                Next::Send(departure) => {
                    if let Some(id) = self.id {
                        self.own_messages.note(id, departure.channel, &departure.text, now);
                    }
                    batch.push_message(&departure);
                }
                Next::WaitUntil(wake_at) => return Some(wake_at),
                Next::Empty => return None,
            }
        }
        None
    }

    /// Looks at what is wanted now; the rooms to leave.
    pub(crate) fn take_wanted(&mut self, now: Instant) -> Vec<Command> {
        let wanted = self.wanted.borrow_and_update().clone();
        let leave = self.joins.set_wanted(&wanted, now).into_iter().map(Command::Part).collect();
        self.look_again(now);
        leave
    }

    /// The connection is gone, and all that it was in the middle of.
    pub(crate) fn start_over(&mut self, now: Instant) {
        self.joins.start_over(now);
        self.outbox.start_over(&mut self.counts);
        self.look_again(now);
    }

    /// Whether a message would be taken in.
    pub(crate) fn has_room(&self) -> bool {
        self.outbox.room() > 0
    }

    /// Takes in a message, and those behind it for which there is room.
    pub(crate) fn take_outgoing(&mut self, first: OutgoingMessage, now: Instant) {
        let more = self.outbox.room().saturating_sub(1);
        self.outbox.push(first, now, &mut self.counts);
        for _ in 0..more {
            let Ok(message) = self.outgoing.try_recv() else { break };
            self.outbox.push(message, now, &mut self.counts);
        }
        self.quiet_until = now;
    }

    /// Nothing waits to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.outbox.waiting() == 0 && self.outgoing.is_empty()
    }

    /// Tells whoever looks.
    pub(crate) fn publish(&mut self) {
        self.counts.events_dropped = self.inbox.dropped;
        let state = AccountState {
            phase: self.phase,
            phase_since: Some(self.phase_since),
            trouble: self.trouble.clone(),
            retry_at: self.retry_at,
            wanted: self.seats.wanted,
            joined: self.seats.joined,
            pending: self.seats.pending,
            outside: self.seats.outside.clone(),
            unreachable: self.seats.unreachable.clone(),
            joins_held_until: self.seats.joins_held_until,
            events: self.inbox.passed,
            waiting: self.outbox.waiting(),
            settled: self.outbox.settled(),
            counts: self.counts,
            waits: self.outbox.waits,
            deliveries: self.outbox.deliveries,
            shortage: self.outbox.shortage(),
            held_until: self.outbox.held_until(Instant::now()),
            used: UsedLimits::default(),
        };
        self.state.send_if_modified(|known| {
            let is_news = *known != state;
            *known = state;
            is_news
        });
    }

    pub(crate) fn enter_phase(&mut self, phase: Phase) {
        self.change_phase(phase, None, None);
    }

    /// For a phase that nobody wants: with what is wrong.
    pub(crate) fn enter_bad_phase(&mut self, phase: Phase, trouble: &dyn Display) {
        self.change_phase(phase, Some(trouble.to_string().into()), None);
    }

    /// For a connection that could not be had, or not be kept.
    pub(crate) fn lose_connection(&mut self, trouble: &str, retry_at: Instant) {
        self.change_phase(Phase::Connecting, Some(trouble.into()), Some(retry_at));
    }

    /// Whoever looks at the state tells the operator; here it is for whoever looks for a mistake of ours.
    fn change_phase(&mut self, phase: Phase, trouble: Option<Arc<str>>, retry_at: Option<Instant>) {
        tracing::debug!(account = %self.login, ?phase, trouble = trouble.as_deref(), "this phase begins, or goes on");
        if self.phase != phase {
            self.phase_since = Instant::now();
        }
        (self.phase, self.trouble, self.retry_at) = (phase, trouble, retry_at);
        self.publish();
    }

    /// Waits for something without a connection. What is to be sent is taken in all the same, and what gets stale is
    /// dropped. `None`: the host is stopping.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        future: impl Future<Output = T>,
        stop: &CancellationToken,
    ) -> Option<T> {
        let mut future = std::pin::pin!(future);
        loop {
            let now = Instant::now();
            let stale_at = self.outbox.drop_stale(now, &mut self.counts).unwrap_or(now + FAR_AWAY);
            self.publish();
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                output = &mut future => return Some(output),
                Some(message) = self.outgoing.recv(), if self.has_room() => self.take_outgoing(message, Instant::now()),
                () = sleep_until(stale_at) => {}
            }
        }
    }
}

fn note_talk(tally: &Tally, talk: Talk<'_>) {
    if !talk.is_shared_copy {
        let display_name = || if talk.display_name.trim().is_empty() { talk.login } else { talk.display_name };
        tally.lock().note(talk.channel, talk.chatter, talk.login, || display_name().into());
    }
}
