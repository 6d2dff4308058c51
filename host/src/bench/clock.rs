//! A clock that stands still until it is moved, in both what it tells: the time, and the processor time of a thread.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::domain::ports::{Clock, Moment, SystemClock};

thread_local! {
    /// Processor time that this thread is said to have used.
    static USED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The calling thread has used so much processor time, says every [`ManualClock`] from now on.
pub fn use_processor(span: Duration) {
    USED.set(USED.get() + span);
}

/// A clock that a bench moves.
pub struct ManualClock {
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
    pub fn at(wall: SystemTime) -> ManualClock {
        let now = Mutex::new(Moment { instant: Instant::now(), wall });
        ManualClock { now, processor: Mutex::new(Processor::Steps(Duration::ZERO)) }
    }

    pub fn advance(&self, span: Duration) {
        let mut now = self.moment();
        *now = Moment { instant: now.instant + span, wall: now.wall + span };
    }

    /// As an operator or a time server does: the monotonic clock goes on as it was.
    pub fn set_wall(&self, wall: SystemTime) {
        self.moment().wall = wall;
    }

    /// A running guest uses `step` from one reading to the next, and one that never ends reaches any limit. Without steps,
    /// which is how a bench begins, no guest uses anything, however slow the machine is.
    pub fn step_processor(&self, step: Duration) {
        *self.processor() = Processor::Steps(step);
    }

    /// A guest uses what the system measures.
    pub fn measure_processor(&self) {
        *self.processor() = Processor::Measured;
    }

    /// No guest uses anything from now on.
    pub fn stop_processor(&self) {
        self.step_processor(Duration::ZERO);
    }

    fn moment(&self) -> MutexGuard<'_, Moment> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn processor(&self) -> MutexGuard<'_, Processor> {
        self.processor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In 2027.
impl Default for ManualClock {
    fn default() -> ManualClock {
        ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.moment()
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
