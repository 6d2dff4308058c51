//! Sends replies to the outboxes of the bot accounts, and counts them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::watch;

use crate::domain::id::AccountId;
use crate::domain::message::OutgoingMessage;

/// How long a reply waits for room in an outbox. Its channel's next call waits meanwhile, which slows bursts down.
const REPLY_WITHIN: Duration = Duration::from_secs(1);

/// The bot accounts' queues of messages to send. Accounts are added and removed while the host runs.
pub trait Outboxes: Send + Sync {
    /// `None` if the account is gone.
    fn find_outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>>;
}

impl Outboxes for HashMap<AccountId, mpsc::Sender<OutgoingMessage>> {
    fn find_outbox(&self, account: AccountId) -> Option<mpsc::Sender<OutgoingMessage>> {
        self.get(&account).cloned()
    }
}

/// Dispatch's counts since the start. It is idle when `settled` equals the number of events put into the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events taken from the queue.
    pub taken: u64,
    /// Events with no further consequences: their replies are in an outbox, or dropped.
    pub settled: u64,
    /// Replies put into an outbox.
    pub replies: u64,
    /// Calls not made because there were too many.
    pub calls_dropped: u64,
    /// Replies lost because the outbox was full or gone.
    pub replies_dropped: u64,
}

impl Progress {
    #[cfg(any(test, feature = "testing"))]
    pub fn is_idle(self) -> bool {
        self.taken == self.settled
    }
}

/// A taken event. Dropping it settles the event, however its call ends.
pub(in crate::chat) struct Unsettled(watch::Sender<Progress>);

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.0.send_modify(|progress| progress.settled += 1);
    }
}

#[derive(Default)]
pub(super) struct Outgoing {
    /// `None` before the worker loop begins and after it has ended.
    outboxes: Mutex<Option<Arc<dyn Outboxes>>>,
    progress: watch::Sender<Progress>,
}

impl Outgoing {
    pub(super) fn replace_outboxes(&self, outboxes: Option<Arc<dyn Outboxes>>) {
        *self.outboxes.lock().unwrap_or_else(PoisonError::into_inner) = outboxes;
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn take_event(&self) -> Unsettled {
        self.progress.send_modify(|progress| progress.taken += 1);
        Unsettled(self.progress.clone())
    }

    pub(super) fn count_dropped_call(&self) {
        self.progress.send_modify(|progress| progress.calls_dropped += 1);
    }

    /// Returns whether the account's outbox took the message, and counts it either way. `message` is `None` for an
    /// account that never logged in. Calls `wait` before it waits for a full outbox.
    pub(super) async fn send(&self, message: Option<OutgoingMessage>, wait: impl FnOnce()) -> bool {
        let outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = outboxes
            .zip(message)
            .and_then(|(outboxes, message)| Some((outboxes.find_outbox(message.account)?, message)));
        let is_sent = match found {
            Some((outbox, message)) => match outbox.try_send(message) {
                Err(TrySendError::Full(message)) => {
                    wait();
                    outbox.send_timeout(message, REPLY_WITHIN).await.is_ok()
                }
                sent => sent.is_ok(),
            },
            None => false,
        };
        self.progress.send_modify(|progress| match is_sent {
            true => progress.replies += 1,
            false => progress.replies_dropped += 1,
        });
        is_sent
    }
}
