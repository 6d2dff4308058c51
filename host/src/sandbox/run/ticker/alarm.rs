//! An alarm that one thread sleeps for and other threads set and clear. Setting it does not wake the thread early.

#[cfg(target_os = "linux")]
pub(super) use self::by_kernel::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use self::by_sleep::Alarm;

/// The kernel keeps the due time, so the thread sleeps through a cleared alarm.
#[cfg(target_os = "linux")]
mod by_kernel {
    use std::fs::File;
    use std::io::{self, Read};
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
    };

    pub(in super::super) struct Alarm(File);

    impl Alarm {
        pub(in super::super) fn new() -> io::Result<Alarm> {
            Ok(Alarm(timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?.into()))
        }

        /// Replaces an earlier due time.
        pub(in super::super) fn set(&self, after: Duration) {
            // Zero would clear the timer.
            self.settle(after.max(Duration::from_nanos(1)));
        }

        pub(in super::super) fn clear(&self) {
            self.settle(Duration::ZERO);
        }

        /// Waits for the alarm. It may still ring once after it was cleared.
        pub(in super::super) fn wait(&self) {
            let mut rings = [0; 8];
            (&self.0).read_exact(&mut rings).expect("a timer that blocks can be read once it has rung");
        }

        fn settle(&self, after: Duration) {
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let after = Timespec::try_from(after).expect("a tick is no geological age");
            let timer = Itimerspec { it_interval: once, it_value: after };
            let set = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &timer);
            set.expect("it is a timer, and the time is a sound one");
        }
    }
}

/// The thread itself sleeps until the due time. A cleared alarm still wakes it once.
#[cfg(any(test, not(target_os = "linux")))]
mod by_sleep {
    use std::io;
    use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
    use std::time::{Duration, Instant};

    #[derive(Default)]
    pub(in super::super) struct Alarm {
        due_at: Mutex<Option<Instant>>,
        is_set: Condvar,
    }

    impl Alarm {
        pub(in super::super) fn new() -> io::Result<Alarm> {
            Ok(Alarm::default())
        }

        /// Replaces an earlier due time.
        pub(in super::super) fn set(&self, after: Duration) {
            *self.due_at() = Some(Instant::now() + after);
            self.is_set.notify_one();
        }

        pub(in super::super) fn clear(&self) {
            *self.due_at() = None;
        }

        /// Waits for the alarm.
        pub(in super::super) fn wait(&self) {
            let mut due_at = self.due_at();
            loop {
                let left = due_at.map(|due_at| due_at.saturating_duration_since(Instant::now()));
                due_at = match left {
                    Some(Duration::ZERO) => break,
                    Some(left) => self.is_set.wait_timeout(due_at, left).unwrap_or_else(PoisonError::into_inner).0,
                    None => self.is_set.wait(due_at).unwrap_or_else(PoisonError::into_inner),
                };
            }
            *due_at = None;
        }

        /// Poisoning is ignored: no code panics while it holds this lock.
        fn due_at(&self) -> MutexGuard<'_, Option<Instant>> {
            self.due_at.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    #[cfg(target_os = "linux")]
    use super::by_kernel;
    use super::by_sleep;

    /// The same tests for both implementations.
    macro_rules! alarm_tests {
        ($module:ident, $alarm:ty) => {
            mod $module {
                use super::*;

                fn wait_from(start: Instant, alarm: &$alarm) -> Duration {
                    alarm.wait();
                    start.elapsed()
                }

                #[test]
                fn rings_at_the_moment_that_was_set_last() {
                    let (alarm, start) = (<$alarm>::new().unwrap(), Instant::now());
                    alarm.set(Duration::from_secs(3600));
                    alarm.set(Duration::from_millis(1));
                    assert!(wait_from(start, &alarm) >= Duration::from_millis(1));
                    alarm.set(Duration::ZERO);
                    alarm.wait();
                }

                #[test]
                fn does_not_ring_once_it_is_cleared() {
                    let (alarm, start) = (<$alarm>::new().unwrap(), Instant::now());
                    alarm.set(Duration::from_millis(1));
                    alarm.clear();
                    alarm.set(Duration::from_millis(5));
                    assert!(wait_from(start, &alarm) >= Duration::from_millis(5));
                }

                #[test]
                fn rings_for_a_thread_that_waits_already() {
                    let alarm = <$alarm>::new().unwrap();
                    std::thread::scope(|scope| {
                        scope.spawn(|| alarm.wait());
                        alarm.set(Duration::ZERO);
                    });
                }
            }
        };
    }

    #[cfg(target_os = "linux")]
    alarm_tests!(an_alarm_by_the_kernel, by_kernel::Alarm);
    alarm_tests!(an_alarm_by_sleep, by_sleep::Alarm);
}
