//! How long a guest really ran.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use crate::domain::ports::Clock;

/// The time by both clocks that a call's use is measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    wall: Instant,
    /// What the calling thread has had of the processor; none where the system does not tell.
    cpu: Option<Duration>,
}

impl Reading {
    pub(crate) fn of(clock: &dyn Clock) -> Reading {
        Reading { wall: Instant::now(), cpu: clock.thread_time() }
    }

    /// What the calling thread has had of the processor since an earlier reading on it; where the system does not tell,
    /// what has passed.
    pub(crate) fn since(self, before: Reading) -> Duration {
        match (self.cpu, before.cpu) {
            (Some(cpu), Some(before)) => cpu.saturating_sub(before),
            _ => self.wall.saturating_duration_since(before.wall),
        }
    }

    /// As where the system does not tell more.
    #[cfg(test)]
    pub(crate) fn by_wall(wall: Instant) -> Reading {
        Reading { wall, cpu: None }
    }
}

/// Adds up the processor time of the spans in which a call was polled. Time parked in a host call, or behind other
/// guests, is between two polls and so never counted; what a span is longer than that, the call has waited for the
/// machine. Where the system does not tell a thread's processor time, a span counts for a tick at most: a running guest is
/// stopped at each tick, so a longer one means that the machine, not the guest, had the processor.
///
/// Shared by the call's future and the store's epoch callback, which run on one thread at a time.
pub(crate) struct CpuMeter {
    clock: Arc<dyn Clock>,
    tick: Duration,
    budget: Duration,
    born: Instant,
    /// Nanoseconds counted so far.
    used: AtomicU64,
    /// Where the running span began, or the last one ended, in nanoseconds since `born`.
    mark: AtomicU64,
    /// The thread's processor time at that moment, in nanoseconds. A span begins and ends on one thread.
    cpu_mark: AtomicU64,
    /// Whether the call could go on where it does not run: others have its place or its thread.
    is_ready: AtomicBool,
    /// Whether a run is under way.
    is_running: AtomicBool,
    /// Whether it waits for a place to run in.
    is_queued: AtomicBool,
    /// When it was woken up that waited for something else, in nanoseconds since `born`; zero while it was not.
    woken: AtomicU64,
    /// Nanoseconds in which it was ready, or seemed to run, and did not run.
    waited: AtomicU64,
}

impl CpuMeter {
    /// The call is ready from now on.
    pub(crate) fn new(clock: Arc<dyn Clock>, tick: Duration, budget: Duration, now: Instant) -> CpuMeter {
        let [used, mark, cpu_mark, woken, waited] = [const { AtomicU64::new(0) }; 5];
        let [is_ready, is_running, is_queued] = [true, false, false].map(AtomicBool::new);
        CpuMeter {
            clock,
            tick,
            budget,
            born: now,
            used,
            mark,
            cpu_mark,
            is_ready,
            is_running,
            is_queued,
            woken,
            waited,
        }
    }

    pub(crate) fn read(&self) -> Reading {
        Reading::of(&*self.clock)
    }

    /// A span begins.
    pub(crate) fn start_span(&self, now: Reading) {
        self.cpu_mark.store(nanos(now.cpu.unwrap_or_default()), Ordering::Relaxed);
        let now = self.nanos_at(now.wall);
        let (mark, woken) = (self.mark.swap(now, Ordering::Relaxed), self.woken.swap(0, Ordering::Relaxed));
        let ready_since = match (self.is_ready.swap(false, Ordering::Relaxed), woken) {
            (true, _) => mark,
            (false, 0) => now,
            // Perhaps before the last span had ended.
            (false, woken) => woken.max(mark),
        };
        self.waited.fetch_add(now.saturating_sub(ready_since), Ordering::Relaxed);
    }

    /// What the call waited for is there: from now on it waits for the processor.
    fn wake(&self, now: Instant) {
        // The first time counts.
        let now = self.nanos_at(now).max(1);
        self.woken.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// The running span is about to end, and not because the call has to wait for anything: others shall run too.
    pub(crate) fn give_way(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    /// The running span ends, and the next one begins.
    pub(crate) fn count_span(&self, now: Reading) {
        let wall = self.nanos_at(now.wall);
        let span = wall.saturating_sub(self.mark.swap(wall, Ordering::Relaxed));
        let ran = now.cpu.map_or(span.min(nanos(self.tick)), |cpu| {
            let cpu = nanos(cpu);
            cpu.saturating_sub(self.cpu_mark.swap(cpu, Ordering::Relaxed))
        });
        self.used.fetch_add(ran, Ordering::Relaxed);
        self.waited.fetch_add(span.saturating_sub(ran), Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    pub(crate) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    /// Whether it waits for anything but the processor: a place to run in, or, as a run, such as the web.
    pub(crate) fn is_parked(&self) -> bool {
        let is_ready = self.is_ready.load(Ordering::Relaxed) || self.woken.load(Ordering::Relaxed) > 0;
        self.is_queued.load(Ordering::Relaxed) || self.is_running.load(Ordering::Relaxed) && !is_ready
    }

    /// Waits for a place to run in. The call counts as ready meanwhile: whoever has the place keeps it waiting.
    pub(crate) async fn queue<F: Future>(&self, place: F) -> F::Output {
        self.is_queued.store(true, Ordering::Relaxed);
        let place = place.await;
        self.is_queued.store(false, Ordering::Relaxed);
        place
    }

    /// Whether it is not the guest's fault that a deadline has passed, so long after the call was asked for: it waited for
    /// the processor for most of that, or, if it wants the processor still, for most of the time in which it wanted it.
    /// What it waited for the web, and the like, is in neither.
    pub(crate) fn was_kept_waiting(&self, deadline: Duration) -> bool {
        let waited = self.waited();
        waited > deadline / 2 || !self.is_parked() && waited > self.used()
    }

    /// Whether it has used up a tick, and so all that the fast lane allows. The clock's first tick tells nothing: it may
    /// come as soon as a call has begun.
    pub(crate) fn is_slow(&self) -> bool {
        self.used() >= self.tick
    }

    pub(crate) fn has_run(&self) -> bool {
        self.used() > Duration::ZERO
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.used() >= self.budget
    }

    fn nanos_at(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.born))
    }

    /// Counts each poll of `future`, and notes when it is woken up.
    pub(crate) async fn meter<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let mut alarm = None;
        self.is_running.store(true, Ordering::Relaxed);
        std::future::poll_fn(|context| {
            let alarm = match &mut alarm {
                Some((task, alarm)) if context.waker().will_wake(task) => alarm,
                // It is polled by another task from now on.
                alarm => {
                    let task = context.waker().clone();
                    let woken = Arc::new(Alarm { meter: Arc::clone(self), task: task.clone() });
                    &mut alarm.insert((task, Waker::from(woken))).1
                }
            };
            self.start_span(self.read());
            let polled = future.as_mut().poll(&mut Context::from_waker(alarm));
            self.count_span(self.read());
            self.is_running.store(polled.is_pending(), Ordering::Relaxed);
            polled
        })
        .await
    }
}

/// Wakes a call's task up, and tells its meter.
struct Alarm {
    meter: Arc<CpuMeter>,
    task: Waker,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.meter.wake(Instant::now());
        self.task.wake_by_ref();
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::SystemClock;

    const TICK: Duration = Duration::from_millis(10);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn meter(budget: Duration, start: Instant) -> CpuMeter {
        CpuMeter::new(Arc::new(SystemClock), TICK, budget, start)
    }

    #[test]
    fn only_the_spans_count() {
        let start = Instant::now();
        let meter = meter(ms(12), start);
        meter.start_span(Reading::by_wall(start));
        meter.count_span(Reading::by_wall(start + ms(7)));
        // Parked for a second.
        meter.start_span(Reading::by_wall(start + ms(1007)));
        meter.count_span(Reading::by_wall(start + ms(1011)));
        assert_eq!(meter.used(), ms(11));
        assert!(!meter.is_spent());
        meter.count_span(Reading::by_wall(start + ms(1012)));
        assert!(meter.is_spent());
    }

    #[test]
    fn waiting_for_others_is_told_from_being_parked() {
        let start = Instant::now();
        let meter = meter(ms(50), start);
        // In the queue.
        meter.start_span(Reading::by_wall(start + ms(100)));
        meter.give_way();
        meter.count_span(Reading::by_wall(start + ms(110)));
        // Behind other guests.
        meter.start_span(Reading::by_wall(start + ms(140)));
        meter.count_span(Reading::by_wall(start + ms(145)));
        // Parked in a host call.
        meter.start_span(Reading::by_wall(start + ms(1000)));
        assert_eq!((meter.waited(), meter.used()), (ms(130), ms(15)));
    }

    #[test]
    fn whoever_was_woken_up_waits_for_the_processor() {
        let start = Instant::now();
        let meter = meter(ms(50), start);
        meter.is_running.store(true, Ordering::Relaxed);
        assert!(!meter.is_parked(), "it is in the queue");
        meter.start_span(Reading::by_wall(start));
        meter.count_span(Reading::by_wall(start + ms(5)));
        assert!(meter.is_parked());
        meter.wake(start + ms(1000));
        meter.wake(start + ms(1020));
        assert!(!meter.is_parked());
        meter.start_span(Reading::by_wall(start + ms(1030)));
        assert_eq!(meter.waited(), ms(30));
        // What it waits for is there before it has said so.
        meter.wake(start + ms(1031));
        meter.count_span(Reading::by_wall(start + ms(1035)));
        meter.start_span(Reading::by_wall(start + ms(1036)));
        assert_eq!((meter.waited(), meter.used()), (ms(31), ms(10)));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_place_is_parked_and_kept_waiting() {
        let start = Instant::now();
        let meter = meter(ms(50), start);
        meter.queue(async { assert!(meter.is_parked()) }).await;
        assert!(!meter.is_parked());
        meter.start_span(Reading::by_wall(start + ms(100)));
        assert_eq!(meter.waited(), ms(100));
    }

    #[test]
    fn a_deadline_passes_by_the_guests_fault_or_by_that_of_others() {
        let (start, deadline) = (Instant::now(), ms(2000));
        let at = |wall| Reading::by_wall(start + ms(wall));
        // What it does from its beginning on, until it waits for the web for a second and a half.
        let parked_meter = || {
            let meter = meter(ms(5000), start);
            meter.is_running.store(true, Ordering::Relaxed);
            meter.start_span(at(1));
            meter.count_span(at(5));
            meter.wake(start + ms(1950));
            meter
        };
        let starved = parked_meter();
        starved.start_span(at(1970));
        starved.give_way();
        starved.count_span(at(1975));
        assert!(starved.was_kept_waiting(deadline), "it had 5 of its last 50 ms");
        let busy = parked_meter();
        busy.start_span(at(1951));
        busy.give_way();
        busy.count_span(at(1961));
        assert!(!busy.was_kept_waiting(deadline), "it had all of them");
        let parked = parked_meter();
        parked.start_span(at(1970));
        parked.count_span(at(1971));
        assert!(!parked.was_kept_waiting(deadline), "it waits for something else");
        let queued = meter(ms(5000), start);
        queued.start_span(at(1001));
        queued.count_span(at(1011));
        assert!(queued.was_kept_waiting(deadline), "whatever it waits for now");
    }

    #[test]
    fn a_guest_does_not_pay_for_a_machine_that_stood_still() {
        let start = Instant::now();
        let meter = meter(ms(50), start);
        meter.start_span(Reading::by_wall(start));
        meter.count_span(Reading::by_wall(start + ms(5000)));
        assert_eq!((meter.used(), meter.waited()), (TICK, ms(4990)));
    }

    #[test]
    fn only_what_the_thread_had_of_the_processor_counts() {
        let start = Instant::now();
        let at = |wall, cpu| Reading { wall: start + ms(wall), cpu: Some(ms(cpu)) };
        let meter = meter(ms(50), start);
        meter.start_span(at(0, 700));
        meter.count_span(at(30, 703));
        meter.count_span(at(50, 722));
        // On another thread, which has another past.
        meter.start_span(at(50, 3));
        meter.count_span(at(51, 4));
        assert_eq!((meter.used(), meter.waited()), (ms(23), ms(28)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_waits_has_nothing_of_the_processor() {
        let thread_time = || SystemClock.thread_time().unwrap();
        // What this thread uses while it waits for another one that computes for so long, and what that one used.
        let wait_for = |span: Duration| {
            let before = thread_time();
            let compute = move || {
                while SystemClock.thread_time().unwrap() < span {}
                SystemClock.thread_time().unwrap()
            };
            let others = std::thread::spawn(compute).join().unwrap();
            (thread_time() - before, others)
        };
        let (start_and_join, _) = wait_for(Duration::ZERO);
        let (own, others) = wait_for(100 * start_and_join);
        assert!(own < others, "{own:?}, and the other one {others:?}");
    }
}
