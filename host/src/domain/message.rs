//! Messages and events that Twitch reports, and replies that we send.

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

/// A badge such as `subscriber/12`, whose exact months are in `info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub name: Box<str>,
    pub version: Box<str>,
    pub info: Box<str>,
}

/// The author of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chatter {
    pub id: ChatterId,
    pub login: Login,
    pub display_name: Box<str>,
    /// Computed from the badges and the id, never from a name.
    pub role: Role,
    pub badges: Vec<Badge>,
}

/// A chatter who was seen in a channel, with the names of that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownChatter {
    pub id: ChatterId,
    pub login: Login,
    pub display_name: Box<str>,
}

impl KnownChatter {
    /// Whether this is the chatter's display name, ignoring case.
    pub fn is_called(&self, name: &str) -> bool {
        self.display_name.to_lowercase() == name.to_lowercase()
    }
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
    /// The bot account whose connection received the message.
    pub account: AccountId,
    pub channel_id: ChannelId,
    pub channel_login: Login,
    pub chatter: Chatter,
    /// The text as sent, without the CTCP frame of a `/me`.
    pub text: Box<str>,
    /// A `/me`: describes the chatter, and is never a command.
    pub is_action: bool,
    pub reply_to: Option<QuotedMessage>,
    pub sent_at: SystemTime,
    /// When the message's line was read; `None` if it did not arrive over a connection.
    pub received_at: Option<Instant>,
    /// A copy from another room of a shared chat: only the copy in its own room is answered.
    pub is_shared_copy: bool,
}

/// A channel that a bot account is to join. The id of a configured channel is unknown until its room has reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedChannel {
    pub id: Option<ChannelId>,
    pub login: Login,
    pub account: BotAccount,
}

/// An event of Twitch on which a room outside `twitch` acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Message(Box<ChatMessage>),
    /// The account has joined the room, and Twitch has said which channel it is.
    Joined {
        account: BotAccount,
        channel_id: ChannelId,
        channel_login: Login,
    },
    /// The account could not join, was removed, or left the room because its id is not the stored channel's.
    JoinFailed {
        account: BotAccount,
        channel_login: Login,
        reason: JoinFailure,
    },
}

/// Why an account is not in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinFailure {
    Banned,
    Suspended,
    /// The login belongs to another channel now.
    Recycled {
        found: ChannelId,
    },
    /// Twitch never confirmed the join: the channel does not exist, or was renamed.
    Unconfirmed,
}

/// A reply of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A plain message to the channel.
    Say(String),
    /// A message threaded under the invocation's own.
    Answer(String),
    /// A "/me" message.
    Action(String),
}

/// The origin of a reply. Each source has a part of its channel's share of Twitch's limits, so that one module or
/// caller cannot use up the channel's share.
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
    /// The message under which an `Answer` is threaded.
    pub reply_to: Option<MessageId>,
    /// The role of the chatter who is answered: the outbox serves the broadcaster and moderators first.
    pub role: Role,
    /// When the command was called: stale answers are not sent.
    pub asked_at: Instant,
    pub trace: Trace,
}
