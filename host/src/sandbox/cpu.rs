//! How long a guest really ran.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time by both clocks that a call's use is measured by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    wall: Instant,
    /// What the calling thread has had of the processor; none where the system does not tell.
    cpu: Option<Duration>,
}

impl Reading {
    pub(super) fn now() -> Reading {
        Reading { wall: Instant::now(), cpu: find_thread_time() }
    }

    /// What the calling thread has had of the processor since an earlier reading on it; where the system does not tell,
    /// what has passed.
    pub(super) fn since(self, before: Reading) -> Duration {
        match (self.cpu, before.cpu) {
            (Some(cpu), Some(before)) => cpu.saturating_sub(before),
            _ => self.wall.saturating_duration_since(before.wall),
        }
    }

    /// As where the system does not tell more.
    #[cfg(test)]
    pub(super) fn by_wall(wall: Instant) -> Reading {
        Reading { wall, cpu: None }
    }
}

#[cfg(target_os = "linux")]
fn find_thread_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};

    clock_gettime(ClockId::ThreadCPUTime).try_into().ok()
}

#[cfg(not(target_os = "linux"))]
fn find_thread_time() -> Option<Duration> {
    None
}

/// Adds up the processor time of the spans in which a call was polled. Time parked in a host call, or behind other
/// guests, is between two polls and so never counted; what a span is longer than that, the call has waited for the
/// machine. Where the system does not tell a thread's processor time, a span counts for a tick at most: a running guest is
/// stopped at each tick, so a longer one means that the machine, not the guest, had the processor.
///
/// Shared by the call's future and the store's epoch callback, which run on one thread at a time.
pub(super) struct CpuMeter {
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
    /// Nanoseconds in which it was ready, or seemed to run, and did not run.
    waited: AtomicU64,
}

impl CpuMeter {
    /// The call is ready from now on.
    pub(super) fn new(tick: Duration, budget: Duration, now: Instant) -> CpuMeter {
        let [used, mark, cpu_mark, waited] = [const { AtomicU64::new(0) }; 4];
        CpuMeter { tick, budget, born: now, used, mark, cpu_mark, is_ready: AtomicBool::new(true), waited }
    }

    /// A span begins.
    pub(super) fn start_span(&self, now: Reading) {
        self.cpu_mark.store(nanos(now.cpu.unwrap_or_default()), Ordering::Relaxed);
        let now = self.nanos_at(now.wall);
        let pause = now.saturating_sub(self.mark.swap(now, Ordering::Relaxed));
        if self.is_ready.swap(false, Ordering::Relaxed) {
            self.waited.fetch_add(pause, Ordering::Relaxed);
        }
    }

    /// The running span is about to end, and not because the call has to wait for anything: others shall run too.
    pub(super) fn give_way(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    /// The running span ends, and the next one begins.
    pub(super) fn count_span(&self, now: Reading) {
        let wall = self.nanos_at(now.wall);
        let span = wall.saturating_sub(self.mark.swap(wall, Ordering::Relaxed));
        let most = now.cpu.map_or(nanos(self.tick), |cpu| {
            let cpu = nanos(cpu);
            cpu.saturating_sub(self.cpu_mark.swap(cpu, Ordering::Relaxed))
        });
        let ran = span.min(most);
        self.used.fetch_add(ran, Ordering::Relaxed);
        self.waited.fetch_add(span - ran, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    /// Whether it has used up a tick, and so all that the fast lane allows. The clock's first tick tells nothing: it may
    /// come as soon as a call has begun.
    pub(super) fn is_slow(&self) -> bool {
        self.used() >= self.tick
    }

    pub(super) fn has_run(&self) -> bool {
        self.used() > Duration::ZERO
    }

    pub(super) fn is_spent(&self) -> bool {
        self.used() >= self.budget
    }

    fn nanos_at(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.born))
    }

    /// Counts each poll of `future`.
    pub(super) async fn meter<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            self.start_span(Reading::now());
            let polled = future.as_mut().poll(context);
            self.count_span(Reading::now());
            polled
        })
        .await
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn only_the_spans_count() {
        let start = Instant::now();
        let meter = CpuMeter::new(TICK, ms(12), start);
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
        let meter = CpuMeter::new(TICK, ms(50), start);
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
    fn a_guest_does_not_pay_for_a_machine_that_stood_still() {
        let start = Instant::now();
        let meter = CpuMeter::new(TICK, ms(50), start);
        meter.start_span(Reading::by_wall(start));
        meter.count_span(Reading::by_wall(start + ms(5000)));
        assert_eq!((meter.used(), meter.waited()), (TICK, ms(4990)));
    }

    #[test]
    fn only_what_the_thread_had_of_the_processor_counts() {
        let start = Instant::now();
        let at = |wall, cpu| Reading { wall: start + ms(wall), cpu: Some(ms(cpu)) };
        let meter = CpuMeter::new(TICK, ms(50), start);
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
        let before = find_thread_time().unwrap();
        let (says, told) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            let start = find_thread_time().unwrap();
            while find_thread_time().unwrap() < start + ms(20) {}
            says.send(()).unwrap();
        });
        told.recv().unwrap();
        other.join().unwrap();
        assert!(find_thread_time().unwrap() < before + ms(20));
    }
}
