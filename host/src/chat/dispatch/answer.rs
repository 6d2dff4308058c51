//! From an accepted call to what is sent because of it.

use std::time::Instant;

use tracing::warn;

use super::super::wording;
use super::Dispatch;
use super::accept::{Accepted, Silence};
use crate::domain::effect::Effect;
use crate::domain::id::{AccountId, ChannelId, Login, MessageId, ModuleDigest};
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::{Command, Manifest};
use crate::domain::message::{OutgoingMessage, Reply, ReplySource};
use crate::domain::report::{Outcome, Report, Usage};
use crate::domain::role::Role;
use crate::domain::trace::{Step, Trace};
use crate::sandbox::call::{Answer, Blame, InvokeError, Invoked};
use crate::telemetry::HostEvent;

/// Where the answer goes.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// None where the account has never logged in, and so cannot answer in chat yet.
    pub(super) account: Option<AccountId>,
    pub(super) channel_id: ChannelId,
    pub(super) channel_login: Login,
    /// None where no message called.
    pub(super) message_id: Option<MessageId>,
    pub(super) role: Role,
    pub(super) source: ReplySource,
    pub(super) asked_at: Instant,
    pub(super) trace: Trace,
}

/// What became of a call that was accepted.
pub(super) struct Concluded {
    pub(super) answer: Result<Answered, InvokeError>,
    pub(super) to: Address,
    /// For the channel's broadcaster, whatever the chatter is told.
    pub(super) notice: Option<OutgoingMessage>,
}

/// What a module answered, in words.
pub(super) struct Answered {
    pub(super) replies: Vec<Reply>,
    pub(super) outcome: Outcome,
    /// Of a dry run.
    pub(super) changes: Vec<Effect>,
}

/// What a report tells besides what was asked.
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    /// Why there is no answer, in words.
    pub(super) reason: Option<String>,
    pub(super) is_dry_run: bool,
    pub(super) replies: usize,
    pub(super) usage: Usage,
}

impl Dispatch {
    /// Runs the module, and puts what came of it into words for the chat.
    pub async fn carry_out(&self, accepted: Accepted) -> Result<Vec<OutgoingMessage>, Silence> {
        let digest = accepted.call.manifest.digest;
        let Concluded { answer, to, notice } = self.conclude(accepted).await;
        let said = match answer {
            Ok(Answered { outcome: Outcome::Duplicate, .. }) => Err(Silence::Duplicate),
            Ok(answered) => Ok(answered.replies),
            Err(InvokeError::NotActing) => Err(Silence::NotActing),
            Err(error) => self.apologise(to.channel_id, digest, error.blame()),
        };
        match (said, notice) {
            (Err(silence), None) => Err(silence),
            (said, notice) => {
                let replies = said.unwrap_or_default().into_iter().filter_map(|reply| to.outgoing(reply));
                Ok(replies.chain(notice).collect())
            }
        }
    }

    /// Runs the module, tells whoever watches what came of it, and holds a fault against whose it was.
    pub(super) async fn conclude(&self, accepted: Accepted) -> Concluded {
        let Accepted { call, command, taken, to } = accepted;
        self.save_named(&call.invocation).await;
        let (manifest, invocation, is_dry_run) = (call.manifest.clone(), call.invocation.clone(), call.is_dry_run);
        to.trace.note_since(Step::Seat, to.asked_at);
        let Invoked { answer, usage } = {
            let _invokes = to.trace.enter(Step::Invoke);
            self.sandbox.invoke_metered(call).await
        };
        let answer = answer.map(|answer| put_into_words(answer, &manifest, &invocation, &command));
        let (outcome, replies, reason) = match &answer {
            Ok(answered) => (answered.outcome, answered.replies.len(), None),
            Err(error) if error.blame() == Blame::Guest => (Outcome::Broke(error.fault()), 0, Some(error.reason())),
            Err(error) => (Outcome::Failed(error.fault()), 0, Some(error.reason())),
        };
        if matches!(outcome, Outcome::Usage | Outcome::Failed(_)) {
            self.lock().cooldowns.give_back(taken);
        }
        let ending = Ending { outcome, is_dry_run, reason, replies, usage };
        self.report(&manifest, &invocation, &to, ending);
        let notice = match &answer {
            Err(error) => self.note_fault(error, &manifest, &invocation, &to, is_dry_run).await,
            Ok(_) => None,
        };
        Concluded { answer, to, notice }
    }

    pub(super) fn report(&self, manifest: &Manifest, invocation: &Invocation, to: &Address, ending: Ending) {
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

    fn apologise(&self, channel: ChannelId, digest: ModuleDigest, blame: Blame) -> Result<Vec<Reply>, Silence> {
        let module = (blame == Blame::Guest).then_some(digest);
        let is_due = self.lock().apologies.try_take((channel, module), self.clock.now().instant);
        if is_due { Ok(vec![Reply::Answer(wording::apologise(blame))]) } else { Err(Silence::ApologisedLately) }
    }
}

impl Address {
    pub(super) fn outgoing(&self, reply: Reply) -> Option<OutgoingMessage> {
        Some(OutgoingMessage {
            account: self.account?,
            channel_id: self.channel_id,
            channel_login: self.channel_login.clone(),
            reply,
            source: self.source.clone(),
            reply_to: self.message_id.clone(),
            role: self.role,
            asked_at: self.asked_at,
            trace: self.trace.clone(),
        })
    }
}

fn put_into_words(answer: Answer, manifest: &Manifest, invocation: &Invocation, command: &Command) -> Answered {
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
            (vec![Reply::Answer(tell(error, manifest, invocation, command))], outcome)
        }
    };
    Answered { replies, outcome, changes }
}

/// One sentence for the chatter; the log gets what is not for chat.
fn tell(error: CommandError, manifest: &Manifest, invocation: &Invocation, command: &Command) -> String {
    match error {
        CommandError::Usage(words) => wording::tell_usage(&words, &invocation.prefix, command),
        CommandError::Refused(words) => words,
        CommandError::Unavailable(reason) => {
            warn!(module = %manifest.name, channel = %invocation.channel.id, ?reason, "a command is unavailable");
            wording::tell_unavailable()
        }
    }
}
