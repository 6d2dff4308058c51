//! One call, from its place in the queue to what it changed being on disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::bindings::twitchy::command::types as wit;
use super::call::{Answer, Call, InvokeError, Invoked};
use super::compile::registry::{Module, Registry};
use super::credit::CpuCredit;
use super::lanes::Passage;
use super::run::cpu::CpuMeter;
use super::run::door::Run;
use super::run::failure::Failure;
use super::run::guest_log::{BrokeOff, GuestLog};
use super::run::instance::Instance;
use super::run::limits::Limiter;
use super::slots::{PerChannel, Place};
use super::transaction::Transaction;
use super::transaction::web::Requests;
use super::world::World;
use crate::config::SandboxConfig;
use crate::domain::effect::{Committed, Effect};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::invocation::{CommandError, Invocation, Origin};
use crate::domain::message::Reply;
use crate::domain::report::Usage;
use crate::domain::trace::Step;
use crate::store::StoreError;
use crate::telemetry::lines::LineSource;

/// The first run, and three more after conflicts.
const MOST_RUNS: u32 = 4;

type Outcome = Result<Vec<Reply>, CommandError>;

/// Whatever every call needs.
pub(super) struct Invoker {
    pub(super) registry: Arc<Registry>,
    world: Arc<World>,
    config: SandboxConfig,
    credit: Mutex<CpuCredit<(ChannelId, ModuleName)>>,
    /// One place a channel, for the modules that may write there.
    lanes: PerChannel,
}

/// A call whose turn in its channel has come. It keeps its place in the lane until it has ended, and waits there
/// without a slot: that would be taken from another channel.
pub(super) struct Queued {
    call: Call,
    module: Arc<Module>,
    lane: Option<Place>,
    meter: Arc<CpuMeter>,
    asked_at: Instant,
    deadline: tokio::time::Instant,
}

/// What a call holds while it runs, in the order in which it waited for it.
struct Places {
    _share: Place,
    _slot: OwnedSemaphorePermit,
}

/// How one run ended.
pub(super) struct Ended {
    pub(super) outcome: Result<Outcome, Failure>,
    transaction: Option<Transaction>,
    log: GuestLog,
    backtrace: Option<String>,
    /// Bytes of guest memory.
    memory: usize,
}

/// What became of a run that answered.
#[derive(Debug, PartialEq, Eq)]
struct Settled {
    outcome: Outcome,
    is_duplicate: bool,
    /// Of a dry run.
    changes: Vec<Effect>,
}

/// A call on its way through its runs.
pub(super) struct Attempt<'a> {
    pub(super) module: &'a Module,
    pub(super) call: &'a Arc<Call>,
    pub(super) meter: &'a Arc<CpuMeter>,
    pub(super) deadline: tokio::time::Instant,
    /// What all runs send, once.
    pub(super) requests: &'a Arc<Requests>,
}

impl Queued {
    pub(super) fn passage(&self) -> Passage {
        let caller = (self.call.invocation.channel.id, self.call.manifest.digest);
        Passage { caller, meter: Arc::clone(&self.meter), deadline: self.deadline }
    }
}

impl Invoker {
    pub(super) fn new(registry: Arc<Registry>, world: Arc<World>, config: &SandboxConfig) -> Invoker {
        Invoker {
            registry,
            world,
            config: config.clone(),
            credit: Mutex::new(CpuCredit::new(config.credit, config.credit_window)),
            lanes: PerChannel::new(1),
        }
    }

    /// Waits until it is the call's turn in its channel. The turns are in the order of asking: so this runs on the
    /// caller's own thread, since the guests' threads take up what they are given in any order.
    pub(super) async fn queue(&self, call: Call) -> Result<Queued, InvokeError> {
        let asked_at = Instant::now();
        let channel = call.invocation.channel.id;
        self.check_credit(&call)?;
        let deadline = self.deadline(asked_at);
        let lane = match call.manifest.is_serial() {
            true => {
                let _waits = call.trace.enter(Step::Place);
                Some(until(deadline, self.lanes.acquire(channel)).await?)
            }
            false => None,
        };
        // With its turn: those who wait for the module are woken up in any order.
        let module = until(deadline, async { Some(self.find_module(&call).await) }).await??;
        Ok(Queued { call, module, lane, meter: Arc::new(self.meter(asked_at)), asked_at, deadline })
    }

    /// Its time runs from when it was asked for: waiting for a turn, a place and a thread is part of it.
    pub(super) async fn invoke(&self, queued: Queued) -> Invoked {
        let (meter, mut usage) = (Arc::clone(&queued.meter), Usage::default());
        let answer = self.answer(queued, &mut usage).await;
        usage.processor = meter.used();
        Invoked { answer, usage }
    }

    async fn answer(&self, queued: Queued, usage: &mut Usage) -> Result<Answer, InvokeError> {
        let Queued { call, module, lane: _lane, meter, asked_at, deadline } = queued;
        let channel = call.invocation.channel.id;
        let _places = {
            let _waits = call.trace.enter(Step::Place);
            // Without a turn in the slow lane: whoever has the place may need that to end.
            meter.queue(until(deadline, self.places(&module, channel))).await?
        };
        // Again: those who ran while this one waited may have used up what there was.
        self.check_credit(&call)?;
        if !self.world.store.may_act(channel) {
            return Err(InvokeError::NotActing);
        }
        if let Some(replies) = self.find_outcome(&call)? {
            let (outcome, changes) = (Ok(replies), Vec::new());
            return Ok(Answer { outcome, is_duplicate: true, changes, took: asked_at.elapsed() });
        }
        let call = Arc::new(call);
        let requests = Arc::new(Requests::new(deadline, call.is_dry_run));
        let attempt = Attempt { module: &module, call: &call, meter: &meter, deadline, requests: &requests };
        let settled = self.run_until_settled(&attempt, usage).await;
        let used = meter.used() + requests.processor();
        self.credit().spend((channel, call.manifest.name.clone()), used, Instant::now());
        let Settled { outcome, is_duplicate, changes } = settled?;
        Ok(Answer { outcome, is_duplicate, changes, took: asked_at.elapsed() })
    }

    fn check_credit(&self, call: &Call) -> Result<(), InvokeError> {
        let key = (call.invocation.channel.id, call.manifest.name.clone());
        if self.credit().may_run(&key, Instant::now()) {
            return Ok(());
        }
        let reason = "the module has used up its share of processor time in this channel for now, and was not run";
        let broke_off = BrokeOff { reason: reason.to_owned(), backtrace: None };
        GuestLog::new(0, 0).tell(line_source(call), Some(&broke_off), &self.world.telemetry);
        Err(InvokeError::Cpu)
    }

    /// Loads it where it has to be. Where that takes longer than the call may, the next one finds it.
    pub(super) async fn find_module(&self, call: &Call) -> Result<Arc<Module>, InvokeError> {
        self.registry.find(&call.manifest.digest, &call.trace).await
    }

    pub(super) fn meter(&self, asked_at: Instant) -> CpuMeter {
        CpuMeter::new(Arc::clone(&self.world.clock), self.config.tick, self.config.cpu_budget, asked_at)
    }

    pub(super) fn deadline(&self, asked_at: Instant) -> tokio::time::Instant {
        (asked_at + self.config.deadline).into()
    }

    /// The channel's share comes first: whoever waits for it must not keep a slot from another channel.
    async fn places(&self, module: &Module, channel: ChannelId) -> Option<Places> {
        let share = module.class.shares.acquire(channel).await?;
        let slot = Arc::clone(&module.class.slots).acquire_owned().await.ok()?;
        Some(Places { _share: share, _slot: slot })
    }

    /// Whether this very request was answered before. A chat message comes once; whoever repeats another request
    /// gets the stored answer even where the module would refuse by now. A dry run is a question of its own.
    fn find_outcome(&self, call: &Call) -> Result<Option<Vec<Reply>>, InvokeError> {
        let id = &call.invocation.id;
        if id.origin == Origin::Chat || call.is_dry_run {
            return Ok(None);
        }
        self.world.store.find_outcome(id).map_err(|error| InvokeError::Host(error.to_string()))
    }

    async fn run_until_settled(&self, attempt: &Attempt<'_>, usage: &mut Usage) -> Result<Settled, InvokeError> {
        let call = attempt.call;
        loop {
            let Ended { outcome, transaction, log, backtrace, memory } = self.run(attempt).await;
            usage.runs += 1;
            usage.memory = usage.memory.max(memory);
            let settled = match outcome {
                Ok(outcome) => self.settle(outcome, transaction, call).await,
                Err(failure) => Err(failure),
            };
            let is_over = attempt.meter.is_spent() || tokio::time::Instant::now() >= attempt.deadline;
            let may_run_again = usage.runs < MOST_RUNS && !is_over;
            if settled == Err(Failure::Conflict) && may_run_again {
                continue;
            }
            let settled = settled.map_err(InvokeError::from);
            let broke_off = settled.as_ref().err().map(|error| BrokeOff { reason: error.reason(), backtrace });
            log.tell(line_source(call), broke_off.as_ref(), &self.world.telemetry);
            return settled;
        }
    }

    /// One run in a fresh instance.
    pub(super) async fn run(&self, attempt: &Attempt<'_>) -> Ended {
        let _runs = attempt.call.trace.enter(Step::Run);
        let mut instance = self.open(attempt);
        let invocation = wit::Invocation::from(&*attempt.call.invocation);
        let answer = async {
            instance.start(&attempt.module.pre).await?;
            instance.respond(&invocation).await
        };
        let answer = tokio::time::timeout_at(attempt.deadline, attempt.meter.meter(answer)).await;
        let answer = answer.unwrap_or_else(|_| Err(Failure::Final(self.lateness(attempt.meter, &instance))));
        let (run, backtrace) = instance.into_parts();
        let memory = run.limiter.memory_bytes();
        let (log, transaction) = run.into_parts();
        let outcome = match answer {
            // The host says no in the module's stead.
            Err(Failure::Refused(why)) => Ok(Err(CommandError::Refused(why))),
            answer => answer.and_then(|answer| self.check_answer(answer)),
        };
        Ended { outcome, transaction, log, backtrace, memory }
    }

    /// Whose fault it is that a deadline passed: not the guest's, where it could not run.
    fn lateness(&self, meter: &CpuMeter, instance: &Instance) -> InvokeError {
        if instance.has_missed_ticks() {
            return InvokeError::Host("the machine stood still past the deadline".to_owned());
        }
        if meter.was_kept_waiting(self.config.deadline) { InvokeError::Busy } else { InvokeError::Deadline }
    }

    /// A fresh instance for one run, with all of the call's powers and limits.
    pub(super) fn open(&self, attempt: &Attempt<'_>) -> Instance {
        let Attempt { module, call, meter, requests, .. } = attempt;
        let transaction = Transaction::new(Arc::clone(&self.world), Arc::clone(call)).with_requests(requests);
        let limiter = Limiter::new(module.class.walls);
        let log = GuestLog::new(self.config.log_lines, self.config.log_line_length);
        let run = Run::respond(limiter, log, call, transaction, self.config.host_calls);
        Instance::new(&module.pre, run, meter, module.class.ticker.watch(), self.config.host_call_bytes)
    }

    /// More or longer replies than anybody would want to read are a fault, and their transaction ends as nothing.
    fn check_answer(&self, answer: Result<Vec<wit::Reply>, wit::CommandError>) -> Result<Outcome, Failure> {
        let fault = |text| Err(Failure::Final(InvokeError::Trap(text)));
        let is_long = |text: &str| text.chars().count() > self.config.reply_length;
        let longest = self.config.reply_length;
        let (too_many, too_long) = match &answer {
            Ok(replies) => {
                (replies.len() > self.config.replies, replies.iter().any(|reply| is_long(reply_text(reply))))
            }
            Err(error) => (false, is_long(error_text(error))),
        };
        match (too_many, too_long) {
            (true, _) => fault(format!("more than {} replies", self.config.replies)),
            (_, true) => fault(format!("a reply of more than {longest} characters")),
            _ => Ok(answer.map(|replies| replies.into_iter().map(Reply::from).collect()).map_err(CommandError::from)),
        }
    }

    /// Commits what an answered run changed. Not within the deadline: once asked for, a commit happens.
    async fn settle(
        &self,
        outcome: Outcome,
        transaction: Option<Transaction>,
        call: &Call,
    ) -> Result<Settled, Failure> {
        let unchanged = |outcome| Ok(Settled { outcome, is_duplicate: false, changes: Vec::new() });
        let Ok(replies) = &outcome else { return unchanged(outcome) };
        let Some(commit) = transaction.and_then(|transaction| transaction.finish(replies)) else {
            return unchanged(outcome);
        };
        if call.is_dry_run {
            return Ok(Settled { outcome, is_duplicate: false, changes: commit.effects });
        }
        let committed = {
            let _commits = call.trace.enter(Step::Commit);
            self.world.setup.commit(commit).await
        };
        let committed = match committed {
            // Another payment came first, and what was seen to fit no longer does.
            Err(error @ StoreError::Amount) => return unchanged(Err(CommandError::Refused(error.to_string()))),
            Err(StoreError::NotActing) => return Err(Failure::Final(InvokeError::NotActing)),
            committed => committed.map_err(|error| Failure::Final(InvokeError::Host(error.to_string())))?,
        };
        match committed {
            Committed::Done => unchanged(outcome),
            Committed::Conflict => Err(Failure::Conflict),
            Committed::Duplicate(replies) => {
                Ok(Settled { outcome: Ok(replies), is_duplicate: true, changes: Vec::new() })
            }
        }
    }

    fn credit(&self) -> MutexGuard<'_, CpuCredit<(ChannelId, ModuleName)>> {
        self.credit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose lines these are.
fn line_source(call: &Call) -> LineSource {
    let Invocation { channel, id, now, .. } = &*call.invocation;
    LineSource {
        module: call.manifest.name.clone(),
        version: call.manifest.version.clone(),
        channel: channel.id,
        invocation: id.clone(),
        at: *now,
    }
}

/// What is waited for before a run.
async fn until<T>(deadline: tokio::time::Instant, wait: impl Future<Output = Option<T>>) -> Result<T, InvokeError> {
    tokio::time::timeout_at(deadline, wait).await.ok().flatten().ok_or(InvokeError::Busy)
}

fn reply_text(reply: &wit::Reply) -> &str {
    match reply {
        wit::Reply::Say(text) | wit::Reply::Answer(text) | wit::Reply::Action(text) => text,
    }
}

fn error_text(error: &wit::CommandError) -> &str {
    match error {
        wit::CommandError::Usage(text) | wit::CommandError::Refused(text) | wit::CommandError::Unavailable(text) => {
            text
        }
    }
}
