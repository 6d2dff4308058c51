//! How far a chatter is trusted in a channel.

use std::fmt;
use std::str::FromStr;

/// From the least to the most trusted; a chatter holds exactly one, the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Everyone,
    Subscriber,
    Vip,
    Moderator,
    Broadcaster,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Everyone, Role::Subscriber, Role::Vip, Role::Moderator, Role::Broadcaster];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Everyone => "everyone",
            Role::Subscriber => "subscriber",
            Role::Vip => "vip",
            Role::Moderator => "moderator",
            Role::Broadcaster => "broadcaster",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is everyone, subscriber, vip, moderator or broadcaster")]
pub struct ParseRoleError;

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, ParseRoleError> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or(ParseRoleError)
    }
}
