//! One call, from its permit to its commit on disk.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use futures_util::FutureExt;

use super::bindings::twitchy::command::types as wit;
use super::call::{Answer, Call, InvokeError, Invoked};
use super::calls::http::requests::Requests;
use super::calls::run::Run;
use super::calls::transaction::Transaction;
use super::compile::registry::Registry;
use super::compile::registry::make::Module;
use super::run::failure::Failure;
use super::run::guest_log::{GuestLog, RunError};
use super::run::instance::Instance;
use super::run::limits::Limiter;
use super::run::meter::Meter;
use super::world::World;
use crate::admission::{Caller, Permit, RunTaskError, TaskPool};
use crate::config::SandboxConfig;
use crate::domain::effect::{Committed, Effect};
use crate::domain::id::Origin;
use crate::domain::invocation::{CommandError, Invocation};
use crate::domain::message::Reply;
use crate::domain::report::Usage;
use crate::domain::trace::Step;
use crate::store::StoreError;
use crate::telemetry::lines::{LineLevel, LineSource};

/// The first run, and three more after conflicts.
const MOST_RUNS: u32 = 4;

type Outcome = Result<Vec<Reply>, CommandError>;

/// The parts that every call needs.
pub(super) struct Invoker {
    pub(super) registry: Arc<Registry>,
    pub(super) world: Arc<World>,
    config: SandboxConfig,
}

pub(super) struct Ended {
    pub(super) outcome: Result<Outcome, Failure>,
    transaction: Option<Transaction>,
    log: GuestLog,
    backtrace: Option<String>,
    /// Bytes of guest memory at the end of the run.
    memory: usize,
    instance: Instance,
}

/// The final result of a run that answered.
#[derive(Debug, PartialEq, Eq)]
struct FinalResult {
    outcome: Outcome,
    is_duplicate: bool,
    /// The effects that a dry run would have committed; empty for any other call.
    changes: Vec<Effect>,
}

/// A call, with what all its runs share.
pub(super) struct Attempt<'a> {
    pub(super) module: &'a Module,
    pub(super) call: &'a Arc<Call>,
    pub(super) meter: &'a Arc<Meter>,
    /// `None` in a bench, which runs on its own thread instead of a pool.
    pub(super) pool: Option<(&'a Arc<TaskPool>, Caller)>,
    pub(super) deadline: tokio::time::Instant,
    /// Shared by all runs, so that no run repeats a request that an earlier one sent.
    pub(super) requests: &'a Arc<Requests>,
}

impl Invoker {
    pub(super) fn new(registry: Arc<Registry>, world: Arc<World>, config: &SandboxConfig) -> Invoker {
        Invoker { registry, world, config: config.clone() }
    }

    /// The deadline counts from the call's slot, so it includes waiting for a thread and for the module's code.
    pub(super) async fn invoke(&self, permit: &mut Permit, call: Call) -> Invoked {
        let (meter, mut usage) = (Arc::new(self.meter(permit.begun_at())), Usage::default());
        let answer = AssertUnwindSafe(self.answer(permit, call, &meter, &mut usage)).catch_unwind().await;
        usage.processor = meter.used();
        // The panic's message is dropped, because it may quote a chat message.
        let answer = answer.unwrap_or_else(|_| Err(InvokeError::Host(RunTaskError::Panicked.to_string())));
        Invoked { answer, usage }
    }

    async fn answer(
        &self,
        permit: &mut Permit,
        call: Call,
        meter: &Arc<Meter>,
        usage: &mut Usage,
    ) -> Result<Answer, InvokeError> {
        let begun_at = permit.begun_at();
        let deadline = self.deadline(begun_at);
        if !permit.has_credit(&call.manifest.name) {
            return Err(self.refuse_without_credit(&call));
        }
        if !self.world.store.may_act(call.invocation.channel.id) {
            return Err(InvokeError::NotActing);
        }
        let module = self.find_in_time(permit, &call, deadline).await?;
        let _spare = match permit.has_slot() {
            true => None,
            false => Some(until(deadline, module.class.spare_slots.acquire()).await?.map_err(host)?),
        };
        if let Some(replies) = self.find_outcome(&call).await? {
            let (outcome, changes) = (Ok(replies), Vec::new());
            return Ok(Answer { outcome, is_duplicate: true, changes });
        }
        let call = Arc::new(call);
        let requests = Arc::new(Requests::new(deadline, call.is_dry_run));
        let caller = Caller { channel: call.invocation.channel.id, module: call.manifest.digest };
        let pool = Arc::clone(permit.pool());
        pool.begin(caller).await;
        let attempt =
            Attempt { module: &module, call: &call, meter, pool: Some((&pool, caller)), deadline, requests: &requests };
        let settled = self.run_until_settled(permit, &attempt, usage).await;
        if !permit.has_slot() {
            permit.clear();
        }
        // A call whose guest never ran says nothing about the module's speed.
        pool.end(caller, meter.has_run() && !meter.is_slow()).await;
        permit.charge(&call.manifest.name, meter.used() + requests.processor());
        let FinalResult { outcome, is_duplicate, changes } = settled?;
        Ok(Answer { outcome, is_duplicate, changes })
    }

    /// Finds the module. If it has to be loaded, the call gives its slot back first: loading is slow, and many calls
    /// that wait for it would otherwise keep the slots from all other channels.
    async fn find_in_time(
        &self,
        permit: &mut Permit,
        call: &Call,
        deadline: tokio::time::Instant,
    ) -> Result<Arc<Module>, InvokeError> {
        let mut finding = pin!(until(deadline, self.find_module(call)));
        tokio::select! {
            biased;
            found = &mut finding => found?,
            () = std::future::ready(()) => {
                permit.release_slot();
                finding.await?
            }
        }
    }

    fn refuse_without_credit(&self, call: &Call) -> InvokeError {
        let reason = "the module has used up its share of processor time in this channel for now, and was not run";
        let run_error = RunError { reason: reason.to_owned(), backtrace: None };
        GuestLog::new(0, 0).report(line_source(call), Some(&run_error), &self.world.telemetry);
        InvokeError::Cpu
    }

    /// Finds the module, loaded if necessary. Loading goes on after the deadline, so that a later call finds the code.
    pub(super) async fn find_module(&self, call: &Call) -> Result<Arc<Module>, InvokeError> {
        self.registry.find(&call.manifest.digest, &call.trace).await
    }

    pub(super) fn meter(&self, asked_at: Instant) -> Meter {
        Meter::new(Arc::clone(&self.world.clock), self.config.tick, self.config.cpu_budget, asked_at)
    }

    pub(super) fn deadline(&self, asked_at: Instant) -> tokio::time::Instant {
        (asked_at + self.config.deadline).into()
    }

    /// Returns the replies of an earlier call with the same id: a caller that repeats a request gets them even if the
    /// module would refuse by now. Not for chat, which delivers a message once, nor for a dry run, which always runs.
    async fn find_outcome(&self, call: &Call) -> Result<Option<Vec<Reply>>, InvokeError> {
        let id = &call.invocation.id;
        if id.origin == Origin::Chat || call.is_dry_run {
            return Ok(None);
        }
        self.world.store.find_outcome(id).await.map_err(|error| InvokeError::Host(error.to_string()))
    }

    async fn run_until_settled(
        &self,
        permit: &mut Permit,
        attempt: &Attempt<'_>,
        usage: &mut Usage,
    ) -> Result<FinalResult, InvokeError> {
        let call = attempt.call;
        loop {
            // Frees the previous run's instance: a slot pays for one instance only.
            permit.clear();
            let Ended { outcome, transaction, mut log, backtrace, memory, instance } = self.run(attempt).await;
            usage.runs += 1;
            usage.memory = usage.memory.max(memory);
            // Freeing the instance's memory can take as long as a run, so the permit keeps it until the reply is queued.
            permit.hold(instance);
            let settled = match outcome {
                Ok(outcome) => self.settle(outcome, transaction, call, permit).await,
                Err(Failure::Conflict) => match transaction {
                    Some(transaction) => {
                        Err(transaction.reload_setup().await.err().map_or(Failure::Conflict, Failure::from))
                    }
                    None => Err(Failure::Conflict),
                },
                Err(failure) => Err(failure),
            };
            let is_over = attempt.meter.is_spent() || tokio::time::Instant::now() >= attempt.deadline;
            let may_run_again = usage.runs < MOST_RUNS && !is_over;
            if settled == Err(Failure::Conflict) && may_run_again {
                continue;
            }
            let settled = settled.map_err(InvokeError::from);
            if let Ok(FinalResult { outcome: Err(CommandError::Unavailable(why)), .. }) = &settled {
                // For the module's author: the chatter gets an apology in its place.
                log.write(LineLevel::Error, &format!("unavailable: {why}"));
            }
            let run_error = settled.as_ref().err().map(|error| RunError { reason: error.reason(), backtrace });
            log.report(line_source(call), run_error.as_ref(), &self.world.telemetry);
            return settled;
        }
    }

    pub(super) async fn run(&self, attempt: &Attempt<'_>) -> Ended {
        let _runs = attempt.call.trace.enter(Step::Run);
        if let Some(rehearsal) = &self.world.rehearsal {
            rehearsal.begin_run();
        }
        let mut instance = self.open(attempt);
        let invocation = wit::Invocation::from(&*attempt.call.invocation);
        let answer = async {
            instance.start(&attempt.module.pre).await?;
            instance.respond(&invocation).await
        };
        let answer = run_in_pools(attempt.meter.meter(answer), attempt.meter, attempt.pool);
        let answer = tokio::time::timeout_at(attempt.deadline, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(Failure::Final(self.lateness(attempt.meter, &instance))));
        let (run, backtrace) = instance.end();
        let memory = run.limiter.memory_bytes();
        let (log, transaction) = run.end();
        let outcome = match answer {
            // The host refuses in place of the module.
            Err(Failure::Refused(why)) => Ok(Err(CommandError::Refused(why))),
            answer => answer.and_then(|answer| self.check_answer(answer)),
        };
        Ended { outcome, transaction, log, backtrace, memory, instance }
    }

    /// Says whose fault a missed deadline is: not the guest's if the guest could not run.
    fn lateness(&self, meter: &Meter, instance: &Instance) -> InvokeError {
        if instance.has_missed_ticks() {
            return InvokeError::Host("the machine stood still past the deadline".to_owned());
        }
        if meter.was_kept_waiting(self.config.deadline) { InvokeError::Busy } else { InvokeError::Deadline }
    }

    /// Makes a fresh instance with the call's grants and limits.
    pub(super) fn open(&self, attempt: &Attempt<'_>) -> Instance {
        let Attempt { module, call, meter, requests, .. } = attempt;
        let transaction = Transaction::new(Arc::clone(&self.world), Arc::clone(call)).with_requests(requests);
        let limiter = Limiter::new(module.class.instance_limits);
        let log = GuestLog::new(self.config.log_lines, self.config.log_line_length);
        let run = Run::respond(limiter, log, transaction, self.config.host_calls);
        Instance::new(&module.pre, run, meter, module.class.ticker.watch(), self.config.host_call_bytes)
    }

    /// Checks the number and length of replies. Exceeding a limit is the module's fault, and nothing is committed.
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

    /// Commits the changes of a run that answered. The deadline no longer applies: a commit that was requested happens.
    async fn settle(
        &self,
        outcome: Outcome,
        transaction: Option<Transaction>,
        call: &Call,
        permit: &mut Permit,
    ) -> Result<FinalResult, Failure> {
        let unchanged = |outcome| Ok(FinalResult { outcome, is_duplicate: false, changes: Vec::new() });
        let Ok(replies) = &outcome else { return unchanged(outcome) };
        let Some(commit) = transaction.and_then(|transaction| transaction.finish(replies)) else {
            return unchanged(outcome);
        };
        if let Some(rehearsal) = &self.world.rehearsal {
            rehearsal.note_changes(&commit.effects);
        }
        if call.is_dry_run {
            return Ok(FinalResult { outcome, is_duplicate: false, changes: commit.effects });
        }
        // Freeing the instance now costs no time, because the call waits for the disk anyway.
        permit.clear();
        let committed = {
            let _commits = call.trace.enter(Step::Commit);
            self.world.setup.commit(commit).await
        };
        let committed = match committed {
            // Another payment was committed first, and a sum that fitted then exceeds an account's range now.
            Err(error @ StoreError::Amount) => return unchanged(Err(CommandError::Refused(error.to_string()))),
            Err(StoreError::NotActing) => return Err(Failure::Final(InvokeError::NotActing)),
            committed => committed.map_err(|error| Failure::Final(InvokeError::Host(error.to_string())))?,
        };
        match committed {
            Committed::Done => unchanged(outcome),
            Committed::Conflict => Err(Failure::Conflict),
            Committed::Duplicate(replies) => {
                Ok(FinalResult { outcome: Ok(replies), is_duplicate: true, changes: Vec::new() })
            }
        }
    }
}

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

/// Waits for something before the guest runs. Missing the deadline here is nobody's fault: `Busy`.
async fn until<T>(deadline: tokio::time::Instant, wait: impl Future<Output = T>) -> Result<T, InvokeError> {
    tokio::time::timeout_at(deadline, wait).await.map_err(|_| InvokeError::Busy)
}

fn host(error: impl Display) -> InvokeError {
    InvokeError::Host(error.to_string())
}

/// Moves the call to the slow pool when it yields after using up a tick.
async fn run_in_pools<T>(call: impl Future<Output = T>, meter: &Meter, pool: Option<(&Arc<TaskPool>, Caller)>) -> T {
    let mut call = std::pin::pin!(call);
    std::future::poll_fn(|context| {
        let polled = call.as_mut().poll(context);
        if let (Poll::Pending, Some((pool, caller))) = (&polled, pool)
            && meter.is_slow()
        {
            pool.slow_down(caller);
        }
        polled
    })
    .await
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
