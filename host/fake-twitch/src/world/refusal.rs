//! Refusals on demand, for what no rule of the server's own brings about.

use std::time::Duration;

/// How a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is said and nothing delivered, as real Twitch now and then does.
    Silent,
    /// `msg_rejected`: AutoMod holds it back.
    AutoMod,
    /// `msg_rejected_mandatory`
    BlockedTerm,
    /// `msg_channel_blocked`
    ChannelBlocked,
    /// `msg_suspended`
    AccountSuspended,
    /// `msg_duplicate`
    Duplicate,
    /// `msg_ratelimit`
    RateLimit,
    /// `msg_slowmode`, with the time to wait.
    SlowMode(Duration),
    /// `msg_requires_verified_phone_number`
    UnverifiedPhone,
    /// `msg_verified_email`
    UnverifiedEmail,
}

/// Why an account's message is refused, or the account itself at the door of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    AccountSuspended,
    BadCharacters,
    Banned,
    ChannelBlocked,
    ChannelSuspended,
    Duplicate,
    EmoteOnly,
    FollowersOnly(Duration),
    /// Follows, but not for long enough: asked for, reached.
    FollowersOnlyFollowed(Duration, Duration),
    FollowersOnlyZero,
    NotUnique,
    RateLimit,
    /// AutoMod holds it until a moderator has looked.
    Rejected,
    /// The channel's own settings do not let it pass.
    RejectedMandatory,
    SlowMode(Duration),
    SubscribersOnly,
    TimedOut(Duration),
    UnrecognizedCommand,
    UnverifiedEmail,
    UnverifiedPhone,
}

impl Refusal {
    /// What the sender is told, if anything.
    pub(crate) fn reason(self) -> Option<Refused> {
        Some(match self {
            Self::Silent => return None,
            Self::AutoMod => Refused::Rejected,
            Self::BlockedTerm => Refused::RejectedMandatory,
            Self::ChannelBlocked => Refused::ChannelBlocked,
            Self::AccountSuspended => Refused::AccountSuspended,
            Self::Duplicate => Refused::Duplicate,
            Self::RateLimit => Refused::RateLimit,
            Self::SlowMode(wait) => Refused::SlowMode(wait),
            Self::UnverifiedPhone => Refused::UnverifiedPhone,
            Self::UnverifiedEmail => Refused::UnverifiedEmail,
        })
    }
}
