//! From an accepted call to what is sent because of it.

use std::time::Instant;

use tracing::{debug, error, warn};

use super::super::wording;
use super::Dispatch;
use super::accept::{Accepted, Silence};
use crate::domain::id::{ChannelId, Login, MessageId, ModuleName};
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::manifest::Command;
use crate::domain::message::{OutgoingMessage, Reply};
use crate::domain::role::Role;
use crate::sandbox::{Blame, InvokeError};

/// Where the answer goes.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) account: Login,
    pub(super) channel_id: ChannelId,
    pub(super) channel_login: Login,
    pub(super) message_id: MessageId,
    pub(super) role: Role,
    pub(super) asked_at: Instant,
}

impl Dispatch {
    /// Runs the module, and puts what came of it into words.
    pub async fn carry_out(&self, accepted: Accepted) -> Result<Vec<OutgoingMessage>, Silence> {
        let Accepted { call, command, taken, to } = accepted;
        self.save_named(&call.invocation).await;
        let invocation = call.invocation.clone();
        let module = call.manifest.name.clone();
        let replies = match self.sandbox.invoke(call).await {
            Ok(answer) if answer.is_duplicate => return Err(Silence::Duplicate),
            Ok(answer) => answer.outcome.unwrap_or_else(|error| {
                if matches!(error, CommandError::Usage(_)) {
                    self.lock().cooldowns.give_back(taken);
                }
                vec![Reply::Answer(tell(error, &module, &invocation, &command))]
            }),
            Err(error) => {
                if error.blame() == Blame::Host {
                    self.lock().cooldowns.give_back(taken);
                }
                let apology = self.apologise(to.channel_id, error.blame());
                self.log_fault(&module, to.channel_id, &error, apology.is_ok());
                apology?
            }
        };
        Ok(replies.into_iter().map(|reply| to.outgoing(reply)).collect())
    }

    fn apologise(&self, channel: ChannelId, blame: Blame) -> Result<Vec<Reply>, Silence> {
        let is_due = self.lock().apologies.try_take(channel, self.clock.now().instant);
        if is_due { Ok(vec![Reply::Answer(wording::apologise(blame))]) } else { Err(Silence::ApologisedLately) }
    }

    /// Whoever floods a channel, or calls a broken module again and again, shall not fill the log too: aloud as often as
    /// the chat hears of it.
    fn log_fault(&self, module: &ModuleName, channel: ChannelId, error: &InvokeError, is_aloud: bool) {
        match error.blame() {
            _ if *error == InvokeError::Busy => debug!(%module, %channel, "too many calls at once"),
            Blame::Host => error!(%module, %channel, ?error, "a call failed by our fault"),
            Blame::Guest => {
                let mut memory = self.lock();
                let faults = memory.faults.entry(module.clone()).or_default();
                *faults += 1;
                if is_aloud {
                    warn!(%module, %channel, ?error, faults, "a module broke");
                } else {
                    debug!(%module, %channel, ?error, faults, "a module broke again");
                }
            }
        }
    }
}

impl Address {
    fn outgoing(&self, reply: Reply) -> OutgoingMessage {
        OutgoingMessage {
            account: self.account.clone(),
            channel_id: self.channel_id,
            channel_login: self.channel_login.clone(),
            reply,
            reply_to: Some(self.message_id.clone()),
            role: self.role,
            asked_at: self.asked_at,
        }
    }
}

/// One sentence for the chatter; the log gets what is not for chat.
fn tell(error: CommandError, module: &ModuleName, invocation: &Invocation, command: &Command) -> String {
    match error {
        CommandError::Usage(words) => wording::tell_usage(&words, &invocation.prefix, command),
        CommandError::Refused(words) => words,
        CommandError::Unavailable(reason) => {
            warn!(%module, channel = %invocation.channel.id, ?reason, "a command is unavailable");
            wording::tell_unavailable()
        }
    }
}
