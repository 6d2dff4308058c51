//! Why Twitch did not deliver a message of ours, and for how long that matters. Pure.

use std::time::Duration;

use tracing::{error, warn};

use super::rate_window::SLOW_MARGIN;
use crate::domain::id::Login;
use crate::domain::message::JoinFailure;

/// The longest time for which we believe a timeout: it may be lifted, and Twitch would not tell.
const LONGEST_HOLD: Duration = Duration::from_secs(10 * 60);
/// How long we send nothing to a room whose mode refused us. A mode may change unreported, and a bot may begin to
/// follow.
const CLOSED_BY_MODE_FOR: Duration = Duration::from_secs(10 * 60);
/// The same for refusals that only a person can resolve, by doing something about the account.
pub(crate) const CLOSED_FOR: Duration = Duration::from_secs(60 * 60);

/// Independent of the transport, each of which parses its own words into this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Banned,
    /// The channel is suspended, not our account.
    Suspended,
    TimedOut(Duration),
    SlowMode(Duration),
    EmoteOnly,
    SubscribersOnly,
    FollowersOnly,
    /// Unique-chat mode: the same text was sent in the room before.
    NotUnique,
    /// We sent the same text just before.
    Duplicate,
    /// The channel requires a verified phone number or e-mail address.
    Unverified,
    /// The channel or Twitch blocks this account.
    Blocked,
    RateLimited,
    /// AutoMod or the channel's settings hold the message back.
    Rejected,
    BadCharacters,
    /// Twitch took the message for a command.
    UnknownCommand,
    /// A refusal unknown to this program.
    Other,
}

impl Refusal {
    /// How long messages to the room wait after this refusal; `None` if they do not.
    pub(crate) fn held_for(self) -> Option<Duration> {
        match self {
            Refusal::TimedOut(span) | Refusal::SlowMode(span) => Some(span.min(LONGEST_HOLD) + SLOW_MARGIN),
            _ => None,
        }
    }

    /// How long the room is taken to refuse all our messages; `None` if it is not.
    pub(crate) fn closed_for(self) -> Option<Duration> {
        match self {
            Refusal::EmoteOnly | Refusal::SubscribersOnly | Refusal::FollowersOnly => Some(CLOSED_BY_MODE_FOR),
            Refusal::Unverified | Refusal::Blocked | Refusal::Banned | Refusal::Suspended => Some(CLOSED_FOR),
            _ => None,
        }
    }

    /// The join failure that this refusal amounts to; `None` if the account can be in the room.
    pub(crate) fn find_join_failure(self) -> Option<JoinFailure> {
        match self {
            Refusal::Banned => Some(JoinFailure::Banned),
            Refusal::Suspended => Some(JoinFailure::Suspended),
            _ => None,
        }
    }

    /// Tells the operator that for `pause` nothing is sent to `channel`, or anywhere if the account is rate limited.
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
