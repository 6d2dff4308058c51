//! Chatters and their roles.

use std::collections::BTreeSet;

/// A chatter's role in a channel, in the order in which Twitch lists the badges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Held by the chatter whose id is the channel's; never assigned.
    Broadcaster,
    /// Has its own badge instead of the moderator's; lines with this badge have been seen with `mod=0`.
    LeadModerator,
    Moderator,
    Vip,
    /// One of the first subscribers. The badge replaces the subscriber's, and `subscriber` is `0` beside it.
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

    /// Whether the role moderates: such channels do not count against the limit of 100, and room modes do not apply.
    fn moderates(self) -> bool {
        matches!(self, Self::Broadcaster | Self::LeadModerator | Self::Moderator)
    }
}

/// A chatter's roles in one channel.
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

    /// Whether the higher message limit applies, and the limit of one message a second does not.
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

/// An account of a bot or a chatter.
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

/// FNV-1a: the standard hasher does not promise equal results between runs and platforms.
pub(super) fn stable_number(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
