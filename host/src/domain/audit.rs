//! Who changed what.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
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
    CommandLine,
    /// The host itself: a fuse, a seed of the configuration, an event of Twitch.
    Host,
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
    /// Rises with time.
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
