//! The listener's end: what happens from now on, and how much of it was missed.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<T> {
    Event(Arc<T>),
    /// It was too slow, and so many are lost to it.
    Missed(u64),
}

/// Somebody who listens, until it is dropped.
#[derive(Debug)]
pub struct Listening<T> {
    receiver: Receiver<Arc<T>>,
}

impl<T> Listening<T> {
    pub(super) fn new(receiver: Receiver<Arc<T>>) -> Listening<T> {
        Listening { receiver }
    }

    /// Waits for the next; None at the end of the host. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Heard<T>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
