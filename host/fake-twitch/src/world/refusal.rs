//! Why Twitch refuses a message, or an account at the door of a channel.

use std::time::Duration;

/// Each is what the NOTICE of the same name tells; see `irc::notice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is said and nothing delivered, as real Twitch now and then does.
    Silent,
    AccountSuspended,
    /// AutoMod holds the message until a moderator has looked.
    AutoMod,
    BadCharacters,
    Banned,
    /// The channel's own settings do not let the message pass.
    BlockedTerm,
    ChannelBlocked,
    ChannelSuspended,
    Duplicate,
    EmoteOnly,
    /// Does not follow, and must have for so long; zero lets in every follower.
    FollowersOnly(Duration),
    /// Follows, but not for long enough: asked for, reached.
    FollowersOnlyFollowed(Duration, Duration),
    NotUnique,
    RateLimit,
    /// The time to wait.
    SlowMode(Duration),
    SubscribersOnly,
    /// The time that is left.
    TimedOut(Duration),
    UnrecognizedCommand,
    UnverifiedEmail,
    UnverifiedPhone,
}
