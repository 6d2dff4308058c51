//! The work of a session, and the ticket by which it reports what happened to a message.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::{ChannelId, Login, MessageId};

/// The next work of a session.
#[derive(Debug)]
pub(crate) enum Work {
    Leave(Login),
    /// Never empty.
    Join(Vec<Login>),
    Send(Departure),
}

/// A message to send now. It counts as sent already; the session corrects the time once the message is written.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) channel: ChannelId,
    pub(crate) login: Login,
    pub(crate) reply_to: Option<MessageId>,
    /// The text that chatters read, at most 500 characters.
    pub(crate) text: String,
    /// Whether this is a `/me` message.
    pub(crate) is_action: bool,
    pub(crate) ticket: Ticket,
    /// How long the message waited; `Some` only for its first piece.
    pub(crate) waited: Option<Duration>,
}

/// Identifies one departure of one account; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// The departure that may leave now; else the moment to ask again, if any.
pub(crate) type Next = Result<Departure, Option<Instant>>;
