//! A clock that stands still until a bench moves it. Provides the time, and the processor time of a thread.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::domain::ports::{Clock, Moment, SystemClock};

thread_local! {
    /// Processor time that this thread pretends to have used.
    static USED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Adds `span` to the calling thread's processor time, as every [`ManualClock`] reports it.
pub fn use_processor(span: Duration) {
    USED.set(USED.get() + span);
}

pub struct ManualClock {
    now: Mutex<Moment>,
    processor: Mutex<Processor>,
}

/// The source of a thread's processor time.
#[derive(Clone, Copy)]
enum Processor {
    /// Each reading is this much later than the thread's previous one; nothing is measured.
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

    /// Sets the wall clock, as an operator or a time server does. The monotonic clock is not changed.
    pub fn set_wall(&self, wall: SystemTime) {
        self.moment().wall = wall;
    }

    /// A running guest uses `step` of processor time from one reading to the next, so an endless guest reaches any
    /// limit. The default is a step of zero: no guest uses any time, however slow the machine is.
    pub fn step_processor(&self, step: Duration) {
        *self.processor() = Processor::Steps(step);
    }

    /// A guest uses the time that the system measures.
    pub fn measure_processor(&self) {
        *self.processor() = Processor::Measured;
    }

    /// From now on no guest uses any time.
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
