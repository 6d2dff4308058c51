//! The one path of every call: from a command, in chat or over HTTP, to the messages sent because of it.
//!
//! 1. `accept`: the steps before a call, each of which may refuse it. None touches a disk or a sandbox.
//! 2. `admission`: the call waits for its channel's turn and a slot, then runs to its end on a guest's thread.
//! 3. `answer`: the module runs, its changes are committed, and its result becomes replies.
//! 4. `outgoing`: the replies go to the outbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::interval;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::guardrails::Guardrails;
use super::notices::Notices;
use crate::admission::{Admission, Permit};
use crate::config::FuseConfig;
use crate::domain::id::{InvocationId, Login, MessageId, ModuleName, Origin};
use crate::domain::message::{ChatMessage, OutgoingMessage, Reply};
use crate::domain::ports::Clock;
use crate::domain::report::Outcome;
use crate::domain::tally::Tally;
use crate::modules::versions::Versions;
use crate::sandbox::Sandbox;
use crate::sandbox::call::InvokeError;
use crate::sandbox::world::World;
use crate::store::Store;

mod accept;
mod answer;
pub mod call;
mod call_request;
mod faults;
pub mod outgoing;
pub mod refusal;
mod returning;
mod seen;
mod traced;
pub mod unanswered;

use accept::{Acceptance, Accepted};
use answer::{Answered, Answering, Concluded};
use call::{CallError, CallResult, HttpCall, mention};
use faults::Faults;
use outgoing::{Outboxes, Outgoing, Progress, Unsettled};
use returning::Returning;
use seen::Seen;
use unanswered::{Listeners, NoAnswer, Unanswered};

pub(super) const DROP_LATE_EVERY: Duration = Duration::from_secs(1);

/// Answers calls.
pub struct Dispatch {
    acceptance: Acceptance,
    admission: Arc<Admission>,
    answering: Answering,
    outgoing: Outgoing,
    listeners: Listeners,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// Calls in flight.
    calls: TaskTracker,
}

impl Dispatch {
    /// Without `versions`, the fuse withdraws no version from all channels.
    pub fn new(sandbox: Arc<Sandbox>, fuse: FuseConfig, versions: Option<Arc<Versions>>) -> Dispatch {
        let World { setup, store, clock, telemetry, rehearsal, .. } = sandbox.world();
        let (guardrails, notices) = (Arc::new(Guardrails::new(fuse)), Arc::new(Notices::new()));
        let seen = Seen::new(store.clone(), clock.clone());
        let acceptance = Acceptance {
            setup: setup.clone(),
            guardrails: guardrails.clone(),
            telemetry: telemetry.clone(),
            tally: seen.tally.clone(),
            clock: clock.clone(),
            rehearsal: rehearsal.clone(),
        };
        let faults = Faults {
            guardrails: guardrails.clone(),
            notices: notices.clone(),
            returning: Returning::new(setup.clone(), telemetry.clone(), clock.clone()),
            setup: setup.clone(),
            versions,
            telemetry: telemetry.clone(),
            clock: clock.clone(),
            counts: Default::default(),
        };
        let (store, clock, telemetry) = (store.clone(), clock.clone(), telemetry.clone());
        let admission = sandbox.admission().clone();
        let answering = Answering { sandbox, seen, guardrails, notices, faults, telemetry, clock: clock.clone() };
        let (outgoing, listeners, calls) = (Outgoing::default(), Listeners::new(), TaskTracker::new());
        Dispatch { acceptance, admission, answering, outgoing, listeners, store, clock, calls }
    }

    /// Answers a chat message in its channel. Waits while the host has too many recent calls.
    pub(super) async fn hear(self: &Arc<Self>, message: ChatMessage, unsettled: Unsettled) {
        let listened = self.listeners.find_listened(Some(&message.id));
        let accepted = match self.acceptance.accept(message) {
            Ok(accepted) => accepted,
            Err(silence) => return self.listeners.report(listened, silence),
        };
        // Comes before the wait, so that a call refused because of its own channel costs the others no time.
        let Some(entry) = self.admission.enter(accepted.claim()) else {
            return self.drop_call(accepted, listened);
        };
        self.admission.wait_for_room().await;
        let (dispatch, token) = (self.clone(), self.calls.token());
        entry.start(move |permit| async move {
            match permit {
                Some(permit) => dispatch.answer_in_chat(accepted, permit, listened).await,
                None => dispatch.drop_call(accepted, listened),
            }
            drop((unsettled, token));
        });
    }

    async fn answer_in_chat(&self, accepted: Accepted, mut permit: Permit, listened: Option<MessageId>) {
        let concluded = self.answering.conclude(accepted, &mut permit).await;
        match self.answering.replies_of(concluded) {
            Ok(replies) if replies.is_empty() => self.listeners.report(listened, NoAnswer::NoReply),
            Ok(replies) => {
                for message in replies {
                    self.outgoing.send(Some(message), || permit.release_slot()).await;
                }
            }
            Err(silence) => self.listeners.report(listened, silence),
        }
    }

    fn drop_call(&self, accepted: Accepted, listened: Option<MessageId>) {
        debug!(channel = %accepted.to.channel_id, "too many calls at once: one is dropped");
        self.outgoing.count_dropped_call();
        self.listeners.report(listened, NoAnswer::Dropped);
        self.answering.decline(accepted);
    }

    /// Answers a message and returns the messages to send, without sending them; or why there is no answer.
    pub async fn answer(self: &Arc<Self>, message: ChatMessage) -> Result<Vec<OutgoingMessage>, NoAnswer> {
        let accepted = self.acceptance.accept(message)?;
        let Some(entry) = self.admission.enter(accepted.claim()) else {
            self.answering.decline(accepted);
            return Err(NoAnswer::Dropped);
        };
        let dispatch = self.clone();
        let answered = entry.run(move |permit| async move {
            let Some(mut permit) = permit else {
                dispatch.answering.decline(accepted);
                return Err(NoAnswer::Dropped);
            };
            let concluded = dispatch.answering.conclude(accepted, &mut permit).await;
            Ok(dispatch.answering.replies_of(concluded)?)
        });
        answered.await.unwrap_or(Err(NoAnswer::Dropped))
    }

    /// Makes a call, unless a call with this id was made before. It runs to its end even if the caller disconnects.
    pub async fn call(self: &Arc<Self>, call: HttpCall) -> Result<CallResult, CallError> {
        let began = self.clock.now().instant;
        let id = InvocationId { origin: Origin::Http, id: call.id.clone() };
        // Must come first: a repeated request must not meet the cooldown that its first call started.
        if !call.is_dry_run
            && let Some(replies) = self.find_answer(&id).await?
        {
            let took = self.clock.now().instant.saturating_duration_since(began);
            let (outcome, changes) = (Outcome::Duplicate, Vec::new());
            return Ok(CallResult { invocation: id, outcome, replies, changes, took, queued: 0 });
        }
        let deliver_to = (call.is_delivered && !call.is_dry_run).then(|| call.chatter.login.clone());
        let accepted = self.acceptance.accept_call(id.clone(), call)?;
        let Some(entry) = self.admission.try_enter(accepted.claim()) else {
            self.answering.decline(accepted);
            return Err(CallError::Busy);
        };
        let (dispatch, token) = (self.clone(), self.calls.token());
        let answered = entry.run(move |permit| async move {
            let _token = token;
            match permit {
                Some(permit) => dispatch.answer_caller(accepted, permit, deliver_to).await,
                None => {
                    dispatch.answering.decline(accepted);
                    Err(CallError::Busy)
                }
            }
        });
        let (Answered { replies, outcome, changes }, queued) =
            answered.await.unwrap_or_else(|error| Err(CallError::Broken(InvokeError::Host(error.to_string()))))?;
        let took = self.clock.now().instant.saturating_duration_since(began);
        Ok(CallResult { invocation: id, outcome, replies, changes, took, queued })
    }

    async fn find_answer(&self, id: &InvocationId) -> Result<Option<Vec<Reply>>, CallError> {
        self.store.find_outcome(id).await.map_err(|error| {
            tracing::error!(%error, "cannot tell whether a call was made before");
            CallError::Broken(InvokeError::Host(error.to_string()))
        })
    }

    /// Returns the answer and the number of queued replies; sends replies only if `deliver_to` names their addressee.
    async fn answer_caller(
        &self,
        accepted: Accepted,
        mut permit: Permit,
        deliver_to: Option<Login>,
    ) -> Result<(Answered, usize), CallError> {
        let Concluded { answer, to, notice, .. } = self.answering.conclude(accepted, &mut permit).await;
        let mut queued = 0;
        if let (Ok(answered), Some(login)) = (&answer, deliver_to)
            && answered.outcome != Outcome::Duplicate
        {
            for reply in &answered.replies {
                let message = to.outgoing(mention(reply, &login));
                queued += usize::from(self.outgoing.send(message, || permit.release_slot()).await);
            }
        }
        if notice.is_some() {
            self.outgoing.send(notice, || permit.release_slot()).await;
        }
        answer.map(|answered| (answered, queued)).map_err(CallError::of)
    }

    /// To wait until all events taken so far are settled.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.outgoing.progress()
    }

    /// Reports every unanswered message from now on. Talk that the connection filters out is not reported.
    pub fn listen_to_unanswered(&self) -> broadcast::Receiver<Unanswered> {
        self.listeners.subscribe()
    }

    /// The tally of chatters. Connections count the messages that they filter out.
    pub fn tally(&self) -> Arc<Tally> {
        self.answering.seen.tally.clone()
    }

    /// How often each module broke since the start.
    pub fn list_faults(&self) -> BTreeMap<ModuleName, u64> {
        self.answering.faults.list()
    }

    /// Periodic work: saves the tally of chatters, and reports modules that came back.
    pub async fn keep_up(&self) {
        self.answering.seen.save().await;
        self.answering.faults.returning.report_returned().await;
    }

    pub(super) fn take_event(&self) -> Unsettled {
        self.outgoing.take_event()
    }

    pub(super) fn open(&self, outboxes: Arc<dyn Outboxes>) {
        self.outgoing.replace_outboxes(Some(outboxes));
    }

    /// Drops the calls that have waited for too long. To be called about every second.
    pub(super) fn drop_late(&self) {
        self.admission.drop_late();
    }

    /// Waits until all calls have ended. Each ends by its deadline, or is dropped if it could not begin in time.
    pub(super) async fn close(&self) {
        self.calls.close();
        let mut late = interval(DROP_LATE_EVERY);
        loop {
            tokio::select! {
                () = self.calls.wait() => break,
                _ = late.tick() => self.drop_late(),
            }
        }
        self.outgoing.replace_outboxes(None);
        self.answering.seen.save().await;
    }
}
