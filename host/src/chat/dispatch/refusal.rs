//! Why a call is not made.

use std::time::{Duration, SystemTime};

use super::super::guardrails::HeldBack;

/// Why a message gets no answer. Nothing of this is sent to chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// The message was written in another room of a shared chat, where it is answered.
    #[error("shared copy")]
    SharedCopy,
    #[error("unknown channel")]
    UnknownChannel,
    /// Another bot account answers in this channel; this one only listens.
    #[error("other account")]
    OtherAccount,
    #[error("talk")]
    Talk,
    /// No module that runs in this channel has this word.
    #[error("unknown word")]
    UnknownWord,
    #[error("duplicate")]
    Duplicate,
    /// Another process acts for this channel, and answers.
    #[error("another process")]
    NotActing,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The call broke off, and the channel got an apology for this module less than a minute ago.
    #[error("apologised lately")]
    ApologisedLately,
}

/// Why a call of a known word is refused, from chat or over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("muted")]
    Muted,
    #[error("role")]
    Role,
    /// How much longer the cooldown runs.
    #[error("cooldown")]
    Cooldown(Duration),
    /// The module broke too often and is off in this channel until this time; `None`: until it is restored by hand.
    #[error("fuse")]
    Blown(Option<SystemTime>),
    /// The module broke more than once when this chatter called it. It ignores the chatter for this much longer.
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
