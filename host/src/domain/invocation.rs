//! One call of a command.

use std::time::SystemTime;

use super::account::BotAccount;
use super::id::{InvocationId, MessageId};
use super::message::{Channel, Chatter, QuotedMessage};
use super::prefix::Prefix;

/// Which of its exports a module is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// By a chatter or over HTTP.
    Command,
    Timer,
    /// By something that Twitch reported, and that is no message.
    Event,
    /// By a message that is no command.
    Message,
}

/// One call of a command, as the module sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub id: InvocationId,
    pub channel: Channel,
    pub chatter: Chatter,
    /// Whether it is certain that the chatter asked for this: Twitch said so, or the caller is logged in as that chatter.
    pub is_proven: bool,
    /// The bot account that sits in the channel.
    pub bot: BotAccount,
    pub prefix: Prefix,
    /// BCP 47: `en`, `pt-BR`.
    pub locale: Box<str>,
    /// The declared name of the command or the claimed word, in lower case; never the alias typed.
    pub command: Box<str>,
    /// The words after the command, quotes resolved.
    pub arguments: Vec<String>,
    /// The text after the command, as typed.
    pub text: String,
    /// The message that called, for threading; none where no chat message did.
    pub message_id: Option<MessageId>,
    pub reply_to: Option<QuotedMessage>,
    pub sent_at: SystemTime,
    /// The module's settings in this channel, defaults filled in, without secrets.
    pub settings: Vec<(String, String)>,
    /// Facts by documented key (`alias`).
    pub details: Vec<(String, String)>,
    /// The clock of the whole invocation, however often it runs.
    pub now: SystemTime,
    /// The randomness of the whole invocation, however often it runs.
    pub random_seed: u64,
}

/// What a module says instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// Typed wrongly: shown with the usage line; the cooldown is given back.
    Usage(String),
    /// The chatter is told this, and nothing else happened.
    Refused(String),
    /// Something behind the command is down; the text is for the log.
    Unavailable(String),
}
