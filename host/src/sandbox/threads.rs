//! The threads that guests run on, apart from all others: a guest in a loop holds a thread for a tick at a time, and
//! Twitch's PING must not wait that long.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// How long the threads get to end: many ticks, at each of which a guest can be stopped.
const END_WITHIN: Duration = Duration::from_secs(1);

/// How much the slow threads give way to all others, on Unix's scale up to 19: a tenth of an ordinary thread's share,
/// and no less, since what they hold locked for a moment others may wait for.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Threads for short calls, and threads for calls that have turned out long.
pub(super) struct GuestThreads {
    pub(super) fast: Handle,
    pub(super) slow: Handle,
    /// Empty once they were shut down.
    runtimes: Mutex<Vec<Runtime>>,
}

impl GuestThreads {
    /// With 0 threads, as many as there are cores. The slow ones are one fewer, so that a core is left to all else.
    pub(super) fn start(threads: usize) -> io::Result<GuestThreads> {
        let threads = if threads == 0 { available_parallelism().map_or(1, usize::from) } else { threads };
        let fast = Builder::new_multi_thread().worker_threads(threads).thread_name("guest").enable_all().build()?;
        let slow = Builder::new_multi_thread()
            .worker_threads(threads.saturating_sub(1).max(1))
            .thread_name("guest-slow")
            .on_thread_start(give_way_to_others)
            .enable_all()
            .build();
        let slow = match slow {
            Ok(slow) => slow,
            Err(error) => {
                // Dropped here, where a task starts the host, it would panic.
                fast.shutdown_background();
                return Err(error);
            }
        };
        let (fast_handle, slow_handle) = (fast.handle().clone(), slow.handle().clone());
        Ok(GuestThreads { fast: fast_handle, slow: slow_handle, runtimes: Mutex::new(vec![fast, slow]) })
    }

    pub(super) async fn shut_down(&self) {
        let runtimes = self.take();
        // Waiting for threads blocks, so it happens on a thread for that.
        let ended = tokio::task::spawn_blocking(move || {
            for runtime in runtimes {
                runtime.shutdown_timeout(END_WITHIN);
            }
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "the guests' threads did not end");
        }
    }

    fn take(&self) -> Vec<Runtime> {
        std::mem::take(&mut self.runtimes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        // The last owner may be a task, and a runtime that is waited for inside another panics.
        for runtime in self.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes the calling thread a nice one. On Linux niceness belongs to a thread; elsewhere it is the whole process's, and
/// the number of slow threads has to do.
fn give_way_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "a slow guest thread runs with the priority of all others");
    }
}
