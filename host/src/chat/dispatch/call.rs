//! Calls over HTTP: they take the same steps as a chat message, and each refusal gets an answer.

use std::net::IpAddr;
use std::time::Duration;

use super::call_request::{CallRequest, ReplyTarget};
use super::refusal::Refusal;
use crate::chat::route::{Routed, join_arguments, route_rest};
use crate::domain::audit::Actor;
use crate::domain::effect::Effect;
use crate::domain::id::{ChannelId, InvocationId, Login};
use crate::domain::invocation::Called;
use crate::domain::message::{Chatter, Reply, ReplySource};
use crate::domain::ports::Moment;
use crate::domain::principal::CallerId;
use crate::domain::report::Outcome;
use crate::domain::trace::{Trace, TraceParent};
use crate::sandbox::call::InvokeError;
use crate::setup::channel::ChannelSetup;

/// Characters of the longest chat message: no command gets more in chat.
const LONGEST_TEXT: usize = 500;

/// A call of a command in a chatter's name. Who the chatter is, the caller only claims.
#[derive(Clone, Debug)]
pub struct HttpCall {
    /// Identifies caller and request. A second call with this id gets the first one's answer.
    pub id: Box<str>,
    pub channel: ChannelId,
    /// A command's name, an alias or a claimed word, without a prefix.
    pub word: Box<str>,
    pub arguments: Arguments,
    /// Its role is the one to act with, which the caller's scopes decide.
    pub chatter: Chatter,
    /// Whether the chatter certainly asked for this. If not, the sandbox refuses payments, joining and leaving.
    pub is_proven: bool,
    pub caller: CallerId,
    pub caller_name: Box<str>,
    /// The caller's address, for the audit.
    pub address: Option<IpAddr>,
    /// Runs the module completely, but changes nothing.
    pub is_dry_run: bool,
    /// The caller's own step in a trace.
    pub traced_below: Option<TraceParent>,
    /// Whether the replies are also sent in the channel. A dry run sends nothing.
    pub is_delivered: bool,
}

/// The arguments after the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// As a chatter would type them.
    Text(String),
    /// One by one, with any content.
    List(Vec<String>),
}

/// The result of a call: the module's replies, or its sentence why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    pub invocation: InvocationId,
    /// Never `Broke` or `Failed`, which become a [`CallError`].
    pub outcome: Outcome,
    pub replies: Vec<Reply>,
    /// What a dry run would have changed.
    pub changes: Vec<Effect>,
    /// From the request to the answer, waiting included.
    pub took: Duration,
    /// Replies that the channel's outbox took.
    pub queued: usize,
}

/// Why a call was not made, or gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no such channel")]
    UnknownChannel,
    /// No module that runs in this channel has this word.
    #[error("no such command in this channel")]
    UnknownWord,
    #[error("the arguments are longer than a chat message")]
    TooLong,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A retry may succeed.
    #[error("too many calls at once")]
    Busy,
    /// By a fault of the module or of the host.
    #[error("the call broke off: {0}")]
    Broken(InvokeError),
}

impl CallError {
    pub(super) fn of(error: InvokeError) -> CallError {
        match error {
            InvokeError::Busy => CallError::Busy,
            error => CallError::Broken(error),
        }
    }
}

impl HttpCall {
    pub(super) fn route(&self) -> Routed {
        match &self.arguments {
            Arguments::Text(text) => route_rest(&self.word, text),
            Arguments::List(arguments) => {
                let text = join_arguments(arguments);
                Routed { word: self.word.to_lowercase().into(), arguments: arguments.clone(), text }
            }
        }
    }

    pub(super) fn into_request(
        self,
        id: InvocationId,
        routed: Routed,
        setup: &ChannelSetup,
        now: Moment,
    ) -> Result<CallRequest, CallError> {
        if routed.text.chars().count() > LONGEST_TEXT {
            return Err(CallError::TooLong);
        }
        let chatter = self.chatter;
        Ok(CallRequest {
            id,
            called: Called::Command,
            is_proven: self.is_proven,
            by: Actor::Claim {
                caller: self.caller.clone(),
                name: self.caller_name,
                chatter: chatter.id,
                login: chatter.login.clone(),
            },
            from: self.address,
            routed,
            reply_to: None,
            sent_at: now.wall,
            received_at: None,
            is_dry_run: self.is_dry_run,
            traced_below: self.traced_below,
            to: ReplyTarget {
                account: setup.bot.id,
                channel_id: setup.channel.id,
                channel_login: setup.channel.login.clone(),
                message_id: None,
                role: chatter.role,
                source: ReplySource::Caller(self.caller),
                asked_at: now.instant,
                trace: Trace::default(),
            },
            chatter,
        })
    }
}

/// Without a message to thread an answer under, the answer mentions its addressee instead.
pub(super) fn mention(reply: &Reply, login: &Login) -> Reply {
    match reply {
        Reply::Answer(text) => Reply::Say(format!("@{login} {text}")),
        other => other.clone(),
    }
}
