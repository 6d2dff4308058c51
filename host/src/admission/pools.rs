//! The guests' threads, separate from all others. A guest in a loop holds a thread for a tick at a time, and Twitch's
//! PING must not wait that long.
//!
//! Every call starts in the fast pool. A call that has used up a tick continues in the slow pool, which has a lower
//! priority and runs one call of a channel at a time, a tick of each channel in turn. So do the next calls of its
//! module in that channel, until one ends within a tick. So a module that uses its whole budget on every call costs the
//! fast pool one tick, once.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, Thread, available_parallelism};
use std::time::Duration;

use async_task::{Runnable, ScheduleInfo, WithInfo};
use lru::LruCache;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::fair::FairQueue;
use crate::domain::id::{ChannelId, ModuleDigest};

/// Time for the threads to end. It is many ticks, and a guest can be stopped at each.
const END_WITHIN: Duration = Duration::from_secs(1);
/// Pairs of channel and module remembered as slow. Forgetting one costs the fast pool another tick.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// The niceness of the slow threads, on Unix's scale up to 19: a tenth of an ordinary thread's share. It is not higher,
/// because other threads may wait for a lock that a slow thread holds for a moment.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The channel and module whose call a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    pub channel: ChannelId,
    pub module: ModuleDigest,
}

/// The guests' threads. Dropping this ends them.
pub(super) struct Pools {
    shared: Arc<Shared>,
    /// Drives the timers and sockets of the pools' tasks, so that no pool thread waits for them.
    io: Mutex<Option<Runtime>>,
    /// Closed once all threads have ended.
    threads: Mutex<mpsc::Receiver<()>>,
    next_background: AtomicU64,
}

/// The pool that a task runs in.
pub struct TaskPool {
    group: Group,
    is_slow: AtomicBool,
    /// Whether the task has been in the slow pool's queue since it moved there.
    was_queued: AtomicBool,
    shared: Arc<Shared>,
}

/// The slow pool runs one task of a group at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    Channel(ChannelId),
    /// A task that is not a call.
    Background(u64),
}

struct Shared {
    state: Mutex<State>,
    /// Callers whose last call was a long one.
    slow_callers: Mutex<LruCache<Caller, ()>>,
    over: CancellationToken,
}

#[derive(Default)]
struct State {
    fast: VecDeque<Runnable>,
    slow: FairQueue<Group, Runnable>,
    /// Threads without work. The last to become idle are at the end and are woken first: their caches are warm.
    idle_fast: Vec<Thread>,
    idle_slow: Vec<Thread>,
    is_over: bool,
}

/// Why a task has no result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunTaskError {
    #[error("a guest's thread panicked")]
    Panicked,
    #[error("the guests' threads were ended")]
    Ended,
}

impl Pools {
    /// 0 threads means one per core. There is one slow thread less, so that a core is left for everything else.
    pub(super) fn start(threads: usize) -> io::Result<Pools> {
        let threads = if threads == 0 { available_parallelism().map_or(1, usize::from) } else { threads };
        let io = Builder::new_multi_thread().worker_threads(1).thread_name("guest-io").enable_all().build()?;
        let slow_callers = Mutex::new(LruCache::new(REMEMBERED));
        let shared = Arc::new(Shared { state: Mutex::default(), slow_callers, over: CancellationToken::new() });
        let (alive, ended) = mpsc::channel();
        let pools =
            Pools { shared, io: Mutex::new(Some(io)), threads: Mutex::new(ended), next_background: AtomicU64::new(0) };
        for _ in 0..threads {
            pools.start_thread("guest", &alive, Shared::run_fast)?;
        }
        for _ in 0..threads.saturating_sub(1).max(1) {
            pools.start_thread("guest-slow", &alive, Shared::run_slow)?;
        }
        Ok(pools)
    }

    fn start_thread(&self, name: &str, alive: &mpsc::Sender<()>, run: fn(&Shared)) -> io::Result<()> {
        let (shared, alive) = (Arc::clone(&self.shared), alive.clone());
        let io = self.io.lock().unwrap_or_else(PoisonError::into_inner);
        let io = io.as_ref().map(|io| io.handle().clone());
        let run = move || {
            let _alive = alive;
            let _io = io.as_ref().map(|io| io.enter());
            run(&shared);
        };
        thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    }

    /// Starts a task for a channel's call. If the pools have ended, the task is dropped instead.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        channel: ChannelId,
        task: impl FnOnce(Arc<TaskPool>) -> F,
    ) {
        self.start_task(Group::Channel(channel), false, task);
    }

    /// Runs a background task, which is no channel's call, in the slow pool. Dropping the future stops the task.
    pub(super) async fn run_slowly<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RunTaskError> {
        let (mut sender, receiver) = oneshot::channel();
        let group = Group::Background(self.next_background.fetch_add(1, Ordering::Relaxed));
        self.start_task(group, true, |_| async move {
            let result = tokio::select! { result = task => result, () = sender.closed() => return };
            drop(sender.send(result));
        });
        self.result_of(receiver).await
    }

    /// The result that a task of these pools sends at its end.
    pub(super) async fn result_of<T>(&self, receiver: oneshot::Receiver<T>) -> Result<T, RunTaskError> {
        tokio::select! {
            biased;
            receiver = receiver => receiver.map_err(|_| if self.shared.over.is_cancelled() { RunTaskError::Ended } else { RunTaskError::Panicked }),
            // Without this, the caller would wait until a task that waits for something else is woken and dropped.
            () = self.shared.over.cancelled() => Err(RunTaskError::Ended),
        }
    }

    fn start_task<F: Future<Output = ()> + Send + 'static>(
        &self,
        group: Group,
        is_slow: bool,
        task: impl FnOnce(Arc<TaskPool>) -> F,
    ) {
        let pool = Arc::new(TaskPool {
            group,
            is_slow: AtomicBool::new(is_slow),
            was_queued: AtomicBool::new(false),
            shared: Arc::clone(&self.shared),
        });
        let task = task(Arc::clone(&pool));
        let schedule = move |runnable, info: ScheduleInfo| pool.shared.schedule(&pool, runnable, info);
        let (runnable, task) = async_task::spawn(task, WithInfo(schedule));
        task.detach();
        runnable.schedule();
    }

    /// Ends the threads. Tasks that still run are cut off.
    pub(super) async fn shut_down(&self) {
        self.end();
        let io = self.io.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (_, never) = mpsc::channel();
        let threads = std::mem::replace(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner), never);
        // Waiting for threads blocks, so it must not happen on an async worker.
        let ended = tokio::task::spawn_blocking(move || {
            // A disconnect means that all threads have ended.
            let is_late = threads.recv_timeout(END_WITHIN) == Err(mpsc::RecvTimeoutError::Timeout);
            io.into_iter().for_each(|io| io.shutdown_timeout(END_WITHIN));
            is_late
        });
        if ended.await.unwrap_or(true) {
            tracing::error!("the guests' threads did not end");
        }
    }

    fn end(&self) {
        // Comes first, so that a task dropped from now on reports `Ended` and not `Panicked`.
        self.shared.over.cancel();
        let (fast, slow, idle) = {
            let mut state = self.shared.lock();
            state.is_over = true;
            let idle: Vec<Thread> = state.idle_fast.drain(..).collect();
            let idle = idle.into_iter().chain(state.idle_slow.drain(..)).collect::<Vec<_>>();
            (std::mem::take(&mut state.fast), std::mem::take(&mut state.slow), idle)
        };
        // Dropped without the lock, because dropping a task's contents may take it.
        drop((fast, slow));
        idle.iter().for_each(Thread::unpark);
    }
}

impl Drop for Pools {
    fn drop(&mut self) {
        self.end();
        // The last owner may be a task, and a runtime panics if it is shut down blockingly inside another one.
        if let Some(io) = self.io.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            io.shutdown_background();
        }
    }
}

impl TaskPool {
    /// To be awaited before a call's guest runs: moves to the slow pool if the caller's last call was long. This is not
    /// decided earlier, because of many calls at once only those that have begun can turn out to be long.
    pub async fn begin(&self, caller: Caller) {
        if self.shared.slow_callers().contains(&caller) {
            self.is_slow.store(true, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }

    /// The call has used up a tick: it moves to the slow pool when it next yields.
    pub fn slow_down(&self, caller: Caller) {
        if !self.is_slow.swap(true, Ordering::Relaxed) {
            self.shared.slow_callers().put(caller, ());
        }
    }

    /// To be awaited after a call's guest has ended: moves back to the fast pool. The rest of the call, and whatever
    /// waits for it, must not run at the low priority.
    pub async fn end(&self, caller: Caller, was_short: bool) {
        if !self.is_slow.swap(false, Ordering::Relaxed) {
            return;
        }
        self.was_queued.store(false, Ordering::Relaxed);
        if was_short {
            self.shared.slow_callers().pop(&caller);
        }
        tokio::task::yield_now().await;
    }
}

impl Shared {
    fn schedule(&self, pool: &TaskPool, runnable: Runnable, info: ScheduleInfo) {
        let mut state = self.lock();
        if state.is_over {
            drop(state);
            // Dropping the runnable cancels the task.
            return drop(runnable);
        }
        let idle = if pool.is_slow.load(Ordering::Relaxed) {
            // A task that yields in the slow pool continues before the channel's other tasks.
            let yields = pool.was_queued.swap(true, Ordering::Relaxed) && info.woken_while_running;
            match yields {
                true => state.slow.push_front(pool.group, runnable),
                false => state.slow.push_back(pool.group, runnable),
            }
            state.idle_slow.pop()
        } else {
            state.fast.push_back(runnable);
            state.idle_fast.pop()
        };
        drop(state);
        if let Some(thread) = idle {
            thread.unpark();
        }
    }

    fn run_fast(&self) {
        while let Some(runnable) = self.next(|state| state.fast.pop_front(), |state| &mut state.idle_fast) {
            run(runnable);
        }
    }

    fn run_slow(&self) {
        give_way_to_others();
        while let Some((group, runnable)) = self.next(|state| state.slow.pop(), |state| &mut state.idle_slow) {
            run(runnable);
            let mut state = self.lock();
            state.slow.release(group);
            // Another thread may run the group's next task.
            let idle = if state.slow.is_idle() { None } else { state.idle_slow.pop() };
            drop(state);
            idle.inspect(Thread::unpark);
        }
    }

    /// Waits for work; `None` once the pools have ended.
    fn next<W>(&self, take: fn(&mut State) -> Option<W>, idle: fn(&mut State) -> &mut Vec<Thread>) -> Option<W> {
        let this = thread::current();
        loop {
            let mut state = self.lock();
            if state.is_over {
                return None;
            }
            if let Some(work) = take(&mut state) {
                return Some(work);
            }
            idle(&mut state).push(this.clone());
            drop(state);
            thread::park();
            // Whoever woke this thread has removed it from the list. After a spurious wake-up it is still listed.
            idle(&mut self.lock()).retain(|other| other.id() != this.id());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slow_callers(&self) -> MutexGuard<'_, LruCache<Caller, ()>> {
        self.slow_callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic ends the task, not its thread.
fn run(runnable: Runnable) {
    if catch_unwind(AssertUnwindSafe(|| runnable.run())).is_err() {
        tracing::error!("a task on a guest's thread panicked");
    }
}

/// Lowers the calling thread's priority. Only on Linux does niceness belong to a thread; elsewhere it is the process's,
/// and the limited number of slow threads has to suffice.
fn give_way_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "a slow guest thread runs with the priority of all others");
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    const SHOP: Caller = Caller { channel: ChannelId(1), module: ModuleDigest([1; 32]) };
    const ELSEWHERE: Caller = Caller { channel: ChannelId(2), module: ModuleDigest([1; 32]) };

    fn thread_name() -> String {
        thread::current().name().unwrap().to_owned()
    }

    async fn yield_once() {
        tokio::task::yield_now().await;
    }

    impl Pools {
        async fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
            &self,
            channel: ChannelId,
            task: impl FnOnce(Arc<TaskPool>) -> F,
        ) -> Result<T, RunTaskError> {
            let (sender, receiver) = oneshot::channel();
            self.spawn(channel, |pool| {
                let task = task(pool);
                async move { drop(sender.send(task.await)) }
            });
            self.result_of(receiver).await
        }

        /// The pools in which a call begins, continues and ends; `is_long` makes it use up a tick.
        async fn call(&self, caller: Caller, is_long: bool) -> [String; 3] {
            let task = move |pool: Arc<TaskPool>| async move {
                pool.begin(caller).await;
                let begins = thread_name();
                if is_long {
                    pool.slow_down(caller);
                }
                yield_once().await;
                let goes_on = thread_name();
                pool.end(caller, !is_long).await;
                [begins, goes_on, thread_name()]
            };
            self.run(caller.channel, task).await.unwrap()
        }
    }

    #[tokio::test]
    async fn a_long_call_goes_on_in_the_slow_pool_and_the_next_one_begins_there() {
        let pools = Pools::start(2).unwrap();
        let (fast, slow) = ("guest", "guest-slow");
        assert_eq!(pools.call(SHOP, false).await, [fast, fast, fast]);
        assert_eq!(pools.call(SHOP, true).await, [fast, slow, fast]);
        assert_eq!(pools.call(ELSEWHERE, false).await, [fast, fast, fast]);
        assert_eq!(pools.call(SHOP, true).await, [slow, slow, fast]);
        assert_eq!(pools.call(SHOP, false).await, [slow, slow, fast]);
        assert_eq!(pools.call(SHOP, false).await, [fast, fast, fast], "the last one was short again");
    }

    #[tokio::test]
    async fn a_short_call_does_not_wait_for_long_ones() {
        let pools = Arc::new(Pools::start(2).unwrap());
        let (held, (go_on, receiver)) = (Arc::new(AtomicBool::new(false)), mpsc::channel::<()>());
        let (mut calls, receiver) = (tokio::task::JoinSet::new(), Arc::new(Mutex::new(receiver)));
        for channel in 0..10 {
            let (pools, receiver, held) = (Arc::clone(&pools), Arc::clone(&receiver), Arc::clone(&held));
            let caller = Caller { channel: ChannelId(100 + channel), ..SHOP };
            calls.spawn(async move {
                let holds_its_thread = |pool: Arc<TaskPool>| async move {
                    pool.slow_down(caller);
                    yield_once().await;
                    held.store(true, Ordering::SeqCst);
                    receiver.lock().unwrap().recv().unwrap_err();
                };
                pools.run(caller.channel, holds_its_thread).await
            });
        }
        while !held.load(Ordering::SeqCst) {
            yield_once().await;
        }
        for _ in 0..20 {
            assert_eq!(pools.call(SHOP, false).await[2], "guest");
        }
        drop(go_on);
        for call in calls.join_all().await {
            call.unwrap();
        }
    }

    #[tokio::test]
    async fn a_channel_has_one_long_call_at_a_time_unless_that_waits_for_something_else() {
        let pools = Arc::new(Pools::start(1).unwrap());
        let (web, asked) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let first = {
            let (pools, web, asked) = (Arc::clone(&pools), Arc::clone(&web), Arc::clone(&asked));
            let asks = |pool: Arc<TaskPool>| async move {
                pool.slow_down(SHOP);
                yield_once().await;
                asked.add_permits(1);
                web.acquire().await.unwrap().forget();
                thread_name()
            };
            tokio::spawn(async move { pools.run(SHOP.channel, asks).await })
        };
        asked.acquire().await.unwrap().forget();
        assert_eq!(pools.call(SHOP, true).await[1], "guest-slow");
        web.add_permits(1);
        assert_eq!(first.await.unwrap().unwrap(), "guest-slow");
    }

    /// A newcomer must not overtake tasks that have waited for longer.
    #[tokio::test]
    async fn long_calls_of_a_channel_run_in_the_order_in_which_they_turned_out_long() {
        let pools = Arc::new(Pools::start(1).unwrap());
        let (go_on, receiver) = mpsc::channel::<()>();
        let (order, mut receiver) = (Arc::new(Mutex::new(Vec::new())), Some(receiver));
        let mut calls = Vec::new();
        for number in 0..5 {
            // The first call holds the slow thread until all others wait for it.
            let (order, blocks, is_slow) = (Arc::clone(&order), receiver.take(), Arc::new(Semaphore::new(0)));
            let (pools, has_begun) = (Arc::clone(&pools), Arc::clone(&is_slow));
            calls.push(tokio::spawn(async move {
                let task = |pool: Arc<TaskPool>| async move {
                    pool.slow_down(SHOP);
                    is_slow.add_permits(1);
                    yield_once().await;
                    if let Some(blocks) = blocks {
                        blocks.recv().unwrap_err();
                    }
                    order.lock().unwrap().push(number);
                };
                pools.run(SHOP.channel, task).await
            }));
            has_begun.acquire().await.unwrap().forget();
        }
        // The last call may not have yielded yet.
        pools.call(ELSEWHERE, false).await;
        drop(go_on);
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_its_thread_goes_on() {
        let pools = Pools::start(1).unwrap();
        for is_slow in [false, true] {
            let panics = |pool: Arc<TaskPool>| async move {
                if is_slow {
                    pool.slow_down(SHOP);
                }
                yield_once().await;
                panic!("in {}", thread_name())
            };
            let result: Result<(), _> = pools.run(SHOP.channel, panics).await;
            assert_eq!(result, Err(RunTaskError::Panicked));
        }
        assert_eq!(pools.call(SHOP, false).await[0], "guest-slow");
    }

    #[tokio::test]
    async fn what_is_in_no_hurry_stops_when_nobody_waits_for_it() {
        let pools = Pools::start(1).unwrap();
        assert_eq!(pools.run_slowly(async { thread_name() }).await.unwrap(), "guest-slow");
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let endless = pools.run_slowly(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        tokio::select! { biased; _ = endless => {}, () = std::future::ready(()) => {} }
        while Arc::strong_count(&alive) > 1 {
            yield_once().await;
        }
    }

    #[tokio::test]
    async fn the_end_cuts_off_what_waits_and_refuses_what_comes() {
        let pools = Arc::new(Pools::start(1).unwrap());
        let waiting = {
            let pools = Arc::clone(&pools);
            tokio::spawn(async move { pools.run(SHOP.channel, |_| std::future::pending::<()>()).await })
        };
        pools.call(ELSEWHERE, false).await;
        pools.shut_down().await;
        assert_eq!(waiting.await.unwrap(), Err(RunTaskError::Ended));
        assert_eq!(pools.run(SHOP.channel, |_| async {}).await, Err(RunTaskError::Ended));
        pools.shut_down().await;
    }
}
