//! The loop around the path: from the queue of events to the outboxes.
//!
//! What goes on before a call happens here, in the order of arrival; a call runs beside the loop, and so a slow module
//! holds up no other module. Only calls that may write wait for their channel's earlier ones, so that both what they do
//! and what they answer keep the order of arrival. Where the house is full of calls, the loop waits, and the queue before
//! it holds up the connections; a channel that has more calls under way than it may, or an outbox that takes no
//! more for a second: the newest is dropped and counted.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::dispatch::Dispatch;
use super::dispatch::accept::Accepted;
use super::dispatch::unanswered::NoAnswer;
use super::seats::Seat;
use super::turns::Turn;
use crate::domain::id::AccountId;
use crate::domain::message::{ChatMessage, Event, OutgoingMessage};

/// How often it is saved who talked.
const SAVE_TALLY_EVERY: Duration = Duration::from_secs(10);

/// A call whose turn has not come by then is dropped: nobody waits for its answer any more, and it would hold up a stop.
pub(super) const TURN_WITHIN: Duration = Duration::from_secs(5);

/// For an outbox to take a reply. The call keeps its seat meanwhile, so that a burst waits rather than lose replies.
const REPLY_WITHIN: Duration = Duration::from_secs(1);

/// The bot accounts' queues of messages to send. Accounts come and go while the host runs.
pub trait Outboxes: Send + Sync {
    /// None where the account is not there any more.
    fn find_outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>>;
}

impl Outboxes for HashMap<AccountId, mpsc::Sender<OutgoingMessage>> {
    fn find_outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        self.get(&account).cloned()
    }
}

/// How far the loop is; since the start. Idle is: as many settled as were put into the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events taken from the queue.
    pub taken: u64,
    /// Events that nothing more follows from: what they led to is in an outbox, or dropped.
    pub settled: u64,
    /// Replies put into an outbox.
    pub replies: u64,
    /// Calls not made because too many were under way.
    pub calls_dropped: u64,
    /// Replies that found an outbox full or gone.
    pub replies_dropped: u64,
}

impl Progress {
    pub fn is_idle(self) -> bool {
        self.taken == self.settled
    }
}

/// A call's place among those under way, given up at its end: first its turn, so that the next one may begin.
pub(super) struct Place {
    turn: Option<Turn>,
    turn_within: Duration,
    _seat: Seat,
}

impl Place {
    /// Waits for the turn; false where it did not come in time.
    pub(super) async fn turn_comes(&mut self) -> bool {
        match &mut self.turn {
            Some(turn) => timeout(self.turn_within, turn.come()).await.is_ok(),
            None => true,
        }
    }
}

/// A chat call under way.
struct UnderWay {
    place: Place,
    unsettled: Unsettled,
}

/// An event that was taken; settled on drop, however its call ends.
struct Unsettled {
    dispatch: Arc<Dispatch>,
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.dispatch.progress.send_modify(|progress| progress.settled += 1);
    }
}

impl Dispatch {
    /// What to wait on for all events taken so far to be settled.
    pub fn progress(&self) -> tokio::sync::watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Answers messages until `shutdown` or the end of the queue, then waits for the calls under way: each ends by its
    /// deadline, or is dropped where its turn does not come. Messages still in the queue are not answered.
    ///
    /// `learn` gets every event that is not a message. It is awaited before the next event is taken: so the set-up of a
    /// channel just entered is there for its first message.
    pub async fn run<L, F>(
        self: Arc<Self>,
        mut events: mpsc::Receiver<Event>,
        outboxes: Arc<dyn Outboxes>,
        mut learn: L,
        shutdown: CancellationToken,
    ) where
        L: FnMut(Event) -> F,
        F: Future<Output = ()>,
    {
        self.replace_outboxes(Some(outboxes));
        let mut save_tally = interval(SAVE_TALLY_EVERY);
        save_tally.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                _ = save_tally.tick() => {
                    let dispatch = self.clone();
                    self.calls.spawn(async move {
                        dispatch.save_tally().await;
                        dispatch.tell_returned().await;
                    });
                    continue;
                }
                event = events.recv() => event,
            };
            let Some(event) = event else { break };
            self.progress.send_modify(|progress| progress.taken += 1);
            let unsettled = Unsettled { dispatch: self.clone() };
            match event {
                Event::Message(message) => {
                    let admitted = self.admit(*message);
                    let admitted =
                        tokio::select! { admitted = admitted => admitted, () = shutdown.cancelled() => break };
                    let Some((accepted, seat)) = admitted else { continue };
                    let under_way = UnderWay { place: self.stand_in_line(&accepted, seat), unsettled };
                    self.calls.spawn(under_way.carry_out(accepted));
                }
                other => learn(other).await,
            }
        }
        self.calls.close();
        self.calls.wait().await;
        self.replace_outboxes(None);
        self.save_tally().await;
    }

    fn replace_outboxes(&self, outboxes: Option<Arc<dyn Outboxes>>) {
        *self.outboxes.lock().unwrap_or_else(PoisonError::into_inner) = outboxes;
    }

    /// To be called in the order of arrival.
    pub(super) fn stand_in_line(&self, accepted: &Accepted, seat: Seat) -> Place {
        let turn = accepted.is_serial().then(|| self.lock().turns.stand_in_line(accepted.channel()));
        Place { turn, turn_within: self.turn_within, _seat: seat }
    }

    /// Whether the outbox of its account took the message; counted either way. There is no message where the account never logged in.
    pub(super) async fn send(&self, message: Option<OutgoingMessage>) -> bool {
        let outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = outboxes
            .zip(message)
            .and_then(|(outboxes, message)| Some((outboxes.find_outbox(message.account)?, message)));
        let is_sent = match found {
            Some((outbox, message)) => outbox.send_timeout(message, REPLY_WITHIN).await.is_ok(),
            None => false,
        };
        self.progress.send_modify(|progress| match is_sent {
            true => progress.replies += 1,
            false => progress.replies_dropped += 1,
        });
        is_sent
    }

    async fn admit(&self, message: ChatMessage) -> Option<(Accepted, Seat)> {
        let listened = self.find_listened(&message);
        match self.accept(message) {
            Err(silence) => {
                self.report_unanswered(listened, silence);
                None
            }
            Ok(accepted) => match self.seats.take(accepted.channel()).await {
                Some(seat) => Some((accepted, seat)),
                None => {
                    self.drop_call(accepted);
                    None
                }
            },
        }
    }

    fn drop_call(&self, accepted: Accepted) {
        debug!(channel = %accepted.channel(), "too many calls at once: one is dropped");
        self.progress.send_modify(|progress| progress.calls_dropped += 1);
        self.report_unanswered(self.find_listened_call(&accepted), NoAnswer::Dropped);
        self.decline(accepted);
    }
}

impl UnderWay {
    async fn carry_out(mut self, accepted: Accepted) {
        let dispatch = &self.unsettled.dispatch;
        if !self.place.turn_comes().await {
            return dispatch.drop_call(accepted);
        }
        let listened = dispatch.find_listened_call(&accepted);
        match dispatch.carry_out(accepted).await {
            Ok(replies) if replies.is_empty() => dispatch.report_unanswered(listened, NoAnswer::NoReply),
            Ok(replies) => {
                for message in replies {
                    dispatch.send(Some(message)).await;
                }
            }
            Err(silence) => dispatch.report_unanswered(listened, silence),
        }
    }
}
