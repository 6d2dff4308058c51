//! Why chat messages got no answer, reported to a listener such as the demo. Without a listener nothing is recorded.

use tokio::sync::broadcast::{Receiver, Sender};

use super::Dispatch;
use super::accept::{Accepted, Silence};
use crate::domain::id::MessageId;
use crate::domain::message::ChatMessage;

/// Messages that a slow listener may be behind before it misses some.
const LISTENER_LAG: usize = 1024;

/// A message that came through the queue of events, and because of which nothing was sent.
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
    /// The queues were full, or the call's place in its channel's order was not reached in time.
    #[error("too many calls at once")]
    Dropped,
    /// The module ended well, without a reply.
    #[error("no reply")]
    NoReply,
}

pub(super) fn open() -> Sender<Unanswered> {
    Sender::new(LISTENER_LAG)
}

impl Dispatch {
    /// Every unanswered message from now on. Talk that the connection filters out never gets here.
    pub fn listen_to_unanswered(&self) -> Receiver<Unanswered> {
        self.unanswered.subscribe()
    }

    /// The id to report a message under. `None` while nobody listens: so that the path of a message copies no id then.
    pub(in crate::chat) fn find_listened(&self, message: &ChatMessage) -> Option<MessageId> {
        (self.unanswered.receiver_count() > 0).then(|| message.id.clone())
    }

    /// The same for a call that was accepted.
    pub(in crate::chat) fn find_listened_call(&self, accepted: &Accepted) -> Option<MessageId> {
        accepted.to.message_id.clone().filter(|_| self.unanswered.receiver_count() > 0)
    }

    pub(in crate::chat) fn report_unanswered(&self, message: Option<MessageId>, reason: impl Into<NoAnswer>) {
        if let Some(message) = message {
            // The last listener may have gone meanwhile: nothing is lost.
            self.unanswered.send(Unanswered { message, reason: reason.into() }).ok();
        }
    }
}
