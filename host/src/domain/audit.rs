//! Who changed what.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
use std::str::FromStr;
use std::time::SystemTime;

use super::id::{ChannelId, ChatterId, Login};
use super::principal::KeyId;

/// Who asked for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The holder of an API key.
    Key { id: KeyId, name: Box<str> },
    /// The holder of an API key, who says that this chatter asked for it.
    Claim { key: KeyId, name: Box<str>, chatter: ChatterId, login: Login },
    /// Whoever called a command in chat.
    Chatter { id: ChatterId, login: Login },
    /// Whoever has a shell on the host's machine.
    CommandLine {
        /// The name and number of the system user who asked, such as `root (uid 0)`; None where that was not noted.
        system_user: Option<Box<str>>,
    },
    /// The host itself: a fuse, a seed of the configuration, an event of Twitch.
    Host,
}

impl Actor {
    pub fn kind(&self) -> ActorKind {
        match self {
            Actor::Key { .. } => ActorKind::Key,
            Actor::Claim { .. } => ActorKind::Claim,
            Actor::Chatter { .. } => ActorKind::Chatter,
            Actor::CommandLine { .. } => ActorKind::CommandLine,
            Actor::Host => ActorKind::Host,
        }
    }
}

/// Which kind of [`Actor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    Key,
    Claim,
    Chatter,
    CommandLine,
    Host,
}

impl ActorKind {
    pub const ALL: [ActorKind; 5] =
        [ActorKind::Key, ActorKind::Claim, ActorKind::Chatter, ActorKind::CommandLine, ActorKind::Host];

    /// In kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            ActorKind::Key => "key",
            ActorKind::Claim => "claim",
            ActorKind::Chatter => "chatter",
            ActorKind::CommandLine => "command-line",
            ActorKind::Host => "host",
        }
    }
}

/// The text names no kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an actor is key, claim, chatter, command-line or host")]
pub struct ParseActorKindError;

impl FromStr for ActorKind {
    type Err = ParseActorKindError;

    fn from_str(text: &str) -> Result<Self, ParseActorKindError> {
        ActorKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(ParseActorKindError)
    }
}

/// Who asked for a change, when, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub by: Actor,
    pub at: SystemTime,
    /// Of the caller; None where it did not come over the network.
    pub address: Option<IpAddr>,
}

/// One line of the audit. Values are texts for people, and never secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// In the order in which changes were made.
    pub id: u64,
    pub stamp: Stamp,
    /// What was done, in kebab-case: `switch-module`, `create-key`.
    pub action: Box<str>,
    pub channel: Option<ChannelId>,
    /// What it was done to: a module's name, `dice/sides`, a key's id. Empty where the channel itself is meant.
    pub subject: Box<str>,
    pub before: Option<Box<str>>,
    pub after: Option<Box<str>>,
}

/// Which lines of the audit are asked for; None lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub channel: Option<ChannelId>,
    pub kind: Option<ActorKind>,
    /// The key that asked, whomever its holder spoke for.
    pub key: Option<KeyId>,
    /// The chatter who asked, or for whom a key's holder spoke.
    pub chatter: Option<ChatterId>,
    pub action: Option<Box<str>>,
    pub subject: Option<Box<str>>,
    /// At this moment or later.
    pub since: Option<SystemTime>,
    /// Before this moment.
    pub until: Option<SystemTime>,
}
