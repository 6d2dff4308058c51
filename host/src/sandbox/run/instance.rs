//! One run of a guest in an instance of its own.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline};

use super::failure::{self, Failure};
use super::meter::{Meter, Verdict};
use super::ticker::TickerWatch;
use crate::sandbox::bindings::exports::twitchy::command::module::{CommandError, Invocation, ModuleInfo, Reply};
use crate::sandbox::bindings::{CommandModule, CommandModulePre};
use crate::sandbox::calls::door::Run;
use crate::sandbox::compile::error::CompileError;

/// Handles that a guest's own resources may take up; the contract has none.
const MOST_HANDLES: usize = 1000;

/// A store with all its limits, and later the instance in it. Dropped after one call: a guest that was interrupted is
/// in no state to be called again, and nothing of one chatter's call may be seen by the next.
pub(crate) struct Instance {
    store: Store<Run>,
    bindings: Option<CommandModule>,
    backtrace: Option<String>,
    /// Without it the clock might stand still, and nothing would interrupt the guest.
    watch: TickerWatch,
}

impl Instance {
    /// The one place where stores are made: no guest runs without a budget, a memory limit, and a limit on what a
    /// host call may copy.
    pub(crate) fn new(
        module: &CommandModulePre<Run>,
        run: Run,
        meter: &Arc<Meter>,
        watch: TickerWatch,
        host_call_bytes: usize,
    ) -> Instance {
        let mut store = Store::new(module.engine(), run);
        store.limiter(|run| &mut run.limiter);
        store.set_hostcall_fuel(host_call_bytes);
        store.set_max_component_handles(MOST_HANDLES);
        // The callback must not touch the store (GHSA-2hw9-mc66-jc2q), and the first deadline must be there before
        // the instance: a module's start function may loop as well.
        let meter = Arc::clone(meter);
        store.epoch_deadline_callback(move |_| {
            Ok(match meter.interrupt() {
                Verdict::GoOn => UpdateDeadline::Continue(1),
                Verdict::GiveWay => UpdateDeadline::Yield(1),
                Verdict::Stop => UpdateDeadline::Interrupt,
            })
        });
        store.set_epoch_deadline(1);
        Instance { store, bindings: None, backtrace: None, watch }
    }

    pub(crate) async fn start(&mut self, module: &CommandModulePre<Run>) -> Result<(), Failure> {
        match module.instantiate_async(&mut self.store).await {
            Ok(bindings) => {
                self.bindings = Some(bindings);
                Ok(())
            }
            Err(error) => Err(self.failed(&error, failure::of_start)),
        }
    }

    /// [`Instance::start`] for a component that has never run. An export with other types than the contract's is seen here:
    /// wasmtime compares the types of exports only in an instance. What is missing was refused when it was linked.
    pub(crate) async fn start_first(&mut self, module: &CommandModulePre<Run>) -> Result<(), CompileError> {
        let instance = module.instance_pre().instantiate_async(&mut self.store).await;
        let instance = instance.map_err(|error| CompileError::Run(self.failed(&error, failure::of_start).into()))?;
        let bindings = CommandModule::new(&mut self.store, &instance);
        self.bindings = Some(bindings.map_err(CompileError::contract)?);
        Ok(())
    }

    /// What the module says about itself.
    pub(crate) async fn info(&mut self) -> Result<ModuleInfo, Failure> {
        let Some(bindings) = &self.bindings else { return Err(not_started()) };
        let answer = bindings.twitchy_command_module().call_info(&mut self.store).await;
        answer.map_err(|error| self.failed(&error, failure::of_call))
    }

    /// What the module answers.
    pub(crate) async fn respond(
        &mut self,
        invocation: &Invocation,
    ) -> Result<Result<Vec<Reply>, CommandError>, Failure> {
        let Some(bindings) = &self.bindings else { return Err(not_started()) };
        let answer = bindings.twitchy_command_module().call_respond(&mut self.store, invocation).await;
        answer.map_err(|error| self.failed(&error, failure::of_call))
    }

    /// Whether the machine stood still instead of telling the guest the time.
    pub(crate) fn has_missed_ticks(&self) -> bool {
        self.watch.was_late()
    }

    /// What is left of the run, and where the guest was when it trapped.
    pub(crate) fn into_parts(self) -> (Run, Option<String>) {
        (self.store.into_data(), self.backtrace)
    }

    fn failed(&mut self, error: &wasmtime::Error, judge: fn(&wasmtime::Error, bool) -> Failure) -> Failure {
        self.backtrace = failure::backtrace(error);
        judge(error, self.store.data().limiter.has_denied_memory())
    }
}

fn not_started() -> Failure {
    Failure::Final(crate::sandbox::call::InvokeError::Host("the instance was not started".to_owned()))
}
