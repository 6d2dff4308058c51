//! How long a guest really ran, and how long it was kept waiting for the processor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
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
        self.cpu_since(before).unwrap_or_else(|| self.wall_since(before.wall))
    }

    fn cpu_since(self, before: Reading) -> Option<Duration> {
        Some(self.cpu?.saturating_sub(before.cpu?))
    }

    fn wall_since(self, before: Instant) -> Duration {
        self.wall.saturating_duration_since(before)
    }

    /// As where the system does not tell more.
    #[cfg(test)]
    fn by_wall(wall: Instant) -> Reading {
        Reading { wall, cpu: None }
    }
}

/// The processor time of one call, and its time without a processor. Shared by the call's future, its wakers and its store's
/// epoch callback.
pub(crate) struct Meter {
    clock: Arc<dyn Clock>,
    budget: Duration,
    times: Mutex<Times>,
}

/// What a guest that was interrupted may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    /// Go on once others have run.
    GiveWay,
    /// No more: its budget is spent.
    Stop,
}

impl Meter {
    /// The call is ready from now on.
    pub(crate) fn new(clock: Arc<dyn Clock>, tick: Duration, budget: Duration, now: Instant) -> Meter {
        Meter { clock, budget, times: Mutex::new(Times::new(tick, now)) }
    }

    pub(crate) fn used(&self) -> Duration {
        self.times().used
    }

    /// Whether it has used up a tick, and so all that the fast pool allows. A first interruption proves nothing: it may come as
    /// soon as a call has begun.
    pub(crate) fn is_slow(&self) -> bool {
        self.times().is_slow()
    }

    pub(crate) fn has_run(&self) -> bool {
        self.used() > Duration::ZERO
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.used() >= self.budget
    }

    /// Whether it is not the guest's fault that a deadline has passed, so long after the call was asked for: it waited for
    /// the processor for most of that, or, if it wants the processor still, for most of the time in which it wanted it.
    /// What it waited for the web, and the like, is in neither.
    pub(crate) fn was_kept_waiting(&self, deadline: Duration) -> bool {
        self.times().was_kept_waiting(deadline)
    }

    /// Counts each poll of `run`, and notes when it is woken up.
    pub(crate) async fn meter<F: Future>(self: &Arc<Self>, run: F) -> F::Output {
        let mut run = std::pin::pin!(run);
        let mut waker = None;
        std::future::poll_fn(|context| {
            let waker = match &mut waker {
                Some((task, waker)) if context.waker().will_wake(task) => waker,
                // It is polled by another task from now on.
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

    /// The running guest is interrupted, as it is at each tick.
    pub(crate) fn interrupt(&self) -> Verdict {
        let (now, mut times) = (self.read(), self.times());
        times.count(now);
        if times.used >= self.budget {
            return Verdict::Stop;
        }
        if !times.is_slow() {
            return Verdict::GoOn;
        }
        times.give_way(now);
        Verdict::GiveWay
    }

    fn end_span<T>(&self, polled: &Poll<T>) {
        let mut times = self.times();
        match polled {
            Poll::Ready(_) => times.end(self.read()),
            Poll::Pending if times.is_running() => times.park(self.read()),
            // It gave way, and was counted then: another reading would be a system call for nothing.
            Poll::Pending => {}
        }
    }

    /// A span that begins at a moment and lasts so long; afterwards the call is ready.
    #[cfg(test)]
    pub(crate) fn use_up(&self, start: Instant, span: Duration) {
        let mut times = self.times();
        times.start(Reading::by_wall(start));
        times.give_way(Reading::by_wall(start + span));
    }

    fn read(&self) -> Reading {
        Reading::of(&*self.clock)
    }

    /// Nothing panics while it holds this lock.
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a call's task up, and reports it to the call's meter.
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

/// Adds up a call's times. It runs in spans: one lasts from the beginning of a poll, or from an interruption, to the next
/// interruption or the end of the poll, all on one thread. Of a span that is longer than what the thread had of the processor,
/// the call has waited for the rest. Where the system does not tell a thread's processor time, a span counts for a tick at
/// most: a running guest is interrupted at each tick, so a longer one means that the machine, not the guest, had the
/// processor.
struct Times {
    tick: Duration,
    state: State,
    /// Processor time.
    used: Duration,
    /// Time in which the call was ready, or seemed to run, and did not run.
    waited: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Could go on, and others have its thread.
    Ready { since: Instant },
    /// In a span that began with this reading.
    Running { since: Reading, is_woken: bool },
    /// Waits in the middle of a run for something else than the processor, such as the web.
    Parked,
    /// Between two runs, or after the last one: it commits.
    Idle,
}

impl Times {
    fn new(tick: Duration, now: Instant) -> Times {
        Times { tick, state: State::Ready { since: now }, used: Duration::ZERO, waited: Duration::ZERO }
    }

    /// Adds the time that the call has been in its state.
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

    /// The call could go on, and others shall run.
    fn give_way(&mut self, now: Reading) {
        self.count(now);
        self.state = State::Ready { since: now.wall };
    }

    /// A poll ends without an answer: the call waits, unless what it waits for is there already.
    fn park(&mut self, now: Reading) {
        self.count(now);
        let is_woken = matches!(self.state, State::Running { is_woken: true, .. });
        self.state = if is_woken { State::Ready { since: now.wall } } else { State::Parked };
    }

    /// What the call waited for is there.
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

    /// What happens to a call.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Start,
        Count,
        GiveWay,
        Park,
        Wake,
        End,
    }
    use Event::{Count, End, GiveWay, Park, Start, Wake};

    impl Times {
        fn apply(&mut self, event: Event, now: Reading) {
            match event {
                Start => self.start(now),
                Count => self.count(now),
                GiveWay => self.give_way(now),
                Park => self.park(now),
                Wake => self.wake(now.wall),
                End => self.end(now),
            }
        }
    }

    /// Each row: milliseconds since the call was asked for, what happens then, and what the call has used and waited by then.
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
            (110, GiveWay, 10, 100),
            // Behind other guests.
            (140, Start, 10, 130),
            (145, Park, 15, 130),
            // It waits for the web, then for the processor.
            (1000, Wake, 15, 130),
            (1020, Wake, 15, 130),
            (1030, Start, 15, 160),
            // What it waits for is there before it has said so.
            (1031, Wake, 15, 160),
            (1035, Park, 20, 160),
            (1036, Start, 20, 161),
            (1040, End, 24, 161),
            // It commits, loses, and runs again.
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
        times.give_way(at(50, 722));
        // On another thread, which has another past.
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
        // It waits for the web for two seconds.
        let parked = [(1, Start), (5, Park), (1950, Wake)];
        let and = |rows: &[(u64, Event)]| [&parked, rows].concat();
        assert!(after(&and(&[(1970, Start), (1975, GiveWay)])), "it had 5 of its last 50 ms");
        assert!(!after(&and(&[(1951, Start), (1961, GiveWay)])), "it had all of them");
        assert!(!after(&and(&[(1970, Start), (1971, Park)])), "it waits for something else");
        assert!(after(&[(1001, Start), (1011, Park)]), "whatever it waits for now");
    }

    /// Each reading of a thread's processor time is 4 ms after the one before it.
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
            while verdicts.last() != Some(&Verdict::Stop) {
                verdicts.push(meter.interrupt());
                if verdicts.last() == Some(&Verdict::GiveWay) {
                    tokio::task::yield_now().await;
                }
            }
        };
        meter.meter(guest).await;
        let expected = [&[Verdict::GoOn; 2][..], &[Verdict::GiveWay; 4], &[Verdict::Stop]].concat();
        assert_eq!(verdicts, expected);
        let readings = clock.0.load(Ordering::Relaxed) / 4;
        assert_eq!(readings, 5 + 7 + 1, "one a poll, one an interruption, and one at the end");
    }

    fn events() -> impl Strategy<Value = Vec<(Event, u64, u64)>> {
        let all = prop::sample::select(vec![Start, Count, GiveWay, Park, Wake, End]);
        prop::collection::vec((all, 0..5_000_u64, 0..=100_u64), 0..60)
    }

    proptest! {
        /// Each moment of a call is used, or waited, or neither, and is so by the state that the call was in.
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
