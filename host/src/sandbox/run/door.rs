//! What belongs to one run of a guest: its powers and how much of them is left.

use std::sync::Arc;

use super::guest_log::GuestLog;
use super::limits::Limiter;
use super::random::Random;
use crate::domain::invocation::Invocation;
use crate::domain::manifest::Capability;
use crate::sandbox::call::Call;
use crate::sandbox::transaction::{Fault, HostCallError, NOT_PROVEN, Transaction, split};

/// The data of one store.
pub(crate) struct Run {
    pub(crate) limiter: Limiter,
    pub(crate) log: GuestLog,
    stage: Stage,
}

/// What the run is for.
enum Stage {
    /// The module tells what it offers, and reaches nothing but the log.
    Info,
    Respond(Box<Responding>),
}

struct Responding {
    call: Arc<Call>,
    transaction: Transaction,
    random: Random,
    most_host_calls: u32,
    host_calls: u32,
}

/// Why a host call ends the run instead of answering.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndRun {
    #[error("a scope was written in between")]
    Conflict,
    /// The chatter is told this sentence instead of the module's answer.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Host(String),
    /// The guest did what the contract forbids.
    #[error("{0}")]
    Guest(String),
}

impl From<Fault> for EndRun {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict => EndRun::Conflict,
            Fault::NotProven => EndRun::Refused(NOT_PROVEN.to_owned()),
            Fault::Ambiguous(sentence) => EndRun::Refused(sentence),
            fault => EndRun::Host(fault.to_string()),
        }
    }
}

impl Run {
    pub(crate) fn info(limiter: Limiter, log: GuestLog) -> Run {
        Run { limiter, log, stage: Stage::Info }
    }

    pub(crate) fn respond(
        limiter: Limiter,
        log: GuestLog,
        call: &Arc<Call>,
        transaction: Transaction,
        most_host_calls: u32,
    ) -> Run {
        let random = Random::new(call.invocation.random_seed);
        let call = Arc::clone(call);
        let responding = Responding { call, transaction, random, most_host_calls, host_calls: 0 };
        Run { limiter, log, stage: Stage::Respond(Box::new(responding)) }
    }

    /// The door of every capability but the log: counted, and closed without a grant.
    pub(crate) fn enter(&mut self, capability: Capability) -> Result<&mut Transaction, EndRun> {
        self.responding(capability).map(|responding| &mut responding.transaction)
    }

    pub(crate) fn enter_random(&mut self) -> Result<&mut Random, EndRun> {
        self.responding(Capability::Random).map(|responding| &mut responding.random)
    }

    pub(crate) fn enter_clock(&mut self) -> Result<&Invocation, EndRun> {
        self.responding(Capability::Clock).map(|responding| &*responding.call.invocation)
    }

    fn responding(&mut self, capability: Capability) -> Result<&mut Responding, EndRun> {
        let Stage::Respond(responding) = &mut self.stage else {
            return Err(EndRun::Guest(format!("called {capability} while it should only tell what it offers")));
        };
        if !responding.call.grants.covers(capability) {
            // It should not have been started: not the guest's fault.
            return Err(Fault::NotGranted(capability).into());
        }
        if responding.host_calls >= responding.most_host_calls {
            return Err(EndRun::Guest(format!("more than {} host calls", responding.most_host_calls)));
        }
        responding.host_calls += 1;
        Ok(responding)
    }

    /// What the run wants to change; None where it only told what it offers.
    pub(crate) fn into_parts(self) -> (GuestLog, Option<Transaction>) {
        let transaction = match self.stage {
            Stage::Info => None,
            Stage::Respond(responding) => Some(responding.transaction),
        };
        (self.log, transaction)
    }
}

/// An answer without errors of its own, as the bindings want it.
pub(crate) fn answered<T>(answer: Result<T, Fault>) -> wasmtime::Result<T> {
    answer.map_err(|fault| EndRun::from(fault).into())
}

/// An answer that the guest may be told an error instead of.
pub(crate) fn told<T, E, Told: From<E>>(answer: Result<T, HostCallError<E>>) -> wasmtime::Result<Result<T, Told>> {
    answered(split(answer)).map(|inner| inner.map_err(Told::from))
}
