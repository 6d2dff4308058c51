//! What Twitch told us, and what we say.

use std::time::{Instant, SystemTime};

use super::account::BotAccount;
use super::id::{AccountId, ChannelId, ChatterId, Login, MessageId, ModuleName};
use super::principal::CallerId;
use super::role::Role;
use super::trace::Trace;

/// A chat room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub login: Login,
    pub display_name: Box<str>,
}

/// `subscriber/12` with its exact months in `info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub name: Box<str>,
    pub version: Box<str>,
    pub info: Box<str>,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chatter {
    pub id: ChatterId,
    pub login: Login,
    pub display_name: Box<str>,
    /// From the badges and the id, never from a name.
    pub role: Role,
    pub badges: Vec<Badge>,
}

/// The message that another one replies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedMessage {
    pub id: MessageId,
    pub chatter_id: ChatterId,
    pub chatter_login: Login,
    pub text: Box<str>,
}

/// One chat text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    pub id: MessageId,
    /// The bot account whose connection brought it.
    pub account: AccountId,
    pub channel_id: ChannelId,
    pub channel_login: Login,
    pub chatter: Chatter,
    /// As sent, without the CTCP frame of a `/me`.
    pub text: Box<str>,
    /// A `/me`: told about the chatter, never a command.
    pub is_action: bool,
    pub reply_to: Option<QuotedMessage>,
    pub sent_at: SystemTime,
    /// When its line was read; None where it came over no connection.
    pub received_at: Option<Instant>,
    /// Brought here from another room of a shared chat: its own room's copy is the one to answer.
    pub is_shared_copy: bool,
}

/// A channel in which a bot account is to sit. The id is unknown until a seed's room has told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedChannel {
    pub id: Option<ChannelId>,
    pub login: Login,
    pub account: BotAccount,
}

/// Anything that Twitch told us and that somebody outside `twitch` acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Message(Box<ChatMessage>),
    /// The account sits in the room now, and Twitch said which channel it is.
    Joined {
        account: BotAccount,
        channel_id: ChannelId,
        channel_login: Login,
    },
    /// The account could not enter, was sent away, or left by itself a room that is not the channel we stored.
    JoinFailed {
        account: BotAccount,
        channel_login: Login,
        reason: JoinFailure,
    },
}

/// Why an account does not sit in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinFailure {
    Banned,
    Suspended,
    /// The login belongs to another channel now.
    Recycled {
        found: ChannelId,
    },
    /// Twitch never confirmed: the channel does not exist, or was renamed.
    Unconfirmed,
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A plain message to the channel.
    Say(String),
    /// A message threaded under the invocation's own.
    Answer(String),
    /// A "/me" message.
    Action(String),
}

/// What a reply comes from. Each has a part of its channel's share of Twitch's limits, so that one module or one caller
/// does not use up what the channel has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReplySource {
    /// A module that a chatter called.
    Module(ModuleName),
    /// The caller of a command over HTTP.
    Caller(CallerId),
}

/// A message on its way to the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    pub account: AccountId,
    pub channel_id: ChannelId,
    pub channel_login: Login,
    pub reply: Reply,
    pub source: ReplySource,
    /// What an `Answer` is threaded under.
    pub reply_to: Option<MessageId>,
    /// The role of whoever is answered: the outbox serves the broadcaster and moderators first.
    pub role: Role,
    /// When the command was asked for: stale answers are not sent.
    pub asked_at: Instant,
    pub trace: Trace,
}
