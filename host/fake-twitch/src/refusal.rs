//! Refusals on demand, for what no rule of the server's own brings about.

use std::time::Duration;

use crate::irc::notice::Notice;

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

impl Refusal {
    /// What the sender is told, if anything.
    pub(crate) fn notice(self) -> Option<Notice> {
        Some(match self {
            Self::Silent => return None,
            Self::AutoMod => Notice::Rejected,
            Self::BlockedTerm => Notice::RejectedMandatory,
            Self::ChannelBlocked => Notice::ChannelBlocked,
            Self::AccountSuspended => Notice::AccountSuspended,
            Self::Duplicate => Notice::Duplicate,
            Self::RateLimit => Notice::RateLimit,
            Self::SlowMode(wait) => Notice::SlowMode(wait),
            Self::UnverifiedPhone => Notice::UnverifiedPhone,
            Self::UnverifiedEmail => Notice::UnverifiedEmail,
        })
    }
}
