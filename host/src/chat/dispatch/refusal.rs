//! Why a call is not made.

use std::time::{Duration, SystemTime};

use super::super::guardrails::HeldBack;

/// Why a message gets no answer. Chat shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Written in another room of a shared chat: it is answered there.
    #[error("shared copy")]
    SharedCopy,
    #[error("unknown channel")]
    UnknownChannel,
    /// Another bot account sits in this channel, and this one only listens.
    #[error("other account")]
    OtherAccount,
    #[error("talk")]
    Talk,
    /// No module that runs in this channel answers to the word.
    #[error("unknown word")]
    UnknownWord,
    #[error("duplicate")]
    Duplicate,
    /// Another process acts for this channel, and answers.
    #[error("another process")]
    NotActing,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It broke, and the channel heard an apology for this module less than a minute ago.
    #[error("apologised lately")]
    ApologisedLately,
}

/// Why a call of something that runs here is not made, whichever way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("muted")]
    Muted,
    #[error("role")]
    Role,
    /// For so long.
    #[error("cooldown")]
    Cooldown(Duration),
    /// The module broke too often and is off in this channel: until then, or until somebody restores it.
    #[error("fuse")]
    Blown(Option<SystemTime>),
    /// The module broke when this chatter called it, more than once; they are ignored for so long.
    #[error("ignored")]
    Ignored(Duration),
}

impl From<HeldBack> for Refusal {
    fn from(held_back: HeldBack) -> Self {
        match held_back {
            HeldBack::Cooldown(left) => Refusal::Cooldown(left),
            HeldBack::Ignored(left) => Refusal::Ignored(left),
        }
    }
}
