//! How HTTP comes in: the same steps as a chat message takes, with an answer for each refusal.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Dispatch;
use super::accept::{Accepted, Ask, Refusal};
use super::answer::{Address, Answered, Concluded};
use crate::chat::inbox::Place;
use crate::chat::route::{Routed, join_arguments, route_rest};
use crate::domain::audit::Actor;
use crate::domain::effect::Effect;
use crate::domain::id::{ChannelId, Login};
use crate::domain::invocation::{InvocationId, Origin};
use crate::domain::message::{Chatter, Reply, ReplySource};
use crate::domain::principal::CallerId;
use crate::domain::report::Outcome;
use crate::domain::trace::{Trace, TraceParent};
use crate::sandbox::call::InvokeError;

/// Characters of a chat message: no command ever met more.
const LONGEST_TEXT: usize = 500;

/// A call of a command in the name of a chatter. The chatter is the caller's claim.
#[derive(Clone, Debug)]
pub struct HttpCall {
    /// Of the caller and the request: a second call under it gets the first one's answer.
    pub id: Box<str>,
    pub channel: ChannelId,
    /// A command's name, an alias or a claimed word, without a prefix.
    pub word: Box<str>,
    pub arguments: Arguments,
    /// With the role to act with, which the caller's scopes decide.
    pub chatter: Chatter,
    /// Whether it is certain that the chatter asked for this. Without, no money is spent and the bot is sent nowhere.
    pub is_proven: bool,
    pub caller: CallerId,
    pub caller_name: Box<str>,
    /// Of the caller, for the audit.
    pub address: Option<IpAddr>,
    /// Runs the module in full, and changes nothing.
    pub is_dry_run: bool,
    /// The caller's own step in a trace.
    pub traced_below: Option<TraceParent>,
    /// Whether the replies are said in the channel too. A dry run says nothing.
    pub is_delivered: bool,
}

/// What follows the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// As a chatter would type it.
    Text(String),
    /// One by one, whatever is in them.
    List(Vec<String>),
}

/// What came of a call: the module's answer, or its sentence why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    pub invocation: InvocationId,
    /// Never that it broke or failed: that is a [`CallError`].
    pub outcome: Outcome,
    pub replies: Vec<Reply>,
    /// What a dry run would have changed.
    pub changes: Vec<Effect>,
    /// From the question to the answer, waiting included.
    pub took: Duration,
    /// Replies that the channel's outbox took.
    pub queued: usize,
}

/// Why a call was not made, or gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no such channel")]
    UnknownChannel,
    /// No module that runs in this channel answers to the word.
    #[error("no such command in this channel")]
    UnknownWord,
    #[error("the arguments are longer than a chat message")]
    TooLong,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Worth another try.
    #[error("too many calls at once")]
    Busy,
    /// By the fault of the module, or ours.
    #[error("the call broke off: {0}")]
    Broken(InvokeError),
}

impl CallError {
    fn of(error: InvokeError) -> CallError {
        match error {
            InvokeError::Busy => CallError::Busy,
            error => CallError::Broken(error),
        }
    }
}

impl Dispatch {
    /// Makes a call, unless it was made before under this id. It is seen through even where the caller goes away.
    pub async fn call(self: &Arc<Self>, call: HttpCall) -> Result<Called, CallError> {
        let began = self.clock.now().instant;
        let id = InvocationId { origin: Origin::Http, id: call.id.clone() };
        // Before all else: whoever asks again shall not meet the cooldown that the first call has taken.
        if !call.is_dry_run
            && let Some(replies) = self.find_answer(&id)?
        {
            let took = self.clock.now().instant.saturating_duration_since(began);
            let (outcome, changes) = (Outcome::Duplicate, Vec::new());
            return Ok(Called { invocation: id, outcome, replies, changes, took, queued: 0 });
        }
        let is_delivered = call.is_delivered && !call.is_dry_run;
        let login = call.chatter.login.clone();
        let accepted = self.accept_call(id.clone(), call)?;
        let Some(seat) = self.seats.try_take(accepted.channel()) else {
            self.decline(accepted);
            return Err(CallError::Busy);
        };
        let place = self.stand_in_line(&accepted, seat);
        let dispatch = self.clone();
        let called = self.calls.spawn(async move {
            let answered = dispatch.conclude_in_turn(place, accepted, is_delivered.then_some(login)).await;
            let took = dispatch.clock.now().instant.saturating_duration_since(began);
            answered.map(|(Answered { replies, outcome, changes }, queued)| Called {
                invocation: id,
                outcome,
                replies,
                changes,
                took,
                queued,
            })
        });
        called.await.unwrap_or_else(|_| Err(CallError::Broken(InvokeError::Host("the call's task ended".to_owned()))))
    }

    fn find_answer(&self, id: &InvocationId) -> Result<Option<Vec<Reply>>, CallError> {
        self.store.find_outcome(id).map_err(|error| {
            tracing::error!(%error, "cannot tell whether a call was made before");
            CallError::Broken(InvokeError::Host(error.to_string()))
        })
    }

    fn accept_call(&self, id: InvocationId, call: HttpCall) -> Result<Accepted, CallError> {
        let now = self.clock.now();
        let setup = self.setup.find_channel(call.channel).ok_or(CallError::UnknownChannel)?;
        let routed = route_call(&call.word, call.arguments);
        let target = setup.find_word(&routed.word).ok_or(CallError::UnknownWord)?;
        if routed.text.chars().count() > LONGEST_TEXT {
            return Err(CallError::TooLong);
        }
        let chatter = call.chatter;
        let ask = Ask {
            id,
            is_proven: call.is_proven,
            by: Actor::Claim {
                caller: call.caller.clone(),
                name: call.caller_name,
                chatter: chatter.id,
                login: chatter.login.clone(),
            },
            from: call.address,
            routed,
            reply_to: None,
            sent_at: now.wall,
            received_at: None,
            is_dry_run: call.is_dry_run,
            traced_below: call.traced_below,
            to: Address {
                account: setup.bot.id,
                channel_id: setup.channel.id,
                channel_login: setup.channel.login.clone(),
                message_id: None,
                role: chatter.role,
                source: ReplySource::Caller(call.caller),
                asked_at: now.instant,
                trace: Trace::default(),
            },
            chatter,
        };
        Ok(self.check(&mut self.lock(), ask, &setup, &target, now)?)
    }

    /// What was answered, and how many replies the outbox took where `deliver_to` names whom they are for.
    async fn conclude_in_turn(
        &self,
        mut place: Place,
        accepted: Accepted,
        deliver_to: Option<Login>,
    ) -> Result<(Answered, usize), CallError> {
        if !place.turn_comes().await {
            self.decline(accepted);
            return Err(CallError::Busy);
        }
        let Concluded { answer, to, notice } = self.conclude(accepted).await;
        let mut queued = 0;
        if let (Ok(answered), Some(login)) = (&answer, deliver_to)
            && answered.outcome != Outcome::Duplicate
        {
            for reply in &answered.replies {
                queued += usize::from(self.send(to.outgoing(mention(reply, &login))).await);
            }
        }
        if notice.is_some() {
            self.send(notice).await;
        }
        answer.map(|answered| (answered, queued)).map_err(CallError::of)
    }
}

/// There is no message to thread an answer under: it names whom it is for instead.
fn mention(reply: &Reply, login: &Login) -> Reply {
    match reply {
        Reply::Answer(text) => Reply::Say(format!("@{login} {text}")),
        other => other.clone(),
    }
}

fn route_call(word: &str, arguments: Arguments) -> Routed {
    match arguments {
        Arguments::Text(text) => route_rest(word, &text),
        Arguments::List(arguments) => {
            let text = join_arguments(&arguments);
            Routed { word: word.to_lowercase().into(), arguments, text }
        }
    }
}
