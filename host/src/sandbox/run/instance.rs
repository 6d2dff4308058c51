//! One run of a guest in a fresh instance.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline};

use super::failure::{self, Failure};
use super::meter::{Meter, Verdict};
use super::ticker::TickerWatch;
use crate::sandbox::bindings::exports::twitchy::command::module::{CommandError, Invocation, ModuleInfo, Reply};
use crate::sandbox::bindings::{CommandModule, CommandModulePre};
use crate::sandbox::calls::run::Run;
use crate::sandbox::compile::error::CompileError;

/// Most handles of a guest's own resources. The contract has no resources.
const MOST_HANDLES: usize = 1000;

/// A wasmtime store with all its limits, and later the instance in it. Dropped after one call: an interrupted guest
/// cannot be called again, and no call may see anything of another chatter's call.
pub(crate) struct Instance {
    store: Store<Run>,
    bindings: Option<CommandModule>,
    backtrace: Option<String>,
    /// Keeps the ticker running. Without ticks, nothing would interrupt the guest.
    watch: TickerWatch,
}

impl Instance {
    /// The only place that makes a store, so every guest has a budget, a memory limit, and a limit on what a host call
    /// may copy.
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
        // The callback must not touch the store (GHSA-2hw9-mc66-jc2q). The first deadline must be set before
        // instantiation, because a module's start function can loop as well.
        let meter = Arc::clone(meter);
        store.epoch_deadline_callback(move |_| {
            Ok(match meter.interrupt() {
                Verdict::Continue => UpdateDeadline::Continue(1),
                Verdict::Yield => UpdateDeadline::Yield(1),
                Verdict::Interrupt => UpdateDeadline::Interrupt,
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

    /// Like [`Instance::start`], for a component that has never run. wasmtime compares the types of exports only in an
    /// instance, so an export whose type is not the contract's fails here. Linking has already refused missing exports.
    pub(crate) async fn start_first(&mut self, module: &CommandModulePre<Run>) -> Result<(), CompileError> {
        let instance = module.instance_pre().instantiate_async(&mut self.store).await;
        let instance = instance.map_err(|error| CompileError::Run(self.failed(&error, failure::of_start).into()))?;
        let bindings = CommandModule::new(&mut self.store, &instance);
        self.bindings = Some(bindings.map_err(CompileError::contract)?);
        Ok(())
    }

    /// Calls `info`, which returns the module's manifest.
    pub(crate) async fn info(&mut self) -> Result<ModuleInfo, Failure> {
        let Some(bindings) = &self.bindings else { return Err(not_started()) };
        let answer = bindings.twitchy_command_module().call_info(&mut self.store).await;
        answer.map_err(|error| self.failed(&error, failure::of_call))
    }

    /// Calls `respond`, which returns the module's answer.
    pub(crate) async fn respond(
        &mut self,
        invocation: &Invocation,
    ) -> Result<Result<Vec<Reply>, CommandError>, Failure> {
        let Some(bindings) = &self.bindings else { return Err(not_started()) };
        let answer = bindings.twitchy_command_module().call_respond(&mut self.store, invocation).await;
        answer.map_err(|error| self.failed(&error, failure::of_call))
    }

    /// Whether the machine stalled, so that ticks were missed.
    pub(crate) fn has_missed_ticks(&self) -> bool {
        self.watch.was_late()
    }

    /// The data of the run, and the guest's stack if it trapped.
    pub(crate) fn end(&mut self) -> (&mut Run, Option<String>) {
        (self.store.data_mut(), self.backtrace.take())
    }

    fn failed(&mut self, error: &wasmtime::Error, judge: fn(&wasmtime::Error, bool) -> Failure) -> Failure {
        self.backtrace = failure::backtrace(error);
        judge(error, self.store.data().limiter.has_denied_memory())
    }
}

fn not_started() -> Failure {
    Failure::Final(crate::sandbox::call::InvokeError::Host("the instance was not started".to_owned()))
}
