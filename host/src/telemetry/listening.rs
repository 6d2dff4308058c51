//! The listener's side: events from now on, and how many of them were missed.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// What a listener receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    Event(Arc<T>),
    /// The listener was too slow, and has lost this many.
    Missed(u64),
}

/// A listener, until it is dropped.
#[derive(Debug)]
pub struct Listening<T> {
    receiver: Receiver<Arc<T>>,
}

impl<T> Listening<T> {
    pub(super) fn new(receiver: Receiver<Arc<T>>) -> Listening<T> {
        Listening { receiver }
    }

    /// Waits for the next event; `None` when the host ends. Cancel safe.
    pub async fn next(&mut self) -> Option<Received<T>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Received::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
