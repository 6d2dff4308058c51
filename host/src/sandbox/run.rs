//! What belongs to one run of a guest: its powers and how much of them is left.

use std::sync::Arc;

use super::Call;
use super::guest_log::GuestLog;
use super::limits::Limiter;
use super::random::Random;
use super::transaction::{Fault, HostCallError, NOT_PROVEN, Transaction, split};
use crate::domain::invocation::Invocation;
use crate::domain::manifest::Capability;

/// The data of one store.
pub(super) struct Run {
    pub(super) limiter: Limiter,
    pub(super) log: GuestLog,
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
pub(super) enum EndRun {
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
    pub(super) fn info(limiter: Limiter, log: GuestLog) -> Run {
        Run { limiter, log, stage: Stage::Info }
    }

    pub(super) fn respond(
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
    pub(super) fn enter(&mut self, capability: Capability) -> Result<&mut Transaction, EndRun> {
        self.responding(capability).map(|responding| &mut responding.transaction)
    }

    pub(super) fn enter_random(&mut self) -> Result<&mut Random, EndRun> {
        self.responding(Capability::Random).map(|responding| &mut responding.random)
    }

    pub(super) fn enter_clock(&mut self) -> Result<&Invocation, EndRun> {
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
    pub(super) fn into_parts(self) -> (GuestLog, Option<Transaction>) {
        let transaction = match self.stage {
            Stage::Info => None,
            Stage::Respond(responding) => Some(responding.transaction),
        };
        (self.log, transaction)
    }
}

/// An answer without errors of its own, as the bindings want it.
pub(super) fn answered<T>(answer: Result<T, Fault>) -> wasmtime::Result<T> {
    answer.map_err(|fault| EndRun::from(fault).into())
}

/// An answer that the guest may be told an error instead of.
pub(super) fn told<T, E, Told: From<E>>(answer: Result<T, HostCallError<E>>) -> wasmtime::Result<Result<T, Told>> {
    answered(split(answer)).map(|inner| inner.map_err(Told::from))
}
