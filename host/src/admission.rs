//! Which calls are let in, when each may begin, and the threads that it runs on.
//!
//! Promised: a call waits in one place, its channel's queue, and holds one [`Permit`] from its acceptance until its replies are with
//! the outbox: its turn in the channel, its slot, and its module's processor credit. Calls beyond what may wait are refused.
//! Absent: what a call does, and whose fault it is that it was refused.

mod credit;
mod fair;
mod pools;
mod queue;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::config::SandboxConfig;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::SizeClass;
use crate::domain::ports::Clock;

use pools::Pools;
use queue::{Capacity, Next, Number, Queue};

pub use self::credit::CpuCredit;
pub use self::pools::{Caller, RunTaskError, TaskPool};
pub use self::queue::Claim;

/// Calls of modules of the size class `large` at once: each may take 128 MiB.
pub const LARGE_SLOTS: usize = 8;
/// Calls of `large` modules in one channel, so that no channel alone keeps the others waiting.
const LARGE_SLOTS_PER_CHANNEL: usize = 2;

/// The gate that all calls pass.
pub struct Admission {
    pools: Pools,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// A call has ended.
    left: Notify,
    credit: Mutex<CpuCredit<(ChannelId, ModuleName)>>,
}

struct State {
    queue: Queue<Job>,
    /// A job is being started. Whoever changes the queue meanwhile leaves the next one to the thread that does so: a job that
    /// ends at once would otherwise start the next one from within, and so on.
    is_starting: bool,
}

/// Starts a call with its permit, or without one where the call could not begin in time.
type Job = Box<dyn FnOnce(Option<Begun>) + Send>;

/// A call that has its slot, and its turn where it needs one.
struct Begun {
    number: Number,
    claim: Claim,
}

/// A call that was let in, and is to be started.
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
    pool: Arc<TaskPool>,
    has_slot: bool,
}

/// How much of a size class is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUse {
    pub size: SizeClass,
    /// Calls that run.
    pub used: usize,
    /// Calls that may run at once.
    pub total: usize,
}

impl Admission {
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(config: &SandboxConfig, clock: Arc<dyn Clock>) -> io::Result<Arc<Admission>> {
        let small = Capacity { slots: config.slots, per_channel: config.slots_per_channel };
        let large = Capacity { slots: LARGE_SLOTS, per_channel: LARGE_SLOTS_PER_CHANNEL };
        Ok(Arc::new(Admission {
            pools: Pools::start(config.threads)?,
            clock,
            state: Mutex::new(State { queue: Queue::new(small, large), is_starting: false }),
            left: Notify::new(),
            credit: Mutex::new(CpuCredit::new(config.credit, config.credit_window)),
        }))
    }

    /// Waits while so many calls have come of late that the next event had better not be taken from where it waits. For one
    /// task.
    pub async fn room(&self) {
        while let Some(wait) = self.find_wait() {
            // An error: it is time to look again.
            tokio::time::timeout(wait, self.left.notified()).await.ok();
        }
    }

    fn find_wait(&self) -> Option<Duration> {
        self.state().queue.find_wait(self.now())
    }

    /// Lets a call in; calls begin in the order of this. None where the channel or the host has too many.
    pub fn enter(self: &Arc<Self>, claim: Claim) -> Option<Entry> {
        let number = self.state().queue.enter(claim, self.now())?;
        Some(Entry { admission: Arc::clone(self), number, claim, is_started: false })
    }

    /// [`Admission::enter`]; None also where [`Admission::room`] would wait.
    pub fn try_enter(self: &Arc<Self>, claim: Claim) -> Option<Entry> {
        if self.find_wait().is_some() { None } else { self.enter(claim) }
    }

    /// Runs what is no call of a channel, and in no hurry. Dropping the returned future stops it.
    pub async fn run_slowly<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, RunTaskError> {
        self.pools.run_slowly(task).await
    }

    /// In each size class.
    pub fn list_slots(&self) -> [SlotUse; 2] {
        let queue = &self.state().queue;
        let used = |size| SlotUse { size, used: queue.used(size), total: queue.capacity(size).slots };
        [SizeClass::Small, SizeClass::Large].map(used)
    }

    /// Ends the guests' threads; calls that still run are cut off.
    pub async fn shut_down(&self) {
        self.pools.shut_down().await;
    }

    /// After a change of the queue.
    fn start_jobs<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>, now: Instant) {
        while !state.is_starting
            && let Some(next) = state.queue.next(now)
        {
            state.is_starting = true;
            drop(state);
            match next {
                Next::Begins(number, claim, job) => job(Some(Begun { number, claim })),
                Next::Late(job) => {
                    self.left.notify_one();
                    job(None);
                }
            }
            state = self.state();
            state.is_starting = false;
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

impl Entry {
    /// Starts the call on a guest's thread, once it may begin. `call` gets no permit where that was not in time.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        mut self,
        call: impl FnOnce(Option<Permit>) -> F + Send + 'static,
    ) {
        self.is_started = true;
        let Entry { admission, number, claim, .. } = &self;
        let (spawning, channel) = (Arc::clone(admission), claim.channel);
        let job = move |begun: Option<Begun>| {
            let admission = Arc::clone(&spawning);
            let permit =
                |pool| begun.map(|Begun { number, claim }| Permit { admission, number, claim, pool, has_slot: true });
            spawning.pools.spawn(channel, |pool| call(permit(pool)));
        };
        let (now, mut state) = (admission.now(), admission.state());
        if state.queue.try_begin(*claim) {
            drop(state);
            job(Some(Begun { number: *number, claim: *claim }));
        } else {
            state.queue.wait(*number, *claim, now, Box::new(job));
            admission.start_jobs(state, now);
        }
    }

    /// [`Entry::start`], for a call whose result is waited for. It goes on where the returned future is dropped.
    pub fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        self,
        call: impl FnOnce(Option<Permit>) -> F + Send + 'static,
    ) -> impl Future<Output = Result<T, RunTaskError>> {
        let (tell, told) = oneshot::channel();
        let admission = Arc::clone(&self.admission);
        self.start(move |permit| {
            let call = call(permit);
            async move { drop(tell.send(call.await)) }
        });
        async move { admission.pools.result_of(told).await }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_started {
            self.admission.state().queue.forget(self.number, self.claim.channel);
            self.admission.left.notify_one();
        }
    }
}

impl Permit {
    pub fn pool(&self) -> &Arc<TaskPool> {
        &self.pool
    }

    /// Whether the module has not used up its processor time in this channel.
    pub fn has_credit(&self, module: &ModuleName) -> bool {
        let admission = &self.admission;
        admission.credit().may_run(&(self.claim.channel, module.clone()), admission.now())
    }

    /// Charges the module for what a call of it has used.
    pub fn charge(&self, module: &ModuleName, used: Duration) {
        let admission = &self.admission;
        admission.credit().spend((self.claim.channel, module.clone()), used, admission.now());
    }

    /// For a call whose guest has ended and that waits for something else. It keeps its turn.
    pub fn release_slot(&mut self) {
        if std::mem::take(&mut self.has_slot) {
            let mut state = self.admission.state();
            state.queue.release_slot(self.claim);
            self.admission.start_jobs(state, self.admission.now());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        if self.has_slot {
            state.queue.release_slot(self.claim);
        }
        state.queue.leave(self.number, self.claim);
        self.admission.start_jobs(state, self.admission.now());
        self.admission.left.notify_one();
    }
}
