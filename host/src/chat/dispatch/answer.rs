//! From an accepted call to its replies.

use std::sync::Arc;

use super::super::guardrails::Guardrails;
use super::super::notices::{Notices, wording};
use super::accept::Accepted;
use super::call_request::ReplyTarget;
use super::faults::Faults;
use super::refusal::Silence;
use super::seen::Seen;
use crate::admission::Permit;
use crate::domain::effect::Effect;
use crate::domain::id::ModuleDigest;
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::{Command, Manifest};
use crate::domain::message::{OutgoingMessage, Reply};
use crate::domain::ports::Clock;
use crate::domain::report::{Outcome, Report, Usage};
use crate::domain::trace::Step;
use crate::sandbox::Sandbox;
use crate::sandbox::call::{Answer, Blame, InvokeError, Invoked};
use crate::telemetry::{HostEvent, Telemetry};

/// The result of an accepted call.
pub(super) struct Concluded {
    pub(super) answer: Result<Answered, InvokeError>,
    pub(super) module: ModuleDigest,
    pub(super) to: ReplyTarget,
    /// A message to the channel's broadcaster, besides the replies.
    pub(super) notice: Option<OutgoingMessage>,
}

/// A module's answer as replies.
pub(super) struct Answered {
    pub(super) replies: Vec<Reply>,
    pub(super) outcome: Outcome,
    /// The changes that a dry run would have made.
    pub(super) changes: Vec<Effect>,
}

/// The end of a call, for its report.
struct Ending {
    outcome: Outcome,
    /// Why there is no answer, in words.
    reason: Option<String>,
    is_dry_run: bool,
    replies: usize,
    usage: Usage,
}

/// Runs accepted calls, and turns their results into replies.
pub(super) struct Answering {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) seen: Seen,
    pub(super) guardrails: Arc<Guardrails>,
    pub(super) notices: Arc<Notices>,
    pub(super) faults: Faults,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Answering {
    /// Runs the module, reports the result, and counts a fault against the module or the host.
    pub(super) async fn conclude(&self, accepted: Accepted, permit: &mut Permit) -> Concluded {
        let Accepted { call, command, started, to, .. } = accepted;
        to.trace.note_since(Step::Admission, to.asked_at);
        self.seen.save_named(&call.invocation).await;
        let (manifest, invocation, is_dry_run) = (call.manifest.clone(), call.invocation.clone(), call.is_dry_run);
        let Invoked { answer, usage } = {
            let _invokes = to.trace.enter(Step::Invoke);
            self.sandbox.invoke_with(permit, call).await
        };
        let answer = answer.map(|answer| put_into_words(answer, &invocation, &command));
        let (outcome, replies, reason) = match &answer {
            Ok(answered) => (answered.outcome, answered.replies.len(), None),
            Err(error) if error.blame() == Blame::Guest => {
                (Outcome::GuestFault(error.fault()), 0, Some(error.reason()))
            }
            Err(error) => (Outcome::OtherFault(error.fault()), 0, Some(error.reason())),
        };
        if matches!(outcome, Outcome::Usage | Outcome::OtherFault(_)) {
            self.guardrails.cancel_cooldowns(started);
        }
        let ending = Ending { outcome, is_dry_run, reason, replies, usage };
        self.report(&manifest, &invocation, &to, ending);
        if answer.is_err() {
            // Switching a module off takes one or two commits, for which the call needs no slot.
            permit.release_slot();
        }
        let notice = match &answer {
            Err(error) => self.faults.note(error, &manifest, &invocation, &to, is_dry_run).await,
            Ok(_) => None,
        };
        Concluded { answer, module: manifest.digest, to, notice }
    }

    /// Ends a call that is not made because there are too many, and gives its cooldown back.
    pub(super) fn decline(&self, accepted: Accepted) {
        let Accepted { call, started, to, .. } = accepted;
        self.guardrails.cancel_cooldowns(started);
        let busy = InvokeError::Busy;
        let (outcome, reason) = (Outcome::OtherFault(busy.fault()), Some(busy.reason()));
        let ending = Ending { outcome, is_dry_run: call.is_dry_run, reason, replies: 0, usage: Usage::default() };
        self.report(&call.manifest, &call.invocation, &to, ending);
    }

    /// The messages to send in chat.
    pub(super) fn replies_of(&self, concluded: Concluded) -> Result<Vec<OutgoingMessage>, Silence> {
        let Concluded { answer, module, to, notice } = concluded;
        let replies = match answer {
            Ok(Answered { outcome: Outcome::Duplicate, .. }) => Err(Silence::Duplicate),
            Ok(answered) => Ok(answered.replies),
            Err(InvokeError::NotActing) => Err(Silence::NotActing),
            Err(error) => {
                let apology = self.notices.apologise(to.channel_id, module, error.blame(), self.clock.now().instant);
                apology.map(|apology| vec![Reply::Answer(apology)]).ok_or(Silence::ApologisedLately)
            }
        };
        match (replies, notice) {
            (Err(silence), None) => Err(silence),
            (replies, notice) => {
                let replies = replies.unwrap_or_default().into_iter().filter_map(|reply| to.outgoing(reply));
                Ok(replies.chain(notice).collect())
            }
        }
    }

    fn report(&self, manifest: &Manifest, invocation: &Invocation, to: &ReplyTarget, ending: Ending) {
        let now = self.clock.now();
        let Ending { outcome, is_dry_run, reason, replies, usage } = ending;
        to.trace.note_outcome(outcome.as_str(), outcome.blame() != "none");
        self.telemetry.note(HostEvent::Invocation(Report {
            id: invocation.id.clone(),
            channel: to.channel_id,
            chatter: invocation.chatter.id,
            module: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: manifest.digest,
            command: invocation.command.clone(),
            outcome,
            reason: reason.map(Into::into),
            is_dry_run,
            replies,
            usage,
            took: now.instant.saturating_duration_since(to.asked_at),
            at: now.wall,
        }));
    }
}

fn put_into_words(answer: Answer, invocation: &Invocation, command: &Command) -> Answered {
    let Answer { outcome, is_duplicate, changes, .. } = answer;
    let (replies, outcome) = match outcome {
        Ok(replies) if is_duplicate => (replies, Outcome::Duplicate),
        Ok(replies) => (replies, Outcome::Answered),
        Err(error) => {
            let outcome = match error {
                CommandError::Usage(_) => Outcome::Usage,
                CommandError::Refused(_) => Outcome::Refused,
                CommandError::Unavailable(_) => Outcome::Unavailable,
            };
            (vec![Reply::Answer(tell(error, invocation, command))], outcome)
        }
    };
    Answered { replies, outcome, changes }
}

/// One sentence for the chatter. The reason of an unavailable command is in the module's log.
fn tell(error: CommandError, invocation: &Invocation, command: &Command) -> String {
    match error {
        CommandError::Usage(words) => wording::describe_usage(&words, &invocation.prefix, command),
        CommandError::Refused(words) => words,
        CommandError::Unavailable(_) => wording::describe_unavailable(),
    }
}
