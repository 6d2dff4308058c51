//! One bot account: its rooms, queues, limits and counts, independent of the transport.
//!
//! A [`Session`](session::Session) connects the account to Twitch. It reports to the [`Account`] what Twitch said, asks
//! it for the next `Work`, and reports each `Departure` as delivered, refused or lost, by its ticket. The account
//! outlives its sessions: it goes on counting what Twitch counts, and the next session sends the waiting messages.
//!
//! Not here: every protocol of Twitch.

pub mod account_loop;
pub mod counts;
pub(super) mod departure;
mod event_sender;
#[cfg(test)]
mod granted;
mod outbox;
pub mod own_messages;
pub mod rate_window;
pub(super) mod refusal;
mod rooms;
pub mod session;
pub mod shortage;
pub(super) mod standing;
pub mod state;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::counts::Counts;
use self::departure::{Ticket, Work};
use self::event_sender::EventSender;
use self::outbox::Outbox;
use self::own_messages::OwnMessages;
use self::refusal::Refusal;
use self::rooms::Rooms;
use self::standing::{ModeChange, Standing};
use self::state::{AccountState, Phase};
use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, ChannelId, Login};
use crate::domain::message::{ChatMessage, Event, OutgoingMessage, WantedChannel};
use crate::domain::ports::{AccountIds, Allowance, Credentials};
use crate::domain::used_limits::UsedLimits;

/// Wake-up time when there is nothing to do. An event wakes the account earlier.
const FAR_AWAY: Duration = Duration::from_secs(60 * 60);

/// What all accounts of a host share.
pub struct Shared {
    pub credentials: Arc<dyn Credentials>,
    pub ids: Arc<dyn AccountIds>,
    pub events: mpsc::Sender<Event>,
    pub own_messages: Arc<OwnMessages>,
    pub limits: LimitsConfig,
    /// How long waiting messages may delay the end of an account.
    pub drain_within: Duration,
}

/// The state that outlives an account's sessions. What sessions call to report or to ask takes the time as a parameter.
pub struct Account {
    bot: BotAccount,
    /// Whether the account's id has been reported in this process.
    is_known: bool,
    shared: Arc<Shared>,
    rooms: Rooms,
    outbox: Outbox,
    events: EventSender,
    /// Messages of this account only.
    outgoing: mpsc::Receiver<OutgoingMessage>,
    /// The channels of this account's login.
    wanted: watch::Receiver<Arc<[WantedChannel]>>,
    /// Set when the host begins to stop.
    drain_until: Option<Instant>,
    /// There is no work before this moment, unless a message arrives or a room changes.
    next_work_at: Instant,
    /// No room has to be joined or given up before this moment, unless a room changes.
    next_join_at: Instant,
    /// The current state; published when it differs from `published`.
    state: AccountState,
    published: watch::Sender<AccountState>,
}

impl Account {
    /// `used` is the part of the limits that the process before this one used: a restart does not reset Twitch's
    /// counters. Of `wanted`, channels of another account that once had this login are ignored.
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
            events: EventSender::new(shared.events.clone()),
            is_known: false,
            outgoing,
            wanted,
            shared,
            drain_until: None,
            next_work_at: now,
            next_join_at: now,
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

    /// The last report. The next process needs these used limits.
    fn end(&mut self, now: Instant) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (messages, joins) = (number(self.outbox.used(now)), number(self.rooms.used(now)));
        self.state.used = UsedLimits { messages, joins, ago: Duration::ZERO };
        self.change_phase(Phase::Stopped, None, None);
    }

    /// Called once a session is logged in, with the account's Twitch id. Reports the id before any room is joined,
    /// because messages from a room need the set-ups that name the account. `None`: the host is stopping.
    pub(crate) async fn begin(&mut self, id: AccountId, stop: &CancellationToken) -> Option<Result<(), String>> {
        if !self.is_known || self.bot.id != Some(id) {
            let (ids, login) = (self.shared.ids.clone(), self.bot.login.clone());
            match self.meanwhile(ids.learn_account(login, id), stop).await? {
                Ok(former) => {
                    self.state.former = former;
                    self.is_known = true;
                }
                // The stored id is the same, so the failed write loses nothing.
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

    /// Resets what belonged to the lost session.
    fn start_over(&mut self, now: Instant) {
        self.rooms.start_over(now);
        self.outbox.start_over(&mut self.state.counts);
        self.wake(now);
    }

    /// Processes a message that a chatter wrote in a room.
    pub(crate) fn receive_message(&mut self, mut message: Box<ChatMessage>, now: Instant) {
        message.received_at = Some(now.into_std());
        // A message from a room counts only once the room's id is confirmed as the wanted one.
        let sits_there = self.rooms.is_in(&message.channel_login, message.channel_id);
        let is_own = self.shared.own_messages.is_own(&message, now);
        if !is_own && !message.is_shared_copy && self.bot.id.is_some_and(|id| id.chatter() == message.chatter.id) {
            self.outbox.note_typed(message.channel_id, now);
        }
        if sits_there && !is_own {
            self.events.offer(Event::Message(message), now);
        }
    }

    /// Reports a room's modes, all or the changed ones, and its channel's id if Twitch sent it: it confirms the join.
    pub(crate) fn report_room(&mut self, room: &Login, id: Option<ChannelId>, change: ModeChange, now: Instant) {
        if let Some(known) = self.rooms.note_modes(room, change) {
            self.outbox.note_modes(known, change, now);
        }
        let news = id.and_then(|id| self.rooms.note_room(room, id, now));
        self.offer(news, now);
        self.wake(now);
    }

    /// Reports the account's standing in a room. Twitch repeats it with each of our messages, mostly unchanged.
    pub(crate) fn report_standing(&mut self, room: &Login, standing: Standing, now: Instant) {
        if !self.rooms.note_standing(room, standing) {
            return;
        }
        if let Some(id) = self.rooms.find_id(room) {
            self.outbox.note_standing(id, standing.is_privileged);
        }
        self.wake(now);
    }

    /// Reports that the account left a room or was removed, for an unknown reason.
    pub(crate) fn report_left(&mut self, room: &Login, now: Instant) {
        self.rooms.note_left(room, now);
        self.wake(now);
    }

    pub(crate) fn report_delivered(&mut self, ticket: Ticket, now: Instant) {
        self.outbox.delivered(ticket, now);
    }

    /// Reports a message that Twitch did not answer.
    pub(crate) fn report_lost(&mut self, ticket: Ticket) {
        self.outbox.lost(ticket, &mut self.state.counts);
    }

    /// Reports that Twitch refused a message or, if there is no ticket, the account itself. Logs once per pause that
    /// sending has stopped; a failed join is an event, which its reader logs.
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
        self.wake(now);
    }

    /// For counts that only the session can make.
    pub(crate) fn counts(&mut self) -> &mut Counts {
        &mut self.state.counts
    }

    fn offer(&mut self, news: impl IntoIterator<Item = Event>, now: Instant) {
        news.into_iter().for_each(|event| self.events.offer(event, now));
    }

    /// To be called after each change that may create work, or that changes which rooms the account is in.
    fn wake(&mut self, now: Instant) {
        (self.next_work_at, self.next_join_at) = (now, now);
        self.outbox.check_all(now);
        self.rooms.describe(&mut self.state, now);
    }

    /// The session's work at `now`, with at most `rooms_at_once` rooms in a [`Work::Join`]; or the moment to ask again.
    /// Asking without work is cheap. A departure counts as sent; [`Account::report_written`] corrects its time.
    pub(crate) fn next_work(&mut self, rooms_at_once: usize, now: Instant) -> Result<Work, Instant> {
        if now < self.next_work_at {
            return Err(self.next_work_at);
        }
        let is_time_to_join = self.next_join_at <= now;
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
            self.next_join_at = self.rooms.next_at(now).unwrap_or(now + FAR_AWAY);
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
                self.next_work_at = wake_at.map_or(self.next_join_at, |at| at.min(self.next_join_at));
                Err(self.next_work_at)
            }
        }
    }

    /// Reports that the messages picked since `picked_at`, to `channels`, were written only by `now`.
    pub(crate) fn report_written(&mut self, channels: &[ChannelId], picked_at: Instant, now: Instant) {
        self.outbox.note_written(channels, picked_at, now);
    }

    /// Loads the wanted channels.
    fn take_wanted(&mut self, now: Instant) {
        let wanted = self.wanted.borrow_and_update().clone();
        self.rooms.set_wanted(&wanted, &self.bot, now);
        self.wake(now);
    }

    /// Whether the outbox can take another message.
    fn has_room(&self) -> bool {
        self.outbox.room() > 0
    }

    /// Takes `first` and, as far as there is room, the messages queued behind it.
    fn take_outgoing(&mut self, first: OutgoingMessage, now: Instant) {
        let more = self.outbox.room().saturating_sub(1);
        self.outbox.push(first, now, &mut self.state.counts);
        for _ in 0..more {
            let Ok(message) = self.outgoing.try_recv() else { break };
            self.outbox.push(message, now, &mut self.state.counts);
        }
        self.next_work_at = now;
    }

    /// Whether the session may read on. It must not while an event waits for room in the queue.
    pub(crate) fn may_read(&self) -> bool {
        !self.events.is_full()
    }

    /// Whether the account may end: the host is stopping, and no message waits or the time for sending is over.
    pub(crate) fn is_drained(&self, now: Instant) -> bool {
        let is_idle = self.outbox.waiting() == 0 && self.outgoing.is_empty();
        self.drain_until.is_some_and(|until| is_idle || until <= now)
    }

    /// Waits until the session may have work, at most until `wake_at`. Sessions await other sources beside it; cancel
    /// safe.
    pub(crate) async fn wait(&mut self, wake_at: Instant, stop: &CancellationToken) {
        let wake_at = self.drain_until.map_or(wake_at, |until| wake_at.min(until));
        let (may_read, has_room) = (self.may_read(), self.has_room());
        tokio::select! {
            () = self.events.settle(), if !may_read => {}
            Some(message) = self.outgoing.recv(), if has_room => self.take_outgoing(message, Instant::now()),
            Ok(()) = self.wanted.changed() => self.take_wanted(Instant::now()),
            () = sleep_until(wake_at) => {}
            () = stop.cancelled(), if self.drain_until.is_none() => {
                self.events.close();
                self.drain_until = Some(Instant::now() + self.shared.drain_within);
            }
        }
    }

    /// Waits for `future` without a session. Takes messages meanwhile, and drops stale ones. `None`: the host stops.
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

    /// Publishes the state if it has changed.
    pub(crate) fn publish(&mut self) {
        let state = &mut self.state;
        state.counts.events_dropped = self.events.dropped;
        state.events = self.events.passed;
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

    /// The operator learns of the phase from `status` and the status line; the log line helps to debug this program.
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
