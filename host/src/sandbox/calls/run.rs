//! The state of one run of a guest, and the check that each of its host calls passes.

use super::error::EndRun;
use super::transaction::Transaction;
use crate::domain::manifest::Capability;
use crate::sandbox::run::guest_log::GuestLog;
use crate::sandbox::run::limits::Limiter;

/// The data of the run's wasmtime store.
pub(crate) struct Run {
    pub(crate) limiter: Limiter,
    pub(crate) log: GuestLog,
    kind: RunKind,
}

/// The export that runs, with the state that only this export needs.
enum RunKind {
    /// `info`: the module reports its manifest, and may call nothing but the log.
    Info,
    Respond(Box<RespondState>),
}

struct RespondState {
    transaction: Transaction,
    most_host_calls: u32,
    host_calls: u32,
}

impl Run {
    pub(crate) fn info(limiter: Limiter, log: GuestLog) -> Run {
        Run { limiter, log, kind: RunKind::Info }
    }

    pub(crate) fn respond(limiter: Limiter, log: GuestLog, transaction: Transaction, most_host_calls: u32) -> Run {
        let responding = RespondState { transaction, most_host_calls, host_calls: 0 };
        Run { limiter, log, kind: RunKind::Respond(Box::new(responding)) }
    }

    /// Counts a call of this function of the contract and checks its grant. Only calls of the log skip this; the grant is
    /// checked nowhere else.
    pub(crate) fn enter(&mut self, capability: Capability, function: &'static str) -> Result<&mut Transaction, EndRun> {
        let RunKind::Respond(responding) = &mut self.kind else {
            return Err(EndRun::Guest(format!("called {capability} while it should only tell what it offers")));
        };
        if !responding.transaction.call().grants.covers(capability) {
            // The module is not to blame: the host should not have started it without the grant.
            return Err(EndRun::Host(format!("the module has no grant for {capability}")));
        }
        if responding.host_calls >= responding.most_host_calls {
            return Err(EndRun::Guest(format!("more than {} host calls", responding.most_host_calls)));
        }
        responding.host_calls += 1;
        if let Some(rehearsal) = &responding.transaction.world().rehearsal {
            rehearsal.note_host_call(capability, function);
        }
        Ok(&mut responding.transaction)
    }

    /// Takes the log and the transaction out of the run. The transaction is `None` after `info`.
    pub(crate) fn end(&mut self) -> (GuestLog, Option<Transaction>) {
        let transaction = match std::mem::replace(&mut self.kind, RunKind::Info) {
            RunKind::Info => None,
            RunKind::Respond(responding) => Some(responding.transaction),
        };
        (std::mem::replace(&mut self.log, GuestLog::new(0, 0)), transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::bench::BenchOptions;
    use crate::domain::manifest::{Grants, SizeClass};
    use crate::sandbox::run::limits::InstanceLimits;

    fn limiter() -> Limiter {
        Limiter::new(InstanceLimits::of(SizeClass::Small))
    }

    fn run(grants: Grants, most_host_calls: u32) -> Run {
        let bench = Fixture::new(BenchOptions::default());
        let transaction = bench.begin_with(bench.invocation("alice", ""), grants);
        Run::respond(limiter(), GuestLog::new(0, 0), transaction, most_host_calls)
    }

    #[test]
    fn no_door_opens_without_its_grant() {
        let mut run = run(Grants::default(), 100);
        for capability in Capability::ALL {
            let refused = EndRun::Host(format!("the module has no grant for {capability}"));
            assert_eq!(run.enter(capability, "call").err(), capability.needs_grant().then_some(refused));
        }
    }

    #[test]
    fn no_door_opens_while_a_module_tells_what_it_offers() {
        let mut run = Run::info(limiter(), GuestLog::new(0, 0));
        for capability in Capability::ALL {
            assert!(matches!(run.enter(capability, "call"), Err(EndRun::Guest(_))), "{capability}");
        }
    }

    #[test]
    fn so_many_host_calls_pass_and_no_more() {
        let mut run = run(Grants::default(), 2);
        let mut call = || run.enter(Capability::Clock, "now").err();
        let over = EndRun::Guest("more than 2 host calls".to_owned());
        assert_eq!([call(), call(), call()], [None, None, Some(over)]);
    }
}
