//! Chatters, and what they are in a channel.

use std::collections::BTreeSet;

/// What a chatter is in a channel. In the order in which Twitch lists the badges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Of the chatter whose id is the channel's; never appointed.
    Broadcaster,
    /// Has a badge of its own instead of the moderator's, and lines with it have been seen with `mod=0`.
    LeadModerator,
    Moderator,
    Vip,
    /// Among the first subscribers; the badge replaces the subscriber's, and `subscriber` is `0` beside it.
    Founder,
    Subscriber,
}

impl Role {
    fn badge(self) -> &'static str {
        match self {
            Self::Broadcaster => "broadcaster/1",
            Self::LeadModerator => "lead_moderator/1",
            Self::Moderator => "moderator/1",
            Self::Vip => "vip/1",
            Self::Founder => "founder/0",
            Self::Subscriber => "subscriber/0",
        }
    }

    /// Moderators and the broadcaster: not counted among the 100 channels, above every room mode.
    fn moderates(self) -> bool {
        matches!(self, Self::Broadcaster | Self::LeadModerator | Self::Moderator)
    }
}

/// What a chatter is in one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roles(pub(crate) BTreeSet<Role>);

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl Roles {
    pub(crate) fn moderates(&self) -> bool {
        self.0.iter().any(|role| role.moderates())
    }

    /// With the higher message limit, and without the second between messages.
    pub(crate) fn is_privileged(&self) -> bool {
        self.moderates() || self.has(Role::Vip)
    }

    pub(crate) fn subscribes(&self) -> bool {
        self.has(Role::Subscriber) || self.has(Role::Founder)
    }

    pub(crate) fn badges(&self) -> String {
        self.0.iter().map(|role| role.badge()).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn badge_info(&self) -> &'static str {
        match (self.has(Role::Founder), self.subscribes()) {
            (true, _) => "founder/1",
            (false, true) => "subscriber/1",
            (false, false) => "",
        }
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }
}

/// An account, ours or a chatter's.
#[derive(Debug, Clone)]
pub(crate) struct Chatter {
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) display_name: String,
    /// `#RRGGBB`, or empty.
    pub(crate) color: String,
}

impl Chatter {
    pub(super) fn new(login: &str, id: &str, display_name: &str) -> Self {
        let color = format!("#{:06X}", stable_number(login) & 0xff_ffff);
        Self { id: id.to_owned(), login: login.to_owned(), display_name: display_name.to_owned(), color }
    }
}

/// FNV-1a: stable between runs and platforms, which the standard hasher does not promise.
pub(super) fn stable_number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
