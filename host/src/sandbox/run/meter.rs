//! Measures how long a guest ran, and how long it waited for the processor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::domain::ports::Clock;

/// A moment by both clocks that measure a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    wall: Instant,
    /// The calling thread's processor time; `None` where the system does not provide it.
    cpu: Option<Duration>,
}

impl Reading {
    pub(crate) fn of(clock: &dyn Clock) -> Reading {
        Reading { wall: Instant::now(), cpu: clock.thread_time() }
    }

    /// The calling thread's processor time since an earlier reading on the same thread; wall time where the system does
    /// not provide it.
    pub(crate) fn since(self, before: Reading) -> Duration {
        self.cpu_since(before).unwrap_or_else(|| self.wall_since(before.wall))
    }

    fn cpu_since(self, before: Reading) -> Option<Duration> {
        Some(self.cpu?.saturating_sub(before.cpu?))
    }

    fn wall_since(self, before: Instant) -> Duration {
        self.wall.saturating_duration_since(before)
    }

    /// A reading as on a system without thread times.
    #[cfg(test)]
    fn by_wall(wall: Instant) -> Reading {
        Reading { wall, cpu: None }
    }
}

/// A call's processor time, and the time for which it waited for a processor. Shared by the call's future, its wakers
/// and its store's epoch callback.
pub(crate) struct Meter {
    clock: Arc<dyn Clock>,
    budget: Duration,
    times: Mutex<Times>,
}

/// What an interrupted guest does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Continue,
    /// Yields, so that other guests can run.
    Yield,
    /// Ends, because its budget is used up.
    Interrupt,
}

impl Meter {
    /// The call counts as ready from `now` on.
    pub(crate) fn new(clock: Arc<dyn Clock>, tick: Duration, budget: Duration, now: Instant) -> Meter {
        Meter { clock, budget, times: Mutex::new(Times::new(tick, now)) }
    }

    pub(crate) fn used(&self) -> Duration {
        self.times().used
    }

    /// Whether the call has used up a tick, the most that the fast pool allows. The first interruption is no evidence
    /// of that: a tick may end right after the call has begun.
    pub(crate) fn is_slow(&self) -> bool {
        self.times().is_slow()
    }

    pub(crate) fn has_run(&self) -> bool {
        self.used() > Duration::ZERO
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.used() >= self.budget
    }

    /// Whether a missed deadline is not the guest's fault. The call waited for a processor for more than half of the
    /// deadline, or it is not parked and waited longer than it ran. Waiting for the web and the like counts as neither.
    pub(crate) fn was_kept_waiting(&self, deadline: Duration) -> bool {
        self.times().was_kept_waiting(deadline)
    }

    /// Measures each poll of `run`, and records its wake-ups.
    pub(crate) async fn meter<F: Future>(self: &Arc<Self>, run: F) -> F::Output {
        let mut run = std::pin::pin!(run);
        let mut waker = None;
        std::future::poll_fn(|context| {
            let waker = match &mut waker {
                Some((task, waker)) if context.waker().will_wake(task) => waker,
                // Another task polls from now on.
                waker => {
                    let task = context.waker().clone();
                    let metered = Arc::new(MeteredWaker { meter: Arc::clone(self), task: task.clone() });
                    &mut waker.insert((task, Waker::from(metered))).1
                }
            };
            self.times().start(self.read());
            let polled = run.as_mut().poll(&mut Context::from_waker(waker));
            self.end_span(&polled);
            polled
        })
        .await
    }

    /// Called at each tick that interrupts the guest.
    pub(crate) fn interrupt(&self) -> Verdict {
        let (now, mut times) = (self.read(), self.times());
        times.count(now);
        if times.used >= self.budget {
            return Verdict::Interrupt;
        }
        if !times.is_slow() {
            return Verdict::Continue;
        }
        times.yield_now(now);
        Verdict::Yield
    }

    fn end_span<T>(&self, polled: &Poll<T>) {
        let mut times = self.times();
        match polled {
            Poll::Ready(_) => times.end(self.read()),
            Poll::Pending if times.is_running() => times.park(self.read()),
            // The guest yielded, and `interrupt` counted it: another reading would waste a system call.
            Poll::Pending => {}
        }
    }

    /// Simulates a span of guest time; afterwards the call is ready.
    #[cfg(test)]
    pub(crate) fn use_up(&self, start: Instant, span: Duration) {
        let mut times = self.times();
        times.start(Reading::by_wall(start));
        times.yield_now(Reading::by_wall(start + span));
    }

    fn read(&self) -> Reading {
        Reading::of(&*self.clock)
    }

    /// Poisoning is ignored: no code panics while it holds this lock.
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a call's task, and reports the wake-up to the call's meter.
struct MeteredWaker {
    meter: Arc<Meter>,
    task: Waker,
}

impl Wake for MeteredWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.meter.times().wake(Instant::now());
        self.task.wake_by_ref();
    }
}

/// Adds up a call's times, in spans. A span lasts from the beginning of a poll, or from an interruption, to the next
/// interruption or the end of the poll, all on one thread. The part of a span in which the thread had no processor is
/// waiting time. Where the system does not report a thread's processor time, a span counts as a tick at most: a running
/// guest is interrupted at each tick, so in a longer span the thread had no processor.
struct Times {
    tick: Duration,
    state: State,
    /// Processor time.
    used: Duration,
    /// Time for which the call was ready, or in a span, without a processor.
    waited: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Waits for a thread.
    Ready { since: Instant },
    /// In a span that began with this reading.
    Running { since: Reading, is_woken: bool },
    /// Waits within a run for something other than the processor, such as the web.
    Parked,
    /// Between two runs, or committing after the last one.
    Idle,
}

impl Times {
    fn new(tick: Duration, now: Instant) -> Times {
        Times { tick, state: State::Ready { since: now }, used: Duration::ZERO, waited: Duration::ZERO }
    }

    /// Adds the time since the last reading to the sum that the state selects.
    fn count(&mut self, now: Reading) {
        match &mut self.state {
            State::Ready { since } => {
                self.waited += now.wall_since(*since);
                *since = now.wall;
            }
            State::Running { since, .. } => {
                let span = now.wall_since(since.wall);
                let ran = now.cpu_since(*since).unwrap_or(span.min(self.tick));
                *since = now;
                self.used += ran;
                self.waited += span.saturating_sub(ran);
            }
            State::Parked | State::Idle => {}
        }
    }

    /// A poll begins.
    fn start(&mut self, now: Reading) {
        self.count(now);
        self.state = State::Running { since: now, is_woken: false };
    }

    /// The guest yields to others, and could go on.
    fn yield_now(&mut self, now: Reading) {
        self.count(now);
        self.state = State::Ready { since: now.wall };
    }

    /// A poll returns `Pending`. The call is parked, unless it was woken during the poll.
    fn park(&mut self, now: Reading) {
        self.count(now);
        let is_woken = matches!(self.state, State::Running { is_woken: true, .. });
        self.state = if is_woken { State::Ready { since: now.wall } } else { State::Parked };
    }

    /// The call can go on.
    fn wake(&mut self, now: Instant) {
        match &mut self.state {
            State::Running { is_woken, .. } => *is_woken = true,
            State::Parked => self.state = State::Ready { since: now },
            State::Ready { .. } | State::Idle => {}
        }
    }

    /// A run ends.
    fn end(&mut self, now: Reading) {
        self.count(now);
        self.state = State::Idle;
    }

    fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    fn is_slow(&self) -> bool {
        self.used >= self.tick
    }

    fn was_kept_waiting(&self, deadline: Duration) -> bool {
        self.waited > deadline / 2 || !matches!(self.state, State::Parked) && self.waited > self.used
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::domain::ports::{Moment, SystemClock};

    const TICK: Duration = Duration::from_millis(10);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Start,
        Count,
        Yield,
        Park,
        Wake,
        End,
    }
    use Event::{Count, End, Park, Start, Wake, Yield};

    impl Times {
        fn apply(&mut self, event: Event, now: Reading) {
            match event {
                Start => self.start(now),
                Count => self.count(now),
                Yield => self.yield_now(now),
                Park => self.park(now),
                Wake => self.wake(now.wall),
                End => self.end(now),
            }
        }
    }

    /// Each row: milliseconds since the call was asked for, an event, and the expected used and waited times after it.
    fn check(rows: &[(u64, Event, u64, u64)]) -> Times {
        let start = Instant::now();
        let mut times = Times::new(TICK, start);
        for (index, &(at, event, used, waited)) in rows.iter().enumerate() {
            times.apply(event, Reading::by_wall(start + ms(at)));
            assert_eq!((times.used, times.waited), (ms(used), ms(waited)), "after {event:?}, row {index}");
        }
        times
    }

    #[test]
    fn only_spans_are_used() {
        let times =
            check(&[(0, Start, 0, 0), (7, Park, 7, 0), (1007, Wake, 7, 0), (1007, Start, 7, 0), (1011, Count, 11, 0)]);
        assert!(times.is_slow());
    }

    #[test]
    fn waiting_for_others_is_distinguished_from_being_parked() {
        check(&[
            // In the queue.
            (100, Start, 0, 100),
            (110, Yield, 10, 100),
            // Behind other guests.
            (140, Start, 10, 130),
            (145, Park, 15, 130),
            // Waits for the web, then for the processor.
            (1000, Wake, 15, 130),
            (1020, Wake, 15, 130),
            (1030, Start, 15, 160),
            // The wake-up comes during the poll that will park the call.
            (1031, Wake, 15, 160),
            (1035, Park, 20, 160),
            (1036, Start, 20, 161),
            (1040, End, 24, 161),
            // Commits, meets a conflict, and runs again.
            (1050, Wake, 24, 161),
            (1060, Start, 24, 161),
        ]);
    }

    #[test]
    fn a_guest_does_not_pay_for_a_machine_that_stood_still() {
        check(&[(0, Start, 0, 0), (5000, Count, 10, 4990)]);
    }

    #[test]
    fn only_what_the_thread_had_of_the_processor_is_used() {
        let start = Instant::now();
        let at = |wall, cpu| Reading { wall: start + ms(wall), cpu: Some(ms(cpu)) };
        let mut times = Times::new(TICK, start);
        times.start(at(0, 700));
        times.count(at(30, 703));
        times.yield_now(at(50, 722));
        // On another thread, whose processor time differs.
        times.start(at(50, 3));
        times.park(at(51, 4));
        assert_eq!((times.used, times.waited), (ms(23), ms(28)));
    }

    #[test]
    fn a_deadline_passes_by_the_guests_fault_or_by_that_of_others() {
        let (start, deadline) = (Instant::now(), ms(2000));
        let after = |rows: &[(u64, Event)]| {
            let mut times = Times::new(TICK, start);
            for &(at, event) in rows {
                times.apply(event, Reading::by_wall(start + ms(at)));
            }
            times.was_kept_waiting(deadline)
        };
        // Waits for the web for two seconds.
        let parked = [(1, Start), (5, Park), (1950, Wake)];
        let and = |rows: &[(u64, Event)]| [&parked, rows].concat();
        assert!(after(&and(&[(1970, Start), (1975, Yield)])), "it had 5 of its last 50 ms");
        assert!(!after(&and(&[(1951, Start), (1961, Yield)])), "it had all of them");
        assert!(!after(&and(&[(1970, Start), (1971, Park)])), "it waits for something else");
        assert!(after(&[(1001, Start), (1011, Park)]), "whatever it waits for now");
    }

    /// Each reading of a thread's processor time is 4 ms after the previous one.
    #[derive(Default)]
    struct SteppingClock(AtomicU64);

    impl Clock for SteppingClock {
        fn now(&self) -> Moment {
            SystemClock.now()
        }

        fn thread_time(&self) -> Option<Duration> {
            Some(ms(self.0.fetch_add(4, Ordering::Relaxed)))
        }
    }

    #[tokio::test]
    async fn a_guest_goes_on_then_gives_way_and_is_stopped() {
        let clock = Arc::new(SteppingClock::default());
        let meter = Arc::new(Meter::new(clock.clone(), TICK, ms(25), Instant::now()));
        let mut verdicts = Vec::new();
        let guest = async {
            while verdicts.last() != Some(&Verdict::Interrupt) {
                verdicts.push(meter.interrupt());
                if verdicts.last() == Some(&Verdict::Yield) {
                    tokio::task::yield_now().await;
                }
            }
        };
        meter.meter(guest).await;
        let expected = [&[Verdict::Continue; 2][..], &[Verdict::Yield; 4], &[Verdict::Interrupt]].concat();
        assert_eq!(verdicts, expected);
        let readings = clock.0.load(Ordering::Relaxed) / 4;
        assert_eq!(readings, 5 + 7 + 1, "one a poll, one an interruption, and one at the end");
    }

    fn events() -> impl Strategy<Value = Vec<(Event, u64, u64)>> {
        let all = prop::sample::select(vec![Start, Count, Yield, Park, Wake, End]);
        prop::collection::vec((all, 0..5_000_u64, 0..=100_u64), 0..60)
    }

    proptest! {
        /// Each moment of a call counts as used, waited or neither, as the call's state at that moment says.
        #[test]
        fn all_time_is_used_or_waited_or_parked(events in events()) {
            let start = Instant::now();
            let mut times = Times::new(TICK, start);
            let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
            let (mut used, mut waited, mut parked) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
            for (event, micros, percent) in events {
                let passed = Duration::from_micros(micros);
                wall += passed;
                match times.state {
                    State::Running { .. } => {
                        let ran = passed * u32::try_from(percent).unwrap() / 100;
                        cpu += ran;
                        used += ran;
                        waited += passed - ran;
                    }
                    State::Ready { .. } => waited += passed,
                    State::Parked | State::Idle => parked += passed,
                }
                times.apply(event, Reading { wall: start + wall, cpu: Some(cpu) });
            }
            times.count(Reading { wall: start + wall, cpu: Some(cpu) });
            prop_assert_eq!((times.used, times.waited), (used, waited));
            prop_assert_eq!(times.used + times.waited + parked, wall);
        }
    }
}
