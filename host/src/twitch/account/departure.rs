//! A message as a session gets it, and by which it reports what became of it.

use std::time::Duration;

use crate::domain::id::{ChannelId, Login, MessageId};

/// A message that leaves. It counts as sent; [`Account::note_written`](super::Account::note_written) corrects the moment.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) channel: ChannelId,
    pub(crate) login: Login,
    pub(crate) reply_to: Option<MessageId>,
    /// What others will read, at most 500 characters.
    pub(crate) text: String,
    /// A `/me`.
    pub(crate) is_action: bool,
    pub(crate) ticket: Ticket,
    /// How long the message waited; only with its first piece.
    pub(crate) waited: Option<Duration>,
}

/// Names one departure of one account; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) u64);
