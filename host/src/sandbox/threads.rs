//! The threads that guests run on, apart from all others: a guest in a loop holds a thread for a tick at a time, and
//! Twitch's PING must not wait that long.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinError;

/// How long the threads get to end: a few ticks, at each of which a guest can be stopped.
const END_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct GuestRuntime {
    handle: Handle,
    /// None once it was shut down.
    runtime: Mutex<Option<Runtime>>,
}

impl GuestRuntime {
    /// With 0 threads, as many as there are cores.
    pub(super) fn start(threads: usize) -> io::Result<GuestRuntime> {
        let mut builder = Builder::new_multi_thread();
        if threads > 0 {
            builder.worker_threads(threads);
        }
        let runtime = builder
            .thread_name("guest")
            // New calls come before those that were interrupted: the neighbour of a module that burns its whole
            // budget waits for the tick at hand, not for all that is left.
            .global_queue_interval(1)
            .enable_all()
            .build()?;
        Ok(GuestRuntime { handle: runtime.handle().clone(), runtime: Mutex::new(Some(runtime)) })
    }

    /// Runs a task on a guest thread. It goes on where the returned future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.handle.spawn(task).await
    }

    pub(super) async fn shut_down(&self) {
        let Some(runtime) = self.take() else { return };
        // Waiting for threads blocks, so it happens on a thread for that.
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(END_WITHIN)).await;
        if let Err(error) = ended {
            tracing::error!(%error, "the guests' threads did not end");
        }
    }

    fn take(&self) -> Option<Runtime> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for GuestRuntime {
    fn drop(&mut self) {
        // The last owner may be a task, and a runtime that is waited for inside another panics.
        if let Some(runtime) = self.take() {
            runtime.shutdown_background();
        }
    }
}
