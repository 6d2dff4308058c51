//! The clock that interrupts guests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::Engine;

/// Ticks without a guest after which the clock stops: long enough that steady calls do not stop and start it each time.
const IDLE_TICKS: u32 = 10;
/// A busy machine lets a thread wait that long for a processor, and nothing is wrong.
const JITTER: Duration = Duration::from_millis(10);

/// Moves an engine's epoch on from a thread of the operating system: a task would wait behind the very guests that it
/// shall interrupt. Without runs the thread sleeps until there is one; it ends with this.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    every: Duration,
    born: Instant,
    /// Runs of guests: begun, and ended.
    begun: AtomicU64,
    ended: AtomicU64,
    ticks: AtomicU64,
    is_parked: AtomicBool,
    is_over: AtomicBool,
    /// When the thread means to wake up, in nanoseconds since `born`; never, while it is parked.
    due_at: AtomicU64,
    /// Nanoseconds by which it woke up too late, all in all.
    overslept: AtomicU64,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine, every: Duration) -> io::Result<Ticker> {
        let shared = Arc::new(Shared {
            every,
            born: Instant::now(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            is_parked: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            due_at: AtomicU64::new(u64::MAX),
            overslept: AtomicU64::new(0),
        });
        let (ticking, engine) = (Arc::clone(&shared), engine.clone());
        let spawned = thread::Builder::new().name("guest-ticker".into()).spawn(move || ticking.run(&engine))?;
        Ok(Ticker { shared, thread: spawned.thread().clone() })
    }

    /// A run begins. Cheap: only the first one in a while wakes the thread up.
    pub(crate) fn watch(&self) -> TickerWatch {
        // One of the two sees the other: this the parked thread, or the thread that a run has begun.
        self.shared.begun.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        TickerWatch::new(&self.shared, Instant::now())
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn run(&self, engine: &Engine) {
        let (mut idle_ticks, mut begun_before) = (0, 0);
        while !self.is_over.load(Ordering::SeqCst) {
            self.sleep();
            engine.increment_epoch();
            self.ticks.fetch_add(1, Ordering::Relaxed);
            // In this order: a run that ends in between seems to go on still.
            let (ended, begun) = (self.ended.load(Ordering::SeqCst), self.begun.load(Ordering::SeqCst));
            let is_idle = begun == begun_before && ended == begun;
            idle_ticks = if is_idle { idle_ticks + 1 } else { 0 };
            begun_before = begun;
            if idle_ticks >= IDLE_TICKS {
                self.park(begun);
                idle_ticks = 0;
            }
        }
    }

    fn sleep(&self) {
        let asleep_at = Instant::now();
        self.due_at.store(self.nanos_at(asleep_at + self.every), Ordering::Relaxed);
        thread::sleep(self.every);
        let late = asleep_at.elapsed().saturating_sub(self.every);
        self.overslept.fetch_add(nanos(beyond_jitter(late)), Ordering::Relaxed);
        self.due_at.store(u64::MAX, Ordering::Relaxed);
    }

    fn park(&self, begun: u64) {
        self.is_parked.store(true, Ordering::SeqCst);
        while self.begun.load(Ordering::SeqCst) == begun && !self.is_over.load(Ordering::SeqCst) {
            thread::park();
        }
        self.is_parked.store(false, Ordering::SeqCst);
    }

    /// By how much the clock is late, all in all, with what it is late right now.
    fn late(&self, now: Instant) -> Duration {
        let right_now = self.nanos_at(now).saturating_sub(self.due_at.load(Ordering::Relaxed));
        Duration::from_nanos(self.overslept.load(Ordering::Relaxed)) + beyond_jitter(Duration::from_nanos(right_now))
    }

    fn nanos_at(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.born))
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Keeps the ticker going for one run, and tells whether it kept time: where it did not, the machine stood still, and
/// a deadline that passed meanwhile is not the guest's fault.
pub(crate) struct TickerWatch {
    shared: Arc<Shared>,
    late_before: Duration,
    since: Instant,
}

impl Drop for TickerWatch {
    fn drop(&mut self) {
        self.shared.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl TickerWatch {
    fn new(shared: &Arc<Shared>, since: Instant) -> TickerWatch {
        TickerWatch { shared: Arc::clone(shared), late_before: shared.late(since), since }
    }

    pub(crate) fn was_late(&self) -> bool {
        self.was_late_at(Instant::now())
    }

    fn was_late_at(&self, now: Instant) -> bool {
        let late = self.shared.late(now).saturating_sub(self.late_before);
        late * 2 > now.saturating_duration_since(self.since)
    }
}

fn beyond_jitter(late: Duration) -> Duration {
    if late > JITTER { late } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticker() -> Ticker {
        Ticker::start(&Engine::default(), Duration::from_millis(1)).unwrap()
    }

    // A test that never ends is one that fails.
    fn wait_until(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_ticker_ends_at_work_and_parked() {
        let (at_work, parked) = (ticker(), ticker());
        let run = at_work.watch();
        wait_until(|| parked.shared.is_parked.load(Ordering::SeqCst));
        let shared = [&at_work, &parked].map(|ticker| Arc::clone(&ticker.shared));
        drop((at_work, parked));
        // Its thread holds another reference; so does the run, which goes on.
        wait_until(|| Arc::strong_count(&shared[0]) == 2 && Arc::strong_count(&shared[1]) == 1);
        drop(run);
    }

    #[test]
    fn a_ticker_stops_without_guests_and_starts_again_for_the_next() {
        let ticker = ticker();
        let ticks = || ticker.shared.ticks.load(Ordering::Relaxed);
        for _ in 0..3 {
            wait_until(|| ticker.shared.is_parked.load(Ordering::SeqCst));
            let before = ticks();
            let long_parked = ticker.shared.born + Duration::from_secs(3600);
            assert_eq!(ticker.shared.late(long_parked), ticker.shared.late(ticker.shared.born), "parked is not late");
            let run = ticker.watch();
            wait_until(|| ticks() > before + 3 * u64::from(IDLE_TICKS));
            assert!(!ticker.shared.is_parked.load(Ordering::SeqCst), "a guest runs");
            drop(run);
        }
    }

    #[test]
    fn a_ticker_is_late_when_it_overslept_half_of_the_time() {
        let ticker = ticker();
        wait_until(|| ticker.shared.is_parked.load(Ordering::SeqCst));
        let (due, second) = (Duration::from_millis(5), Duration::from_secs(1));
        let due_at = ticker.shared.born + due;
        ticker.shared.due_at.store(nanos(due), Ordering::Relaxed);
        let mut watch = TickerWatch::new(&ticker.shared, due_at);
        watch.since = due_at - second;
        assert!(!watch.was_late_at(due_at + JITTER), "a short while proves nothing");
        assert!(!watch.was_late_at(due_at + second / 2));
        assert!(watch.was_late_at(due_at + 2 * second), "though it has not woken up yet");
    }
}
