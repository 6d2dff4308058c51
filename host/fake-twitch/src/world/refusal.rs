//! Why Twitch refuses a message or a JOIN.

use std::time::Duration;

/// Each reason has the NOTICE of the same name; see `irc::notice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Dropped without a NOTICE, as real Twitch now and then does.
    Silent,
    AccountSuspended,
    /// AutoMod holds the message until a moderator has reviewed it.
    AutoMod,
    BadCharacters,
    Banned,
    /// The channel's own settings forbid the message.
    BlockedTerm,
    ChannelBlocked,
    ChannelSuspended,
    Duplicate,
    EmoteOnly,
    /// The chatter does not follow. The duration is the least time of following; zero admits every follower.
    FollowersOnly(Duration),
    /// The chatter follows, but not for long enough. The durations are the required and the actual time.
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
