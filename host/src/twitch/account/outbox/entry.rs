//! A waiting message, and a piece that was sent.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::piece::Piece;
use crate::domain::id::{ChannelId, Login, MessageId};
use crate::domain::message::{OutgoingMessage, Reply, ReplySource};
use crate::domain::role::Role;
use crate::domain::trace::Trace;

/// Which of a message's two deadlines applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeadlineKind {
    /// `stale_at`, the usual one.
    Usual,
    /// `kept_until`, after a whole window: only the account's limits hold back the message, which is within its share.
    Window,
}

/// One message, or the rest of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) channel: ChannelId,
    pub(super) login: Login,
    pub(super) source: ReplySource,
    pub(super) reply_to: Option<MessageId>,
    pub(super) pieces: VecDeque<Piece>,
    pub(super) is_urgent: bool,
    pub(super) is_again: bool,
    /// Whether Twitch refused it as a repetition.
    pub(super) is_duplicate: bool,
    /// `None` once its first piece has left.
    pub(super) taken_at: Option<Instant>,
    pub(super) stale_at: Instant,
    /// The deadline while only the account's limits hold the message back.
    pub(super) kept_until: Instant,
    /// Released when the first piece leaves.
    pub(super) trace: Trace,
}

/// A text that was sent, as a hash, and the variant that was used.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentText {
    pub(super) at: Instant,
    pub(super) text: u64,
    pub(super) variant: usize,
}

/// A piece that was sent, kept until its fate is known.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) entry: Entry,
    pub(super) said: Option<SentText>,
    pub(super) at: Instant,
}

impl Entry {
    /// `stale_at` is the usual deadline, `kept_until` the one while only the account's limits hold the message back.
    pub(super) fn new(
        message: OutgoingMessage,
        pieces: VecDeque<Piece>,
        now: Instant,
        (stale_at, kept_until): (Instant, Instant),
    ) -> Self {
        Self {
            channel: message.channel_id,
            login: message.channel_login,
            source: message.source,
            reply_to: message.reply_to.filter(|_| matches!(message.reply, Reply::Answer(_))),
            pieces,
            is_urgent: message.role >= Role::Moderator,
            is_again: false,
            is_duplicate: false,
            taken_at: Some(now),
            stale_at,
            kept_until,
            trace: message.trace,
        }
    }

    pub(super) fn stale_at(&self, kind: DeadlineKind) -> Instant {
        match kind {
            DeadlineKind::Usual => self.stale_at,
            DeadlineKind::Window => self.kept_until,
        }
    }

    /// A single piece of the message as an entry of its own.
    pub(super) fn split_off(&self, piece: Piece) -> Entry {
        Entry {
            login: self.login.clone(),
            source: self.source.clone(),
            reply_to: self.reply_to.clone(),
            pieces: VecDeque::from([piece]),
            taken_at: None,
            trace: Trace::default(),
            ..*self
        }
    }
}
