//! The web requests of an invocation, over all its runs.
//!
//! A request cannot be rolled back: a run after a conflict gets the recorded responses while it sends the same
//! requests.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::sandbox::web::client::RequestCost;
use crate::sandbox::web::request::{SendRequestError, WebResponse};

pub(crate) type Sent = Result<WebResponse, SendRequestError>;

/// The requests of one invocation, in the order in which they were sent.
pub struct Requests {
    /// The invocation's deadline.
    pub(super) deadline: Instant,
    pub(super) is_dry: bool,
    recorded: Mutex<Vec<Recorded>>,
    pub(super) spent: Arc<RequestCost>,
}

#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) digest: [u8; 32],
    /// Bytes sent and received.
    pub(super) bytes: usize,
    pub(super) sent: Sent,
}

impl Requests {
    /// A dry run sends nothing: each of its requests fails with that reason.
    pub fn new(deadline: Instant, is_dry: bool) -> Requests {
        Requests { deadline, is_dry, recorded: Mutex::default(), spent: Arc::default() }
    }

    /// Processor time that the requests took outside the guest.
    pub fn processor(&self) -> Duration {
        Duration::from_nanos(self.spent.processor.load(Ordering::Relaxed))
    }

    /// Bytes sent and received.
    pub(super) fn bytes(&self) -> usize {
        let asked_for = self.recorded().iter().map(|recorded| recorded.bytes).sum::<usize>();
        asked_for + self.spent.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn find(&self, place: usize) -> Option<Recorded> {
        self.recorded().get(place).cloned()
    }

    pub(super) fn record(&self, recorded: Recorded) {
        self.recorded().push(recorded);
    }

    fn recorded(&self) -> MutexGuard<'_, Vec<Recorded>> {
        // Poisoning is ignored: no code panics while it holds this lock.
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
