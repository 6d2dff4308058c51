//! A clock that stands still until it is moved.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use twitchy::domain::ports::{Clock, Moment};

/// A clock that a test moves.
pub(crate) struct ManualClock {
    now: Mutex<Moment>,
}

impl ManualClock {
    /// Stands at a time of day, on a day in 2026.
    pub(crate) fn at(time_of_day: Duration) -> ManualClock {
        let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 / 86_400 * 86_400);
        ManualClock { now: Mutex::new(Moment { instant: Instant::now(), wall: midnight + time_of_day }) }
    }

    pub(crate) fn advance(&self, span: Duration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Moment { instant: now.instant + span, wall: now.wall + span };
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
