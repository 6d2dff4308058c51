//! One call of a command.

use std::time::SystemTime;

use super::account::BotAccount;
use super::id::{InvocationId, MessageId};
use super::message::{Channel, Chatter, QuotedMessage};
use super::prefix::Prefix;

/// The module's export that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// A command, by a chatter or over HTTP.
    Command,
    Timer,
    /// An event that Twitch reported, except a message.
    Event,
    /// A message that is no command.
    Message,
}

/// One call of a command, as the module sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub id: InvocationId,
    pub channel: Channel,
    pub chatter: Chatter,
    /// Whether the chatter is known to have asked for this: Twitch said so, or the caller is logged in as that chatter.
    pub is_proven: bool,
    /// The bot account that is in the channel.
    pub bot: BotAccount,
    pub prefix: Prefix,
    /// A BCP 47 language tag: `en`, `pt-BR`.
    pub locale: Box<str>,
    /// The declared name of the command or the claimed word, in lower case; never the typed alias.
    pub command: Box<str>,
    /// The words after the command, with quotes resolved.
    pub arguments: Vec<String>,
    /// The text after the command, as typed.
    pub text: String,
    /// The calling chat message, for threading; `None` if no chat message called.
    pub message_id: Option<MessageId>,
    pub reply_to: Option<QuotedMessage>,
    pub sent_at: SystemTime,
    /// The module's settings in this channel, with defaults filled in and without secrets.
    pub settings: Vec<(String, String)>,
    /// Further facts, by documented key (`alias`).
    pub details: Vec<(String, String)>,
    /// The time that all runs of the invocation see.
    pub now: SystemTime,
    /// The random seed that all runs of the invocation use.
    pub random_seed: u64,
}

/// The errors that a module may return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The command was typed wrongly: the text is shown with the usage line, and the cooldown does not count.
    Usage(String),
    /// The module refused: the chatter gets this text, and nothing else happened.
    Refused(String),
    /// A service behind the command is down; the text is for the log.
    Unavailable(String),
}
