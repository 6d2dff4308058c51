//! Decides which calls are let in and when each begins, and owns the threads that run them.
//!
//! Guarantees: a call waits in one place only, its channel's queue. From its beginning until its replies are in the
//! outbox it holds one [`Permit`]: its turn in the channel, its slot, and access to its module's processor credit.
//! Calls beyond the limits on waiting calls are refused.
//! Not here: what a call does, and whose fault a refusal is.
//!
//! # Waiting
//!
//! 1. A call of a module that may write takes the channel's *turn*. One call of a channel has it at a time, so these calls run and are
//!    answered in the order of their messages. Calls that only read run beside them. So do calls that may ask the web: they would
//!    delay all others, and the comparison of revisions protects their commit.
//! 2. Each call takes one of 200 *slots*, and a channel 8 at most. A large module's call takes one of 8 others, and a channel 2 at most.
//!    Channels that wait for a slot are served one after another.
//! 3. Within a channel, commands go before timers, events and messages.
//! 4. The thread that gives back a turn or a slot starts the next call. A call that has waited for five seconds is dropped.
//! 5. The first call of an uploaded module that is not in memory gives its slot back while the module is loaded, so that other
//!    channels do not wait. It then runs in one of four spare slots.
//!
//! # Too many calls
//!
//! A channel may have 64 calls waiting or running, of which at most half are not commands; the host may have 4,096. Further calls are
//! dropped. While 1,024 calls are younger than a second, the worker loop takes no event: the queue of events fills, the connection
//! stops reading, and Twitch's end of the socket waits. After a second of standstill the newest events are dropped. Every loss is
//! counted by its reason.
//!
//! # Threads and processor time
//!
//! Every call starts in the fast pool. A call that has used up a tick (2 ms) goes on in the slow pool: one thread fewer than the fast
//! pool has, but at least one, at a lower priority, running one call of a channel at a time, a tick of each channel in turn. The
//! module's next calls in that channel go there before their guest runs, until one ends within a tick. So a channel that burns every
//! deadline takes one tick of the fast pool, once. Timers and sockets of all calls are served by one other thread, `guest-io`.
//! Each module has a processor credit in each channel besides.

mod credit;
mod fair;
mod pools;
mod queue;

use std::any::Any;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::config::SandboxConfig;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::SizeClass;
use crate::domain::ports::Clock;

use pools::Pools;
use queue::{Capacity, Number, Queue};

pub use self::credit::CpuCredit;
pub use self::pools::{Caller, RunTaskError, TaskPool};
pub use self::queue::Claim;

/// Calls of modules of the size class `large` that run at once: each may take 128 MiB.
pub const LARGE_SLOTS: usize = 8;
/// Calls of `large` modules in one channel, so that a single channel cannot block the others.
const LARGE_SLOTS_PER_CHANNEL: usize = 2;

/// All calls pass through here.
pub struct Admission {
    pools: Pools,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Notified when a call ends or is dropped; wakes [`Admission::wait_for_room`].
    call_ended: Notify,
    credit: Mutex<CpuCredit<(ChannelId, ModuleName)>>,
}

struct State {
    queue: Queue<Job>,
    /// True while one thread starts jobs. Other threads only change the queue, and that thread starts the jobs that may
    /// begin: jobs never nest.
    is_starting: bool,
}

/// Starts a call: `true` if the call may begin, `false` if it has waited for too long.
type Job = Box<dyn FnOnce(bool) + Send>;

/// A call that was let in but not started yet.
#[must_use]
pub struct Entry {
    admission: Arc<Admission>,
    number: Number,
    claim: Claim,
    is_started: bool,
}

/// A call's right to run. Dropping it gives everything back.
pub struct Permit {
    admission: Arc<Admission>,
    number: Number,
    claim: Claim,
    begun_at: Instant,
    pool: Arc<TaskPool>,
    has_slot: bool,
    /// The instance. Its memory belongs to the slot, so it is dropped before the slot is given back.
    held: Option<Box<dyn Any + Send>>,
}

/// How much of a size class is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUse {
    pub size: SizeClass,
    /// Calls that run now.
    pub used: usize,
    /// Calls that may run at once.
    pub total: usize,
}

impl Admission {
    /// # Errors
    /// If the system cannot start threads.
    pub fn start(config: &SandboxConfig, clock: Arc<dyn Clock>) -> io::Result<Arc<Admission>> {
        let small = Capacity { slots: config.slots, per_channel: config.slots_per_channel };
        let large = Capacity { slots: LARGE_SLOTS, per_channel: LARGE_SLOTS_PER_CHANNEL };
        Ok(Arc::new(Admission {
            pools: Pools::start(config.threads)?,
            clock,
            state: Mutex::new(State { queue: Queue::new(small, large), is_starting: false }),
            call_ended: Notify::new(),
            credit: Mutex::new(CpuCredit::new(config.credit, config.credit_window)),
        }))
    }

    /// Waits while 1,024 calls are younger than a second. Only one task may wait here, because only one is woken.
    pub async fn wait_for_room(&self) {
        while let Some(wait) = self.find_wait() {
            // A timeout only means that it is time to check again.
            tokio::time::timeout(wait, self.call_ended.notified()).await.ok();
        }
    }

    fn find_wait(&self) -> Option<Duration> {
        self.state().queue.find_wait(self.now())
    }

    /// Lets a call in; a channel's calls begin in this order. `None` if the channel or the host has too many calls.
    pub fn enter(self: &Arc<Self>, claim: Claim) -> Option<Entry> {
        let number = self.state().queue.enter(claim, self.now())?;
        Some(Entry { admission: Arc::clone(self), number, claim, is_started: false })
    }

    /// [`Admission::enter`], but `None` also if [`Admission::wait_for_room`] would wait.
    pub fn try_enter(self: &Arc<Self>, claim: Claim) -> Option<Entry> {
        if self.find_wait().is_some() { None } else { self.enter(claim) }
    }

    /// Runs a background task, such as a compilation, in the slow pool. Dropping the returned future stops the task.
    pub async fn run_slowly<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RunTaskError> {
        self.pools.run_slowly(task).await
    }

    /// The slots of each size class.
    pub fn list_slots(&self) -> [SlotUse; 2] {
        let queue = &self.state().queue;
        let used = |size| SlotUse { size, used: queue.used(size), total: queue.capacity(size).slots };
        [SizeClass::Small, SizeClass::Large].map(used)
    }

    /// Ends the guests' threads. Calls that still run are cut off.
    pub async fn shut_down(&self) {
        self.pools.shut_down().await;
    }

    /// Drops the calls that have waited for longer than five seconds. To be called about every second.
    pub fn drop_late(self: &Arc<Self>) {
        let now = self.now();
        // The block unlocks the queue before the job runs.
        while let Some(job) = { self.state().queue.take_late(now) } {
            job(false);
            self.call_ended.notify_one();
        }
        self.start_jobs(self.state());
    }

    /// Starts every call that may begin. Must follow each change of the queue.
    fn start_jobs<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) {
        while !state.is_starting
            && let Some(job) = state.queue.next()
        {
            state.is_starting = true;
            drop(state);
            let starting = Starting(self);
            job(true);
            drop(starting);
            state = self.state();
        }
    }

    fn now(&self) -> Instant {
        self.clock.now().instant
    }

    /// Nothing panics while it holds this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn credit(&self) -> MutexGuard<'_, CpuCredit<(ChannelId, ModuleName)>> {
        self.credit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Allows the next job to start when dropped, even if this job panics.
struct Starting<'a>(&'a Admission);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.state().is_starting = false;
    }
}

impl Entry {
    /// Starts the call on a guest's thread once it may begin. `call` gets no permit if it could not begin in time.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        mut self,
        call: impl FnOnce(Option<Permit>) -> F + Send + 'static,
    ) {
        self.is_started = true;
        let (admission, number, claim) = (Arc::clone(&self.admission), self.number, self.claim);
        let spawning = Arc::clone(&admission);
        let job = move |may_begin: bool| {
            let (admission, begun_at) = (Arc::clone(&spawning), Instant::now());
            let permit = |pool| Permit { admission, number, claim, begun_at, pool, has_slot: true, held: None };
            spawning.pools.spawn(claim.channel, |pool| call(may_begin.then(|| permit(pool))));
        };
        let mut state = admission.state();
        if state.queue.try_begin(claim) {
            drop(state);
            job(true);
        } else {
            state.queue.wait(number, claim, admission.now(), Box::new(job));
            admission.start_jobs(state);
        }
    }

    /// Like [`Entry::start`], but returns the call's result. The call goes on if the returned future is dropped.
    pub fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        self,
        call: impl FnOnce(Option<Permit>) -> F + Send + 'static,
    ) -> impl Future<Output = Result<T, RunTaskError>> {
        let (sender, receiver) = oneshot::channel();
        let admission = Arc::clone(&self.admission);
        self.start(move |permit| {
            let call = call(permit);
            async move { drop(sender.send(call.await)) }
        });
        async move { admission.pools.result_of(receiver).await }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_started {
            self.admission.state().queue.forget(self.number, self.claim);
            self.admission.call_ended.notify_one();
        }
    }
}

impl Permit {
    pub fn pool(&self) -> &Arc<TaskPool> {
        &self.pool
    }

    /// When the call got its slot, by the system's clock. Since then it has only waited for a thread.
    pub fn begun_at(&self) -> Instant {
        self.begun_at
    }

    /// False once [`Permit::release_slot`] has given the slot back.
    pub fn has_slot(&self) -> bool {
        self.has_slot
    }

    /// Whether the module has processor credit left in this channel.
    pub fn has_credit(&self, module: &ModuleName) -> bool {
        let admission = &self.admission;
        admission.credit().may_run(&(self.claim.channel, module.clone()), admission.now())
    }

    /// Charges the module for the processor time that a call of it used.
    pub fn charge(&self, module: &ModuleName, used: Duration) {
        let admission = &self.admission;
        admission.credit().spend((self.claim.channel, module.clone()), used, admission.now());
    }

    /// Keeps an instance in place of the previous one. It is dropped before the slot is given back.
    pub fn hold(&mut self, held: impl Any + Send) {
        self.held = Some(Box::new(held));
    }

    /// Drops the instance.
    pub fn clear(&mut self) {
        self.held = None;
    }

    /// For a call whose guest has ended and which waits for something else. The call keeps its turn.
    pub fn release_slot(&mut self) {
        self.clear();
        if std::mem::take(&mut self.has_slot) {
            let mut state = self.admission.state();
            state.queue.release_slot(self.claim);
            self.admission.start_jobs(state);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.clear();
        let mut state = self.admission.state();
        if self.has_slot {
            state.queue.release_slot(self.claim);
        }
        state.queue.leave(self.number, self.claim);
        self.admission.start_jobs(state);
        self.admission.call_ended.notify_one();
    }
}
