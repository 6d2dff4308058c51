//! A clock that stands still until it is moved, in both what it tells: the time, and the processor time of a thread.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use twitchy::domain::ports::{Clock, Moment, SystemClock};

thread_local! {
    /// Processor time that this thread is said to have used.
    static USED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The calling thread has used so much processor time, says every [`ManualClock`] from now on.
pub(crate) fn use_processor(span: Duration) {
    USED.set(USED.get() + span);
}

/// A clock that a test moves.
pub(crate) struct ManualClock {
    now: Mutex<Moment>,
    processor: Mutex<Processor>,
}

/// Where a thread's processor time comes from.
#[derive(Clone, Copy)]
enum Processor {
    /// Each reading is so much after the thread's last one; it is measured nowhere.
    Steps(Duration),
    Measured,
}

impl ManualClock {
    /// Stands at a time of day, on a day in 2026.
    pub(crate) fn at(time_of_day: Duration) -> ManualClock {
        let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 / 86_400 * 86_400);
        let now = Mutex::new(Moment { instant: Instant::now(), wall: midnight + time_of_day });
        ManualClock { now, processor: Mutex::new(Processor::Steps(Duration::ZERO)) }
    }

    pub(crate) fn advance(&self, span: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Moment { instant: now.instant + span, wall: now.wall + span };
    }

    /// A running guest uses `step` from one reading to the next, and one that never ends reaches any limit. Without steps,
    /// which is how a test begins, no guest uses anything, however slow the machine is.
    pub(crate) fn step_processor(&self, step: Duration) {
        *self.processor() = Processor::Steps(step);
    }

    /// A guest uses what the system measures.
    pub(crate) fn measure_processor(&self) {
        *self.processor() = Processor::Measured;
    }

    /// No guest uses anything from now on.
    pub(crate) fn stop_processor(&self) {
        self.step_processor(Duration::ZERO);
    }

    fn processor(&self) -> std::sync::MutexGuard<'_, Processor> {
        self.processor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread_time(&self) -> Option<Duration> {
        let processor = *self.processor();
        match processor {
            Processor::Steps(step) => {
                use_processor(step);
                Some(USED.get())
            }
            Processor::Measured => SystemClock.thread_time(),
        }
    }
}
