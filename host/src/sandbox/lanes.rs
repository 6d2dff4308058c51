//! Fairness between guests: a fast lane for short calls, and a slow one for those that turn out long.
//!
//! Every call starts in the fast lane. One that has used up a tick of processor time goes on in the slow lane, whose
//! threads are fewer and give way to all others; and the module's next calls in that channel start there, until one of
//! them ends within a tick. In the slow lane a channel has one call at a time; one that waits for the web, for its place, or
//! for anything else but the processor, is none. So whoever burns its whole budget takes a tick of the fast lane once, and the slow
//! lane's time is shared out between channels.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use lru::LruCache;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};

use super::run::cpu::CpuMeter;
use super::slots::PerChannel;
use super::threads::GuestThreads;
use crate::domain::id::{ChannelId, ModuleDigest};

/// Pairs of channel and module that are remembered as slow. A forgotten one costs the fast lane another tick.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// Whose call it is.
type Caller = (ChannelId, ModuleDigest);

pub(super) struct Lanes {
    threads: GuestThreads,
    /// Whose last call was a long one.
    slow_callers: Mutex<LruCache<Caller, ()>>,
    /// One place a channel in the slow lane.
    turns: PerChannel,
}

/// What the lanes know of a call.
pub(super) struct Passage {
    pub(super) caller: Caller,
    pub(super) meter: Arc<CpuMeter>,
    pub(super) deadline: Instant,
}

type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Lanes {
    pub(super) fn new(threads: GuestThreads) -> Lanes {
        Lanes { threads, slow_callers: Mutex::new(LruCache::new(REMEMBERED)), turns: PerChannel::new(1) }
    }

    /// Runs a call on guest threads. It goes on where the returned future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        passage: Passage,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let (lanes, call) = (Arc::clone(self), Box::pin(call));
        let ended = self.threads.fast.spawn(async move {
            // Looked up here and not before: of many calls at once only those that have begun may turn out slow.
            if lanes.slow_callers().contains(&passage.caller) {
                return lanes.go_slowly(passage, call).await;
            }
            match until(|| passage.meter.is_slow(), call).await {
                Ok(ended) => Ok(ended),
                Err(running) => {
                    lanes.slow_callers().put(passage.caller, ());
                    lanes.go_slowly(passage, running).await
                }
            }
        });
        ended.await.and_then(|ended| ended)
    }

    /// Runs what is no call of a channel, and in no hurry.
    pub(super) fn run_slowly<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.threads.slow.spawn(task)
    }

    fn go_slowly<T: Send + 'static>(self: &Arc<Self>, passage: Passage, mut call: Running<T>) -> JoinHandle<T> {
        let lanes = Arc::clone(self);
        self.threads.slow.spawn(async move {
            let Passage { caller, meter, deadline } = passage;
            let ended = loop {
                // Without a turn by its deadline it goes on nevertheless: to find that out, and end.
                let turn = timeout_at(deadline, lanes.turns.acquire_in_any_case(caller.0)).await;
                match until(|| meter.is_parked(), call).await {
                    Ok(ended) => break ended,
                    Err(parked) => call = parked,
                }
                drop(turn);
                wake_up().await;
            };
            // One that was refused, or ran out of time before its turn, tells nothing.
            if meter.has_run() && !meter.is_slow() {
                lanes.slow_callers().pop(&caller);
            }
            ended
        })
    }

    pub(super) async fn shut_down(&self) {
        self.threads.shut_down().await;
    }

    fn slow_callers(&self) -> MutexGuard<'_, LruCache<Caller, ()>> {
        // Nothing panics while it holds this lock.
        self.slow_callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a call to its end, or gives it back once it has yielded and something is so.
async fn until<T>(is_so: impl Fn() -> bool, mut call: Running<T>) -> Result<T, Running<T>> {
    let ended = std::future::poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if is_so() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    ended.await.ok_or(call)
}

/// Until the task is woken up by what it has polled last.
async fn wake_up() {
    let mut is_woken = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut is_woken, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::domain::ports::SystemClock;
    use crate::sandbox::run::cpu::Reading;

    const TICK: Duration = Duration::from_millis(10);
    const SHORT: Duration = Duration::from_micros(50);
    const SHOP: Caller = (ChannelId(1), ModuleDigest([1; 32]));
    const ELSEWHERE: Caller = (ChannelId(2), ModuleDigest([1; 32]));

    fn lanes(threads: usize) -> Arc<Lanes> {
        Arc::new(Lanes::new(GuestThreads::start(threads).unwrap()))
    }

    fn passage(caller: Caller) -> Passage {
        let meter = CpuMeter::new(Arc::new(SystemClock), TICK, 5 * TICK, std::time::Instant::now());
        let meter = Arc::new(meter);
        Passage { caller, meter, deadline: Instant::now() + Duration::from_secs(3600) }
    }

    fn lane() -> String {
        std::thread::current().name().unwrap().to_owned()
    }

    /// Uses up so much and yields, as a guest does at the clock's next tick.
    async fn spend(meter: &CpuMeter, span: Duration) {
        let now = std::time::Instant::now();
        meter.start_span(Reading::by_wall(now));
        meter.count_span(Reading::by_wall(now + span));
        tokio::task::yield_now().await;
    }

    async fn burn(meter: &CpuMeter) {
        spend(meter, TICK).await;
    }

    /// In the middle of a metered run, as guests do it.
    async fn burn_alone(meter: &CpuMeter) {
        while !meter.is_slow() {
            meter.count_span(meter.read());
        }
        meter.give_way();
        tokio::task::yield_now().await;
    }

    /// In which lane a call starts and ends that uses up so much.
    async fn run(lanes: &Arc<Lanes>, caller: Caller, span: Duration) -> (String, String) {
        let passage = passage(caller);
        let meter = Arc::clone(&passage.meter);
        let call = async move {
            let start = lane();
            spend(&meter, span).await;
            (start, lane())
        };
        lanes.run(passage, call).await.unwrap()
    }

    fn from_to(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[tokio::test]
    async fn a_long_call_goes_on_in_the_slow_lane_and_the_next_one_starts_there() {
        let lanes = lanes(2);
        assert_eq!(run(&lanes, SHOP, SHORT).await, from_to("guest", "guest"));
        assert_eq!(run(&lanes, SHOP, TICK).await, from_to("guest", "guest-slow"));
        assert_eq!(run(&lanes, ELSEWHERE, SHORT).await, from_to("guest", "guest"));
        assert_eq!(run(&lanes, SHOP, TICK).await, from_to("guest-slow", "guest-slow"));
        assert_eq!(run(&lanes, SHOP, Duration::ZERO).await, from_to("guest-slow", "guest-slow"), "it never ran");
        assert_eq!(run(&lanes, SHOP, SHORT).await, from_to("guest-slow", "guest-slow"));
        assert_eq!(run(&lanes, SHOP, SHORT).await, from_to("guest", "guest"), "it was a short one again");
    }

    #[tokio::test]
    async fn a_short_call_does_not_wait_for_long_ones() {
        let lanes = lanes(2);
        let mut held = Vec::new();
        // More than there are threads in both lanes, and each holds its thread for good.
        for channel in 0..10 {
            let passage = passage((ChannelId(100 + channel), SHOP.1));
            let (meter, (go_on, told)) = (Arc::clone(&passage.meter), mpsc::channel::<()>());
            let lanes = Arc::clone(&lanes);
            let call = async move {
                burn(&meter).await;
                told.recv()
            };
            held.push((go_on, tokio::spawn(async move { lanes.run(passage, call).await })));
        }
        for _ in 0..20 {
            assert_eq!(run(&lanes, SHOP, SHORT).await, from_to("guest", "guest"));
        }
        // All of them at once: which of them holds the slow thread is not known.
        let (go_on, calls): (Vec<_>, Vec<_>) = held.into_iter().unzip();
        drop(go_on);
        for call in calls {
            call.await.unwrap().unwrap().unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_channel_has_one_long_call_at_a_time() {
        let lanes = lanes(1);
        let passage = passage(SHOP);
        let (meter, (go_on, parked), (says, is_slow)) =
            (Arc::clone(&passage.meter), oneshot::channel::<()>(), oneshot::channel());
        let first = {
            let lanes = Arc::clone(&lanes);
            let call = async move {
                burn(&meter).await;
                says.send(lane()).unwrap();
                parked.await
            };
            tokio::spawn(async move { lanes.run(passage, call).await })
        };
        assert_eq!(is_slow.await.unwrap(), "guest-slow");
        let mut second = std::pin::pin!(run(&lanes, SHOP, TICK));
        let ended = tokio::select! {
            biased;
            _ = &mut second => true,
            lane = run(&lanes, ELSEWHERE, TICK) => { assert_eq!(lane.1, "guest-slow"); false }
        };
        assert!(!ended, "its turn has not come");
        go_on.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        second.await;
    }

    #[tokio::test]
    async fn whoever_waits_for_the_web_lets_the_next_call_of_its_channel_run() {
        let lanes = lanes(1);
        let passage = passage(SHOP);
        let (meter, (answers, web)) = (Arc::clone(&passage.meter), oneshot::channel::<()>());
        let (says, is_asking) = oneshot::channel();
        let first = {
            let lanes = Arc::clone(&lanes);
            let call = async move {
                let run = async {
                    burn_alone(&meter).await;
                    says.send(lane()).unwrap();
                    web.await.unwrap();
                    lane()
                };
                meter.meter(run).await
            };
            tokio::spawn(async move { lanes.run(passage, call).await })
        };
        assert_eq!(is_asking.await.unwrap(), "guest-slow");
        assert_eq!(run(&lanes, SHOP, TICK).await.1, "guest-slow");
        answers.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), "guest-slow");
    }

    #[tokio::test]
    async fn whoever_waits_for_a_place_lets_the_call_that_has_it_take_its_turn() {
        let lanes = lanes(1);
        let share = Arc::new(PerChannel::new(1));
        // Runs in its turn and its share, and parks there.
        let start = |web: oneshot::Receiver<()>, says: oneshot::Sender<()>| {
            let (lanes, share, passage) = (Arc::clone(&lanes), Arc::clone(&share), passage(SHOP));
            let meter = Arc::clone(&passage.meter);
            let call = async move {
                burn(&meter).await;
                let _share = meter.queue(share.acquire(SHOP.0)).await.unwrap();
                let run = async {
                    says.send(()).unwrap();
                    web.await.unwrap();
                };
                meter.meter(run).await;
            };
            tokio::spawn(async move { lanes.run(passage, call).await })
        };
        let [(answers, web), (others_answer, other_web)] = [(); 2].map(|()| oneshot::channel());
        let [(says, is_asking), (other_says, _told)] = [(); 2].map(|()| oneshot::channel());
        let first = start(web, says);
        is_asking.await.unwrap();
        let second = start(other_web, other_says);
        // Behind it on the one slow thread.
        run(&lanes, ELSEWHERE, TICK).await;
        answers.send(()).unwrap();
        first.await.unwrap().unwrap();
        others_answer.send(()).unwrap();
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn nobody_overtakes_those_who_wait_however_many_they_are() {
        let lanes = lanes(1);
        run(&lanes, SHOP, TICK).await;
        let turn = lanes.turns.acquire(SHOP.0).await;
        let waiting: Vec<_> = (0..200)
            .map(|_| {
                let lanes = Arc::clone(&lanes);
                tokio::spawn(async move { run(&lanes, SHOP, TICK).await })
            })
            .collect();
        // They have been looked at in the fast lane by then, and in the slow one.
        for _ in 0..2 {
            tokio::task::yield_now().await;
            run(&lanes, ELSEWHERE, TICK).await;
        }
        assert_eq!(waiting.iter().filter(|call| call.is_finished()).count(), 0, "it is another's turn");
        drop(turn);
        for call in waiting {
            assert_eq!(call.await.unwrap().1, "guest-slow");
        }
    }

    #[tokio::test]
    async fn whoever_is_woken_up_waits_for_its_turn_again() {
        let lanes = lanes(1);
        let passage = passage(SHOP);
        let (meter, (answers, web)) = (Arc::clone(&passage.meter), oneshot::channel::<()>());
        let (says, is_asking) = oneshot::channel();
        let (asks, ended) = {
            let (lanes, meter) = (Arc::clone(&lanes), Arc::clone(&meter));
            let call = async move {
                meter
                    .meter(async {
                        burn_alone(&meter).await;
                        says.send(()).unwrap();
                        web.await.unwrap();
                    })
                    .await;
            };
            (is_asking, tokio::spawn(async move { lanes.run(passage, call).await }))
        };
        asks.await.unwrap();
        let turn = lanes.turns.acquire(SHOP.0).await;
        answers.send(()).unwrap();
        // Its thread is the one that this comes after.
        run(&lanes, ELSEWHERE, TICK).await;
        assert!(!ended.is_finished(), "it is another's turn");
        drop(turn);
        ended.await.unwrap().unwrap();
        assert!(meter.waited() > Duration::ZERO);
    }

    #[tokio::test]
    async fn a_panic_is_told_from_either_lane() {
        let lanes = lanes(1);
        for _ in 0..2 {
            let passage = passage(SHOP);
            let meter = Arc::clone(&passage.meter);
            let call = async move {
                burn(&meter).await;
                panic!("in lane {}", lane())
            };
            let ended: Result<(), JoinError> = lanes.run(passage, call).await;
            assert!(ended.unwrap_err().is_panic());
        }
        assert_eq!(run(&lanes, SHOP, SHORT).await, from_to("guest-slow", "guest-slow"), "its turn was given back");
    }
}
