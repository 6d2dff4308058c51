//! Reports why chat messages got no answer, to a listener such as the demo. Without a listener nothing is recorded.

use tokio::sync::broadcast::{Receiver, Sender};

use super::refusal::Silence;
use crate::domain::id::MessageId;

/// Messages that a slow listener may lag behind before it misses some.
const LISTENER_LAG: usize = 1024;

/// A message from the event queue for which nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    pub message: MessageId,
    pub reason: NoAnswer,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error(transparent)]
    Silence(#[from] Silence),
    /// There were too many calls, or the call could not begin in time.
    #[error("too many calls at once")]
    Dropped,
    /// The module succeeded without a reply.
    #[error("no reply")]
    NoReply,
}

pub(super) struct Listeners(Sender<Unanswered>);

impl Listeners {
    pub(super) fn new() -> Listeners {
        Listeners(Sender::new(LISTENER_LAG))
    }

    pub(super) fn subscribe(&self) -> Receiver<Unanswered> {
        self.0.subscribe()
    }

    /// The id to report a message under; `None` without a listener, which spares copying the id.
    pub(super) fn find_listened(&self, message: Option<&MessageId>) -> Option<MessageId> {
        message.filter(|_| self.0.receiver_count() > 0).cloned()
    }

    pub(super) fn report(&self, message: Option<MessageId>, reason: impl Into<NoAnswer>) {
        if let Some(message) = message {
            // The last listener may be gone by now, which loses nothing.
            self.0.send(Unanswered { message, reason: reason.into() }).ok();
        }
    }
}
