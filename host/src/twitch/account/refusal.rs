//! Why Twitch did not deliver a message of ours, and what follows. Pure.

use std::time::Duration;

use tracing::{error, warn};

use super::rate_window::SLOW_MARGIN;
use crate::domain::id::Login;
use crate::domain::message::JoinFailure;

/// The longest time for which a timeout is believed: it may be lifted, and nobody would tell.
const LONGEST_HOLD: Duration = Duration::from_secs(10 * 60);
/// How long a room is left alone that refused us for a mode, as a mode may change unheard and a bot may begin to
/// follow.
const CLOSED_BY_MODE_FOR: Duration = Duration::from_secs(10 * 60);
/// The same where somebody has to do something about the account.
pub(crate) const CLOSED_FOR: Duration = Duration::from_secs(60 * 60);

/// Each transport reads it from words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Banned,
    /// The channel is, not our account.
    Suspended,
    TimedOut(Duration),
    SlowMode(Duration),
    EmoteOnly,
    SubscribersOnly,
    FollowersOnly,
    /// Unique-chat mode: the same text was said in the room before.
    NotUnique,
    /// We have said that just now.
    Duplicate,
    /// The channel asks for a verified phone number or e-mail address.
    Unverified,
    /// The channel, or Twitch, does not want to hear this account.
    Blocked,
    RateLimited,
    /// AutoMod holds the message back, or the channel's settings do.
    Rejected,
    BadCharacters,
    /// Twitch took the message for a command.
    UnknownCommand,
    /// None that was known when this was written.
    Other,
}

impl Refusal {
    /// How long what is for the room has to wait, and may.
    pub(crate) fn held_for(self) -> Option<Duration> {
        match self {
            Refusal::TimedOut(span) | Refusal::SlowMode(span) => Some(span.min(LONGEST_HOLD) + SLOW_MARGIN),
            _ => None,
        }
    }

    /// How long a room is believed to refuse everything from us, where that is how it refused.
    pub(crate) fn closed_for(self) -> Option<Duration> {
        match self {
            Refusal::EmoteOnly | Refusal::SubscribersOnly | Refusal::FollowersOnly => Some(CLOSED_BY_MODE_FOR),
            Refusal::Unverified | Refusal::Blocked | Refusal::Banned | Refusal::Suspended => Some(CLOSED_FOR),
            _ => None,
        }
    }

    /// We cannot sit in that room at all.
    pub(crate) fn find_join_failure(self) -> Option<JoinFailure> {
        match self {
            Refusal::Banned => Some(JoinFailure::Banned),
            Refusal::Suspended => Some(JoinFailure::Suspended),
            _ => None,
        }
    }

    /// For the operator: nothing is sent to `channel`, or to any, for so long.
    pub(crate) fn log_pause(self, account: &Login, channel: &Login, pause: Duration) {
        match self {
            Refusal::RateLimited => {
                warn!(%account, ?pause, "Twitch says that this account sends too much; nothing is sent for a while");
            }
            Refusal::Unverified => error!(
                %account, %channel, ?pause,
                "this channel wants the account's phone number or e-mail address verified; nothing is sent there"
            ),
            _ => warn!(%account, %channel, refusal = ?self, ?pause, "Twitch refuses messages; nothing is sent there"),
        }
    }
}
