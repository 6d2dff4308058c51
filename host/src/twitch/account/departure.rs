//! What a session is to do, and by what it reports what became of a message.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::{ChannelId, Login, MessageId};

/// The next thing that a session is to do.
#[derive(Debug)]
pub(crate) enum Work {
    Leave(Login),
    /// Never empty.
    Join(Vec<Login>),
    Send(Departure),
}

/// A message that leaves. It counts as sent; once it is written, the session corrects the moment.
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

/// What leaves the outbox now; else when to ask again, if ever.
pub(crate) type Next = Result<Departure, Option<Instant>>;
