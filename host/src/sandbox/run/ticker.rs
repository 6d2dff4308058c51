//! The clock that interrupts guests.

mod alarm;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use self::alarm::Alarm;

/// A shorter delay of a thread is normal on a busy machine, and does not count as late.
const JITTER: Duration = Duration::from_millis(10);
/// From this many runs a tick on, the alarm stays set between two runs.
const FREQUENT: u32 = 4;

/// Raises an engine's epoch from an operating system thread: a task would wait behind the guests that it has to
/// interrupt. The thread sleeps until a run has lasted for a tick; it ends when the ticker is dropped.
///
/// Most runs end long before that, and waking a thread costs as much as some of them take. So the first run that begins
/// sets the thread's alarm, and the last one that ends clears it: two system calls, and the thread sleeps on. When runs
/// follow each other closely, the alarm stays set, because one wake-up a tick is cheaper then.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    schedule: Mutex<Schedule>,
    alarm: Alarm,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine, every: Duration) -> io::Result<Ticker> {
        let schedule = Mutex::new(Schedule::new(every));
        let shared = Arc::new(Shared { schedule, alarm: Alarm::new()? });
        let (ticking, engine) = (Arc::clone(&shared), engine.clone());
        thread::Builder::new().name("guest-ticker".into()).spawn(move || ticking.run(&engine))?;
        Ok(Ticker { shared })
    }

    /// Begins a run, which ends when the watch is dropped.
    pub(crate) fn watch(&self) -> TickerWatch {
        let now = Instant::now();
        let mut schedule = self.shared.schedule();
        if let Some(after) = schedule.begin_run(now) {
            self.shared.alarm.set(after);
        }
        TickerWatch { shared: Arc::clone(&self.shared), late_before: schedule.late(now), since: now }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        let mut schedule = self.shared.schedule();
        schedule.is_over = true;
        self.shared.alarm.set(Duration::ZERO);
    }
}

impl Shared {
    fn run(&self, engine: &Engine) {
        loop {
            self.alarm.wait();
            let mut schedule = self.schedule();
            if schedule.is_over {
                return;
            }
            if let Some(after) = schedule.ring(Instant::now()) {
                engine.increment_epoch();
                self.alarm.set(after);
            }
        }
    }

    /// Poisoning is ignored: no code panics while it holds this lock. The alarm is set and cleared under this lock, so
    /// that alarm and schedule agree.
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the ticker going for one run, and measures its delays: if the ticker is late, the machine stalled, and a
/// deadline missed meanwhile is not the guest's fault.
pub(crate) struct TickerWatch {
    shared: Arc<Shared>,
    late_before: Duration,
    since: Instant,
}

impl TickerWatch {
    pub(crate) fn was_late(&self) -> bool {
        let now = Instant::now();
        let late = self.shared.schedule().late(now).saturating_sub(self.late_before);
        is_most(late, now.saturating_duration_since(self.since))
    }
}

impl Drop for TickerWatch {
    fn drop(&mut self) {
        let mut schedule = self.shared.schedule();
        if schedule.end_run() {
            self.shared.alarm.clear();
        }
    }
}

/// When the alarm is due, and how late it has been.
struct Schedule {
    tick: Duration,
    /// Runs in progress.
    runs: usize,
    begun_at: Option<Instant>,
    /// Whether the last run began soon after the one before it.
    is_frequent: bool,
    /// `None` if the alarm is not set.
    due_at: Option<Instant>,
    /// The sum of the thread's delays.
    overslept: Duration,
    is_over: bool,
}

impl Schedule {
    fn new(tick: Duration) -> Schedule {
        Schedule {
            tick,
            runs: 0,
            begun_at: None,
            is_frequent: false,
            due_at: None,
            overslept: Duration::ZERO,
            is_over: false,
        }
    }

    /// Returns the time until the alarm must ring, or `None` if the alarm is already set: that one rings soon enough.
    fn begin_run(&mut self, now: Instant) -> Option<Duration> {
        let pause = self.begun_at.replace(now).map(|before| now.saturating_duration_since(before));
        self.is_frequent = pause.is_some_and(|pause| pause * FREQUENT < self.tick);
        self.runs += 1;
        // A little more than a tick: a guest that ran all the time has used one up by then, and gets no second one.
        self.due_at.is_none().then(|| self.set(now, self.tick + self.tick / 16))
    }

    /// Returns whether the alarm must be cleared.
    fn end_run(&mut self) -> bool {
        self.runs -= 1;
        // When the ticker ends, the thread needs one more alarm to see that.
        self.runs == 0 && !self.is_frequent && !self.is_over && self.due_at.take().is_some()
    }

    /// Called when the thread wakes. If a run has lasted for a tick, returns the time until the next alarm.
    fn ring(&mut self, now: Instant) -> Option<Duration> {
        // If not, the alarm was cleared or set anew after the thread woke.
        let due_at = self.due_at.filter(|due_at| *due_at <= now)?;
        self.due_at = None;
        self.overslept += beyond_jitter(now - due_at);
        (self.runs > 0).then(|| self.set(now, self.tick))
    }

    fn set(&mut self, now: Instant, after: Duration) -> Duration {
        self.due_at = Some(now + after);
        after
    }

    /// The sum of the thread's delays, including the present one.
    fn late(&self, now: Instant) -> Duration {
        let right_now = self.due_at.map_or(Duration::ZERO, |due_at| now.saturating_duration_since(due_at));
        self.overslept + beyond_jitter(right_now)
    }
}

fn beyond_jitter(late: Duration) -> Duration {
    if late > JITTER { late } else { Duration::ZERO }
}

fn is_most(part: Duration, whole: Duration) -> bool {
    part * 2 > whole
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(2);

    fn micros(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    #[test]
    fn a_run_that_ends_soon_wakes_nobody() {
        let (mut schedule, start) = (Schedule::new(TICK), Instant::now());
        for run in 0..10 {
            let begun_at = start + run * 5 * TICK;
            assert_eq!(schedule.begin_run(begun_at), Some(micros(2125)));
            assert!(schedule.end_run(), "the alarm is cleared");
            assert_eq!(schedule.ring(begun_at + micros(2130)), None, "though it rang at that very moment");
        }
    }

    #[test]
    fn a_run_that_goes_on_is_interrupted_after_each_tick() {
        let (mut schedule, start) = (Schedule::new(TICK), Instant::now());
        schedule.begin_run(start);
        assert_eq!(schedule.ring(start + TICK), None, "not yet due");
        assert_eq!(schedule.ring(start + micros(2125)), Some(TICK));
        assert_eq!(schedule.begin_run(start + micros(3000)), None, "it rings for both");
        assert!(!schedule.end_run(), "the other one still runs");
        assert_eq!(schedule.ring(start + micros(4125)), Some(TICK));
        assert!(schedule.end_run());
    }

    #[test]
    fn the_alarm_stays_set_between_runs_that_follow_each_other_closely() {
        let (mut schedule, start) = (Schedule::new(TICK), Instant::now());
        let (mut set, mut cleared, mut now) = (0, 0, start);
        for _ in 0..400 {
            now += micros(50);
            if schedule.due_at.is_some_and(|due_at| due_at <= now) {
                assert_eq!(schedule.ring(now), None, "nobody runs");
            }
            set += usize::from(schedule.begin_run(now).is_some());
            cleared += usize::from(schedule.end_run());
        }
        assert_eq!((set, cleared), (11, 1), "of 10 ticks");
    }

    #[test]
    fn a_ticker_is_late_when_it_overslept_half_of_the_time() {
        let (mut schedule, start) = (Schedule::new(TICK), Instant::now());
        schedule.begin_run(start);
        let due_at = start + micros(2125);
        assert_eq!(schedule.late(due_at + JITTER), Duration::ZERO, "a short while proves nothing");
        let second = Duration::from_secs(1);
        assert_eq!(schedule.late(due_at + second), second, "though it has not woken up yet");
        schedule.ring(due_at + second);
        assert_eq!(schedule.late(due_at + second), second);
        schedule.end_run();
        assert_eq!(schedule.late(due_at + 3600 * second), second, "without a run it is not late");
        assert!(is_most(second, second) && !is_most(second, 2 * second));
    }

    #[test]
    fn a_ticker_ends_at_work_and_idle() {
        let ticker = || Ticker::start(&Engine::default(), Duration::from_millis(1)).unwrap();
        let (at_work, idle) = (ticker(), ticker());
        let run = at_work.watch();
        let shared = [&at_work, &idle].map(|ticker| Arc::clone(&ticker.shared));
        drop((at_work, idle));
        // The thread holds one more reference, and so does the run in progress. A failing test never ends.
        while Arc::strong_count(&shared[0]) > 2 || Arc::strong_count(&shared[1]) > 1 {
            thread::yield_now();
        }
        drop(run);
    }
}
