//! What of an account outlives its connections: the rooms, the queues, the limits and the counts.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::account::{AccountState, Phase};
use super::command::Command;
use super::counts::Counts;
use super::event::{self, Heard};
use super::inbox::Inbox;
use super::joins::{Joins, Outcome};
use super::line::{Filter, Talk};
use super::outbox::{Departure, Next, Outbox};
use super::own_messages::OwnMessages;
use crate::domain::id::{ChatterId, Login};
use crate::domain::message::{Event, OutgoingMessage, WantedChannel};
use crate::domain::ports::Prefixes;
use crate::domain::tally::Tally;

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
    pub(crate) state: watch::Sender<AccountState>,
}

/// What to say next.
#[derive(Debug)]
pub(crate) enum Saying {
    Command(Command),
    Message(Departure),
}

/// The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MustReconnect;

impl Traffic {
    /// Looks at what calls the bot now; to be called once a batch of lines.
    pub(crate) fn refresh_filter(&mut self) {
        self.filter = Filter::new(self.login.clone(), self.prefixes.snapshot());
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
            Heard::Message(message) => {
                // Until it is known whose room it is, nothing that is said there counts.
                let sits_there = self.joins.find_standing(&message.channel_login, message.channel_id).is_some();
                if sits_there && !self.own_messages.is_own(&message, now) {
                    self.inbox.offer(Event::Message(message), now);
                }
                return Ok(None);
            }
            Heard::Ping(text) => return Ok(Some(Command::Pong(text))),
            Heard::Reconnect => return Err(MustReconnect),
            Heard::Room { channel, id } => self.joins.note_room(&channel, id, now),
            Heard::Barred { channel, reason } => self.joins.note_failure(&channel, reason, now),
            Heard::Standing { channel, standing } => {
                self.joins.note_standing(&channel, standing);
                return Ok(None);
            }
            Heard::Left { channel } => {
                self.joins.note_left(&channel, now);
                return Ok(None);
            }
            _ => return Ok(None),
        };
        Ok(self.apply(outcome, now))
    }

    fn apply(&mut self, outcome: Outcome, now: Instant) -> Option<Command> {
        if let Some(event) = outcome.event {
            self.inbox.offer(event, now);
        }
        outcome.leave.map(Command::Part)
    }

    /// What is to be said at `now`, or when to ask again.
    pub(crate) fn next_saying(&mut self, now: Instant) -> Result<Saying, Instant> {
        let due = self.joins.take_due(now);
        if !due.is_empty() {
            return Ok(Saying::Command(Command::Join(due)));
        }
        let joins_at = self.joins.next_at(now).unwrap_or(now + FAR_AWAY);
        match self.outbox.next(&self.joins, now, &mut self.counts) {
            Next::Send(departure) => Ok(Saying::Message(departure)),
            Next::WaitUntil(outbox_at) => Err(outbox_at.min(joins_at)),
            Next::Empty => Err(joins_at),
        }
    }

    /// Ends the joins that were never confirmed; the rooms to leave.
    pub(crate) fn give_up_unconfirmed(&mut self, now: Instant) -> Vec<Command> {
        let outcomes = self.joins.give_up_unconfirmed(now);
        outcomes.into_iter().filter_map(|outcome| self.apply(outcome, now)).collect()
    }

    /// Looks at what is wanted now; the rooms to leave.
    pub(crate) fn take_wanted(&mut self, now: Instant) -> Vec<Command> {
        let wanted = self.wanted.borrow_and_update().clone();
        self.joins.set_wanted(&wanted, now).into_iter().map(Command::Part).collect()
    }

    pub(crate) fn take_outgoing(&mut self, message: OutgoingMessage, now: Instant) {
        self.outbox.push(message, now, &mut self.counts);
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
            wanted: self.joins.count_wanted(),
            joined: self.joins.count_joined(),
            events: self.inbox.passed,
            waiting: self.outbox.waiting(),
            settled: self.outbox.settled(),
            counts: self.counts,
        };
        self.state.send_if_modified(|known| {
            let is_news = *known != state;
            *known = state;
            is_news
        });
    }

    pub(crate) fn enter_phase(&mut self, phase: Phase) {
        self.phase = phase;
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
                Some(message) = self.outgoing.recv() => self.take_outgoing(message, Instant::now()),
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
