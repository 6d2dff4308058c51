//! How long a guest really ran.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Adds up the spans in which a call was polled. Time parked in a host call, or behind other guests, is between two
/// polls and so never counted. One span counts for a tick at most: a running guest is stopped at each tick, so a
/// longer one means that the machine, not the guest, had the processor, and the guest waited for it.
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
    /// Whether the call could go on where it does not run: others have its place or its thread.
    is_ready: AtomicBool,
    /// Nanoseconds in which it was ready, or seemed to run, and did not run.
    waited: AtomicU64,
}

impl CpuMeter {
    /// The call is ready from now on.
    pub(super) fn new(tick: Duration, budget: Duration, now: Instant) -> CpuMeter {
        let (used, mark, waited) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        CpuMeter { tick, budget, born: now, used, mark, is_ready: AtomicBool::new(true), waited }
    }

    /// A span begins.
    pub(super) fn start_span(&self, now: Instant) {
        let now = self.nanos_at(now);
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
    pub(super) fn count_span(&self, now: Instant) {
        let now = self.nanos_at(now);
        let span = now.saturating_sub(self.mark.swap(now, Ordering::Relaxed));
        let ran = span.min(nanos(self.tick));
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
            self.start_span(Instant::now());
            let polled = future.as_mut().poll(context);
            self.count_span(Instant::now());
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
        meter.start_span(start);
        meter.count_span(start + ms(7));
        // Parked for a second.
        meter.start_span(start + ms(1007));
        meter.count_span(start + ms(1011));
        assert_eq!(meter.used(), ms(11));
        assert!(!meter.is_spent());
        meter.count_span(start + ms(1012));
        assert!(meter.is_spent());
    }

    #[test]
    fn waiting_for_others_is_told_from_being_parked() {
        let start = Instant::now();
        let meter = CpuMeter::new(TICK, ms(50), start);
        // In the queue.
        meter.start_span(start + ms(100));
        meter.give_way();
        meter.count_span(start + ms(110));
        // Behind other guests.
        meter.start_span(start + ms(140));
        meter.count_span(start + ms(145));
        // Parked in a host call.
        meter.start_span(start + ms(1000));
        assert_eq!((meter.waited(), meter.used()), (ms(130), ms(15)));
    }

    #[test]
    fn a_guest_does_not_pay_for_a_machine_that_stood_still() {
        let start = Instant::now();
        let meter = CpuMeter::new(TICK, ms(50), start);
        meter.start_span(start);
        meter.count_span(start + ms(5000));
        assert_eq!((meter.used(), meter.waited()), (TICK, ms(4990)));
    }
}
