//! Runs like a call's, without the queue, the threads and the commit. For benches only.

use std::sync::Arc;
use std::time::Instant;

use super::instance::Instance;
use super::meter::Meter;
use crate::sandbox::Sandbox;
use crate::sandbox::bindings::twitchy::command::types as wit;
use crate::sandbox::call::Call;
use crate::sandbox::call::InvokeError;
use crate::sandbox::calls::http::requests::Requests;
use crate::sandbox::compile::registry::make::Module;
use crate::sandbox::invoke::{Attempt, Invoker};

/// A call that can run repeatedly. Its changes are discarded.
pub struct Measured {
    invoker: Arc<Invoker>,
    module: Arc<Module>,
    call: Arc<Call>,
    requests: Arc<Requests>,
}

impl Measured {
    pub async fn new(sandbox: &Sandbox, call: Call) -> Result<Measured, InvokeError> {
        let invoker = Arc::clone(&sandbox.invoker);
        let module = invoker.find_module(&call).await?;
        let requests = Arc::new(Requests::new(invoker.deadline(Instant::now()), false));
        Ok(Measured { invoker, module, call: Arc::new(call), requests })
    }

    /// One run in a fresh instance, as in a real call.
    pub async fn run_fresh(&self) -> Result<(), InvokeError> {
        let meter = Arc::new(self.invoker.meter(Instant::now()));
        let ended = self.invoker.run(&self.attempt(&meter)).await;
        ended.outcome.map(|_| ()).map_err(InvokeError::from)
    }

    /// An instance that is reused, to compare with the cost of a fresh one.
    pub async fn open_warm(&self) -> Result<Warm, InvokeError> {
        let meter = Arc::new(self.invoker.meter(Instant::now()));
        let mut instance = self.invoker.open(&self.attempt(&meter));
        instance.start(&self.module.pre).await?;
        Ok(Warm { instance, meter, call: Arc::clone(&self.call) })
    }

    fn attempt<'a>(&'a self, meter: &'a Arc<Meter>) -> Attempt<'a> {
        let deadline = self.invoker.deadline(Instant::now());
        Attempt { module: &self.module, call: &self.call, meter, pool: None, deadline, requests: &self.requests }
    }
}

/// A reused instance. Real calls never reuse one.
pub struct Warm {
    instance: Instance,
    meter: Arc<Meter>,
    call: Arc<Call>,
}

impl Warm {
    pub async fn respond(&mut self) -> Result<(), InvokeError> {
        let invocation = wit::Invocation::from(&*self.call.invocation);
        let answer = self.meter.meter(self.instance.respond(&invocation)).await;
        answer.map(|_| ()).map_err(InvokeError::from)
    }
}
