//! One bot account: its rooms, its queues, its limits and its counts, whatever it reaches Twitch by.
//!
//! A [`Session`](session::Session) is the account's way to Twitch. It reports to the [`Account`] what Twitch said, asks it for the next
//! `Work`, and reports each `Departure` as delivered, refused or lost, by the departure's ticket. The account outlives its
//! sessions: what Twitch counts against it is counted on, and what waits is sent by the next session.
//!
//! Absent: every protocol. Nothing here knows how Twitch is spoken to.

pub mod connecting;
pub mod counts;
pub(super) mod departure;
pub(super) mod footing;
#[cfg(test)]
mod granted;
mod inbox;
mod outbox;
pub mod own_messages;
pub mod rate_window;
pub(super) mod refusal;
mod rooms;
pub mod session;
pub mod shortage;
pub mod state;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::counts::Counts;
use self::departure::{Ticket, Work};
use self::footing::{ModeChange, Standing};
use self::inbox::Inbox;
use self::outbox::Outbox;
use self::own_messages::OwnMessages;
use self::refusal::Refusal;
use self::rooms::Rooms;
use self::state::{AccountState, Phase};
use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, ChannelId, Login};
use crate::domain::message::{ChatMessage, Event, OutgoingMessage, WantedChannel};
use crate::domain::ports::{AccountIds, Allowance, Credentials};
use crate::domain::used_limits::UsedLimits;

/// Only to be looked at again when something else happens.
const FAR_AWAY: Duration = Duration::from_secs(60 * 60);

/// What all accounts of a host share.
pub struct Shared {
    pub credentials: Arc<dyn Credentials>,
    pub ids: Arc<dyn AccountIds>,
    pub events: mpsc::Sender<Event>,
    pub own_messages: Arc<OwnMessages>,
    pub limits: LimitsConfig,
    /// How long messages that wait may hold up the end of an account.
    pub drain_within: Duration,
}

/// What outlives an account's sessions. Every moment but those of `meanwhile` and `wait` is a parameter.
pub struct Account {
    bot: BotAccount,
    /// Whether this process has reported who the account is.
    is_known: bool,
    shared: Arc<Shared>,
    rooms: Rooms,
    outbox: Outbox,
    inbox: Inbox,
    /// Messages of this account only.
    outgoing: mpsc::Receiver<OutgoingMessage>,
    /// The channels of this account's login.
    wanted: watch::Receiver<Arc<[WantedChannel]>>,
    /// Set once the host stops.
    drain_until: Option<Instant>,
    /// There is no work before this moment, unless a message comes in or something changes about a room.
    quiet_until: Instant,
    /// There is nothing to join or to give up before this one, unless something changes about a room.
    joins_at: Instant,
    /// Published where it differs from what readers know.
    state: AccountState,
    published: watch::Sender<AccountState>,
}

impl Account {
    /// `used` is what the process before this one used of the limits: Twitch counts on over a restart. `wanted` holds the
    /// channels of the account's login; those of another account that had it are passed over.
    pub(crate) fn new(
        bot: BotAccount,
        shared: Arc<Shared>,
        used: UsedLimits,
        allowance: Arc<dyn Allowance>,
        wanted: watch::Receiver<Arc<[WantedChannel]>>,
        outgoing: mpsc::Receiver<OutgoingMessage>,
        published: watch::Sender<AccountState>,
    ) -> Account {
        let now = Instant::now();
        let mut account = Account {
            rooms: Rooms::new(bot.clone(), &shared.limits, allowance.clone()),
            outbox: Outbox::new(&shared.limits, allowance),
            inbox: Inbox::new(shared.events.clone()),
            is_known: false,
            outgoing,
            wanted,
            shared,
            drain_until: None,
            quiet_until: now,
            joins_at: now,
            state: AccountState { id: bot.id, phase_since: Some(now), ..AccountState::default() },
            bot,
            published,
        };
        account.take_wanted(now);
        if let Some(at) = now.checked_sub(used.ago) {
            account.outbox.assume(used.messages as usize, at);
            account.rooms.assume(used.joins as usize, at);
        }
        account
    }

    pub(crate) fn bot(&self) -> &BotAccount {
        &self.bot
    }

    /// The last report: what the next process has to know.
    fn end(&mut self, now: Instant) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (messages, joins) = (number(self.outbox.used(now)), number(self.rooms.used(now)));
        self.state.used = UsedLimits { messages, joins, ago: Duration::ZERO };
        self.change_phase(Phase::Stopped, None, None);
    }

    /// A session is logged in, and this is the account's Twitch id. Who the account is has been reported before it joins anything:
    /// messages from its rooms find set-ups that name it. `None`: the host is stopping.
    pub(crate) async fn begin(&mut self, id: AccountId, stop: &CancellationToken) -> Option<Result<(), String>> {
        if !self.is_known || self.bot.id != Some(id) {
            let (ids, login) = (self.shared.ids.clone(), self.bot.login.clone());
            match self.meanwhile(ids.learn_account(login, id), stop).await? {
                Ok(former) => {
                    self.state.former = former;
                    self.is_known = true;
                }
                // Nothing new would have been kept.
                Err(error) if self.bot.id == Some(id) => {
                    tracing::warn!(account = %self.bot.login, %error, "that the account logged in is not kept");
                }
                Err(error) => return Some(Err(format!("cannot keep who the account is: {error}"))),
            }
            self.bot.id = Some(id);
            self.state.id = Some(id);
        }
        self.take_wanted(Instant::now());
        self.change_phase(Phase::Online, None, None);
        Some(Ok(()))
    }

    /// The session is gone, and all that it was in the middle of.
    fn start_over(&mut self, now: Instant) {
        self.rooms.start_over(now);
        self.outbox.start_over(&mut self.state.counts);
        self.look_again(now);
    }

    /// Takes in a message that somebody wrote in a room.
    pub(crate) fn hear(&mut self, mut message: Box<ChatMessage>, now: Instant) {
        message.received_at = Some(now.into_std());
        // Until it is known whose room it is, nothing that is said there counts.
        let sits_there = self.rooms.is_in(&message.channel_login, message.channel_id);
        let is_own = self.shared.own_messages.is_own(&message, now);
        if !is_own && !message.is_shared_copy && self.bot.id.is_some_and(|id| id.chatter() == message.chatter.id) {
            self.outbox.note_typed(message.channel_id, now);
        }
        if sits_there && !is_own {
            self.inbox.offer(Event::Message(message), now);
        }
    }

    /// Reports the modes of a room, or those that changed, and its channel's id where Twitch tells it: then the room is joined.
    pub(crate) fn report_room(&mut self, room: &Login, id: Option<ChannelId>, change: ModeChange, now: Instant) {
        if let Some(known) = self.rooms.note_modes(room, change) {
            self.outbox.note_modes(known, change, now);
        }
        let news = id.and_then(|id| self.rooms.note_room(room, id, now));
        self.offer(news, now);
        self.look_again(now);
    }

    /// What the account is in a room. Reported with every message of ours, and hardly ever news.
    pub(crate) fn report_standing(&mut self, room: &Login, standing: Standing, now: Instant) {
        if !self.rooms.note_standing(room, standing) {
            return;
        }
        if let Some(id) = self.rooms.find_id(room) {
            self.outbox.note_standing(id, standing.is_privileged);
        }
        self.look_again(now);
    }

    /// The account is out of a room, and Twitch did not say why.
    pub(crate) fn report_left(&mut self, room: &Login, now: Instant) {
        self.rooms.note_left(room, now);
        self.look_again(now);
    }

    pub(crate) fn report_delivered(&mut self, ticket: Ticket, now: Instant) {
        self.outbox.delivered(ticket, now);
    }

    /// Twitch never said what became of it.
    pub(crate) fn report_lost(&mut self, ticket: Ticket) {
        self.outbox.lost(ticket, &mut self.state.counts);
    }

    /// Twitch refuses a message, or without a ticket the account itself. Logs once per pause that sending has stopped; a failed
    /// join is for readers of the events to report.
    pub(crate) fn report_refused(&mut self, room: &Login, ticket: Option<Ticket>, refusal: Refusal, now: Instant) {
        let pause = ticket.and_then(|ticket| self.outbox.refused(ticket, refusal, now, &mut self.state.counts));
        match (refusal.find_join_failure(), pause) {
            (Some(reason), _) => {
                let news = self.rooms.note_failure(room, reason, now);
                self.offer(news, now);
            }
            (None, Some(pause)) => refusal.log_pause(&self.bot.login, room, pause),
            (None, None) => {}
        }
        self.look_again(now);
    }

    /// For what only the session sees.
    pub(crate) fn counts(&mut self) -> &mut Counts {
        &mut self.state.counts
    }

    fn offer(&mut self, news: impl IntoIterator<Item = Event>, now: Instant) {
        news.into_iter().for_each(|event| self.inbox.offer(event, now));
    }

    /// Something changed that decides what there is to do, or which rooms the account sits in.
    fn look_again(&mut self, now: Instant) {
        (self.quiet_until, self.joins_at) = (now, now);
        self.outbox.look_at_all(now);
        self.rooms.describe(&mut self.state, now);
    }

    /// What the session is to do at `now`, with so many rooms in one [`Work::Join`] at most; or when to ask again. Asking while
    /// there is nothing to do costs nothing. A departure counts as sent; [`Account::report_written`] corrects the moment.
    pub(crate) fn next_work(&mut self, rooms_at_once: usize, now: Instant) -> Result<Work, Instant> {
        if now < self.quiet_until {
            return Err(self.quiet_until);
        }
        let is_time_to_join = self.joins_at <= now;
        if is_time_to_join {
            let given_up = self.rooms.give_up_unconfirmed(now);
            self.offer(given_up, now);
        }
        if let Some(room) = self.rooms.leaving.pop_front() {
            return Ok(Work::Leave(room));
        }
        if is_time_to_join {
            let due = self.rooms.take_due(rooms_at_once, now);
            if !due.is_empty() {
                return Ok(Work::Join(due));
            }
            self.joins_at = self.rooms.next_at(now).unwrap_or(now + FAR_AWAY);
            self.rooms.describe(&mut self.state, now);
        }
        match self.outbox.next(&self.rooms, now, &mut self.state.counts) {
            Ok(departure) => {
                if let Some(id) = self.bot.id {
                    self.shared.own_messages.note(id, departure.channel, &departure.text, now);
                }
                Ok(Work::Send(departure))
            }
            Err(wake_at) => {
                self.quiet_until = wake_at.map_or(self.joins_at, |at| at.min(self.joins_at));
                Err(self.quiet_until)
            }
        }
    }

    /// The messages that left last, to `channels`, since `picked_at`, were not gone before `now`.
    pub(crate) fn report_written(&mut self, channels: &[ChannelId], picked_at: Instant, now: Instant) {
        self.outbox.note_written(channels, picked_at, now);
    }

    /// Looks at what is wanted now.
    fn take_wanted(&mut self, now: Instant) {
        let wanted = self.wanted.borrow_and_update().clone();
        self.rooms.set_wanted(&wanted, &self.bot, now);
        self.look_again(now);
    }

    /// Whether another message would be taken in.
    fn has_room(&self) -> bool {
        self.outbox.room() > 0
    }

    /// Takes in a message, and those behind it for which there is room.
    fn take_outgoing(&mut self, first: OutgoingMessage, now: Instant) {
        let more = self.outbox.room().saturating_sub(1);
        self.outbox.push(first, now, &mut self.state.counts);
        for _ in 0..more {
            let Ok(message) = self.outgoing.try_recv() else { break };
            self.outbox.push(message, now, &mut self.state.counts);
        }
        self.quiet_until = now;
    }

    /// Whether the session may read on: an event that found no room holds it up.
    pub(crate) fn may_read(&self) -> bool {
        !self.inbox.is_full()
    }

    /// Whether the host stops, and nothing that waits may hold that up any longer.
    pub(crate) fn is_drained(&self, now: Instant) -> bool {
        let is_idle = self.outbox.waiting() == 0 && self.outgoing.is_empty();
        self.drain_until.is_some_and(|until| is_idle || until <= now)
    }

    /// Waits until the session may have something to do: at `wake_at` at the latest. To be waited for beside the session's own
    /// sources; dropping the future loses nothing.
    pub(crate) async fn wait(&mut self, wake_at: Instant, stop: &CancellationToken) {
        let wake_at = self.drain_until.map_or(wake_at, |until| wake_at.min(until));
        let (may_read, has_room) = (self.may_read(), self.has_room());
        tokio::select! {
            () = self.inbox.settle(), if !may_read => {}
            Some(message) = self.outgoing.recv(), if has_room => self.take_outgoing(message, Instant::now()),
            Ok(()) = self.wanted.changed() => self.take_wanted(Instant::now()),
            () = sleep_until(wake_at) => {}
            () = stop.cancelled(), if self.drain_until.is_none() => {
                self.inbox.close();
                self.drain_until = Some(Instant::now() + self.shared.drain_within);
            }
        }
    }

    /// Waits for something without a session. What is to be sent is taken in all the same, and what gets stale is dropped.
    /// `None`: the host is stopping.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        future: impl Future<Output = T>,
        stop: &CancellationToken,
    ) -> Option<T> {
        let mut future = std::pin::pin!(future);
        loop {
            let now = Instant::now();
            let stale_at = self.outbox.drop_stale(now, &mut self.state.counts).unwrap_or(now + FAR_AWAY);
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

    /// Shows readers what changed.
    pub(crate) fn publish(&mut self) {
        let state = &mut self.state;
        state.counts.events_dropped = self.inbox.dropped;
        state.events = self.inbox.passed;
        state.waiting = self.outbox.waiting();
        state.settled = self.outbox.settled();
        state.waits = self.outbox.waits;
        state.deliveries = self.outbox.deliveries;
        state.shortage = self.outbox.shortage();
        state.held_until = self.outbox.held_until(Instant::now());
        self.published.send_if_modified(|known| {
            let is_news = known != state;
            if is_news {
                known.clone_from(state);
            }
            is_news
        });
    }

    /// Status and the status line report it to the operator; the log line is for somebody who looks for a mistake of ours.
    fn change_phase(&mut self, phase: Phase, trouble: Option<Arc<str>>, retry_at: Option<Instant>) {
        tracing::debug!(account = %self.bot.login, ?phase, trouble = trouble.as_deref(), "this phase begins, or goes on");
        let state = &mut self.state;
        if state.phase != phase {
            state.phase_since = Some(Instant::now());
        }
        (state.phase, state.trouble, state.retry_at) = (phase, trouble, retry_at);
        self.publish();
    }
}
