//! One run of an invocation as a transaction: what it reads, what it would change, and whether it may.
//!
//! A run reads the committed state through its own buffered effects, notes the revision of each scope when it first
//! reads it, and ends as one [`Commit`] or as nothing. Only what goes to the web ([`web`]) cannot be taken back. Each privileged call is checked here, grant first. Absent:
//! wasmtime (calls arrive as plain methods), limits on count and time (the sandbox's), and the commit itself (the
//! store's).

pub mod balances;
pub mod channels;
pub mod chatters;
pub mod commands;
pub mod payments;
pub mod settings;
pub mod storage;
pub mod web;
pub mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod interleaved;
#[cfg(test)]
mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::Call;
use super::world::World;
use crate::domain::effect::{Commit, Effect, Revision, Scope};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::invocation::{Invocation, Origin};
use crate::domain::manifest::Capability;
use crate::domain::message::Reply;
use crate::domain::ports::FindSecretError;
use crate::domain::role::Role;
use crate::setup::channel::ChannelSetup;
use crate::store::StoreError;

/// What somebody is told who only claims to be the chatter, where that chatter alone may decide.
pub const NOT_PROVEN: &str = "only the chatter may ask for this: in chat, or logged in as themselves";

/// Why a run ends here, whatever the module would still do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// A scope was written by somebody else since this run first read it: run again.
    #[error("a scope was written in between")]
    Conflict,
    /// The module imports what it was not granted: it should not have been started.
    #[error("the module has no grant for {0}")]
    NotGranted(Capability),
    /// The caller only claims to be the chatter, and the contract has no error that could say so.
    #[error("the chatter is not proven to ask for this")]
    NotProven,
    /// The chatter typed what may mean several chatters; this sentence tells them what to type.
    #[error("{0}")]
    Ambiguous(String),
    /// An invocation of a channel that has no set-up.
    #[error("no set-up of channel {0}")]
    NoSetup(ChannelId),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secret(#[from] FindSecretError),
}

/// Why a host call gives no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HostCallError<E> {
    /// The module is told, and goes on.
    #[error("{0}")]
    Told(E),
    /// The run ends.
    #[error(transparent)]
    Fault(Fault),
}

impl<E> From<Fault> for HostCallError<E> {
    fn from(fault: Fault) -> Self {
        HostCallError::Fault(fault)
    }
}

impl<E> From<StoreError> for HostCallError<E> {
    fn from(error: StoreError) -> Self {
        HostCallError::Fault(error.into())
    }
}

/// The shape in which the contract's bindings want an answer: what the module is told inside, what ends the run
/// outside.
pub fn split<T, E>(answer: Result<T, HostCallError<E>>) -> Result<Result<T, E>, Fault> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(HostCallError::Told(error)) => Ok(Err(error)),
        Err(HostCallError::Fault(fault)) => Err(fault),
    }
}

/// One run of an invocation. A second run of the same invocation begins with a new one.
pub struct Transaction {
    world: Arc<World>,
    call: Arc<Call>,
    /// The revision that each scope had when this run first read it.
    noted: BTreeMap<Scope, Revision>,
    /// The channel's set-up with this run's own changes; None before it is first read.
    setup: Option<Arc<ChannelSetup>>,
    /// This run's own writes to the module's storage.
    storage: storage::Overlay,
    /// This run's own payments.
    ledger: payments::Overlay,
    /// Whether this run wants the bot in the chatter's own channel, where it said so.
    wish: Option<bool>,
    /// Changes other than to storage, in order.
    effects: Vec<Effect>,
    /// What goes to the web, this run's and those before it.
    requests: Arc<web::Requests>,
    /// Requests of this run so far.
    asked: usize,
}

impl Transaction {
    /// The first run of an invocation, or its only one.
    pub fn new(world: Arc<World>, call: Arc<Call>) -> Transaction {
        let requests = web::Requests::new(tokio::time::Instant::now() + world.limits.deadline, false);
        Transaction {
            world,
            call,
            noted: BTreeMap::new(),
            setup: None,
            storage: storage::Overlay::default(),
            ledger: payments::Overlay::default(),
            wish: None,
            effects: Vec::new(),
            requests: Arc::new(requests),
            asked: 0,
        }
    }

    /// One run of an invocation whose runs share what they send.
    pub fn with_requests(self, requests: &Arc<web::Requests>) -> Transaction {
        Transaction { requests: Arc::clone(requests), ..self }
    }

    /// What this run would change, or None where it would change nothing.
    pub fn finish(self, replies: &[Reply]) -> Option<Commit> {
        let invocation = self.call.invocation.clone();
        let mut effects = self.storage.into_effects(&self.call.manifest.name);
        effects.extend(self.effects);
        (!effects.is_empty()).then(|| Commit {
            invocation: invocation.id.clone(),
            channel: invocation.channel.id,
            by: self.call.by.clone(),
            address: self.call.from,
            caller: Some(invocation.chatter.id),
            version: Some(self.call.manifest.version.clone()),
            noted: self.noted.into_iter().collect(),
            effects,
            replies: replies.to_vec(),
            at: invocation.now,
        })
    }

    /// The first line of every host call: its interface's grant.
    fn require(&self, capability: Capability) -> Result<(), Fault> {
        self.call.grants.covers(capability).then_some(()).ok_or(Fault::NotGranted(capability))
    }

    /// Notes the revision at which this run reads a scope; the same one each time, or the run ends.
    fn note(&mut self, scope: Scope, revision: Revision) -> Result<(), Fault> {
        match self.noted.get(&scope) {
            None => {
                self.noted.insert(scope, revision);
                Ok(())
            }
            Some(noted) if *noted == revision => Ok(()),
            Some(_) => {
                // What memory holds of the set-up is out of date: the next run would meet the same conflict.
                if let Scope::Setup { channel } = scope {
                    self.world.setup.reload(channel)?;
                }
                Err(Fault::Conflict)
            }
        }
    }

    /// The channel's set-up, this run's own changes included.
    fn setup(&mut self) -> Result<Arc<ChannelSetup>, Fault> {
        if let Some(setup) = &self.setup {
            return Ok(setup.clone());
        }
        let channel = self.channel();
        let setup = self.world.setup.find_channel(channel).ok_or(Fault::NoSetup(channel))?;
        self.note(Scope::Setup { channel }, setup.revision)?;
        self.setup = Some(setup.clone());
        Ok(setup)
    }

    /// Buffers a change of the set-up that was checked against `setup`.
    fn change_setup(&mut self, setup: &ChannelSetup, effect: Effect) {
        self.setup = Some(Arc::new(setup.apply(&effect)));
        self.effects.push(effect);
    }

    fn invocation(&self) -> &Invocation {
        &self.call.invocation
    }

    fn channel(&self) -> ChannelId {
        self.call.invocation.channel.id
    }

    fn module(&self) -> &ModuleName {
        &self.call.manifest.name
    }

    fn role(&self) -> Role {
        self.call.invocation.chatter.role
    }

    /// Whether it is certain that the chatter asked for this. What is theirs alone to decide wants more than a claim:
    /// their money, and whether the bot sits in their channel.
    fn is_proven(&self) -> bool {
        self.call.invocation.is_proven
    }

    /// Whether a person asked for this; timers and events act for nobody.
    fn has_caller(&self) -> bool {
        matches!(self.call.invocation.id.origin, Origin::Chat | Origin::Http)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::fixture::{Bench, Terms, bank};
    use super::*;
    use crate::domain::effect::Committed;
    use crate::domain::manifest::Grants;
    use crate::setup::sample::command;

    /// The capability that a call was stopped for.
    fn missing<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<T, HostCallError<E>>) -> Capability {
        match answer {
            Err(HostCallError::Fault(Fault::NotGranted(capability))) => capability,
            other => panic!("{other:?}"),
        }
    }

    fn ends<T>(answer: Result<T, Fault>) -> Result<T, HostCallError<()>> {
        answer.map_err(HostCallError::Fault)
    }

    #[test]
    fn no_call_passes_without_its_grant() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.begin_with(bench.invocation("shop", "@bob"), Grants::default());
        let stops = |capability: Capability, missing: Capability| assert_eq!(missing, capability);
        stops(Capability::Storage, missing(ends(run.load("k"))));
        stops(Capability::Storage, missing(run.save("k", vec![])));
        stops(Capability::Storage, missing(ends(run.delete("k"))));
        stops(Capability::Storage, missing(run.add("k", 1)));
        stops(Capability::Storage, missing(ends(run.list_keys("", None, 1))));
        stops(Capability::Storage, missing(ends(run.list_entries("", None, 1))));
        stops(Capability::Storage, missing(ends(run.written_by())));
        stops(Capability::Chatters, missing(ends(run.find_chatter("bob"))));
        stops(Capability::Balances, missing(bench.wait(run.find_balance("bob"))));
        stops(Capability::Balances, missing(bench.wait(run.top_balances("points", 1))));
        stops(Capability::Payments, missing(run.transfer("bob", "1")));
        stops(Capability::Payments, missing(run.charge("1")));
        stops(Capability::Treasury, missing(run.pay("bob", "1")));
        stops(Capability::Treasury, missing(run.award("bob", "1")));
        stops(Capability::Settings, missing(ends(run.prefix())));
        stops(Capability::Settings, missing(run.set_prefix("?")));
        stops(Capability::Settings, missing(ends(run.list_modules())));
        stops(Capability::Settings, missing(run.enable_module("extra")));
        stops(Capability::Settings, missing(run.disable_module("extra")));
        stops(Capability::Settings, missing(run.list_settings("bank")));
        stops(Capability::Settings, missing(run.change_setting("bank", "sides", "8")));
        stops(Capability::Settings, missing(run.mute(Duration::ZERO)));
        stops(Capability::Settings, missing(ends(run.muted_until())));
        stops(Capability::Commands, missing(ends(run.list_available())));
        stops(Capability::Commands, missing(ends(run.find_command("bank"))));
        stops(Capability::Words, missing(run.claim_word(command("hello"))));
        stops(Capability::Words, missing(ends(run.release_word("hello"))));
        stops(Capability::Words, missing(ends(run.list_claimed())));
        let request = crate::sandbox::web::WebRequest {
            method: crate::sandbox::web::Method::Get,
            url: "https://api.example.com/".to_owned(),
            headers: Vec::new(),
            body: None,
        };
        stops(Capability::Http, missing(bench.wait(run.send(request))));
        stops(Capability::Channels, missing(run.request_join()));
        stops(Capability::Channels, missing(ends(run.request_leave())));
        assert_eq!(run.finish(&[]), None);
    }

    #[test]
    fn no_door_opens_without_its_grant() {
        use crate::domain::manifest::SizeClass;
        use crate::sandbox::run::{door::Run, guest_log::GuestLog, limits::Limiter};
        let bench = Bench::new(Terms::default());
        let transaction = bench.begin_with(bench.invocation("alice", ""), Grants::default());
        let (limiter, call) = (Limiter::new(SizeClass::Small.walls()), Arc::clone(&transaction.call));
        let mut run = Run::respond(limiter, GuestLog::new(0, 0), &call, transaction, 100);
        for capability in Capability::ALL {
            assert_eq!(run.enter(capability).is_ok(), !capability.needs_grant(), "{capability}");
        }
    }

    #[test]
    fn the_same_invocation_changes_things_once() {
        let bench = Bench::new(Terms::default());
        let invocation = bench.invocation("alice", "@bob");
        let pay = |reply: &str| {
            let mut run = bench.begin(invocation.clone());
            run.transfer("bob", "10").unwrap();
            run.finish(&[Reply::Say(reply.to_owned())]).unwrap()
        };
        assert_eq!(bench.commit_data(&pay("first")), Committed::Done);
        let before = vec![Reply::Say("first".to_owned())];
        assert_eq!(bench.commit_data(&pay("second")), Committed::Duplicate(before));
        assert_eq!([bench.balance(1), bench.balance(2)], ["90", "110"]);
    }

    #[test]
    fn a_run_that_is_dropped_changes_nothing() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("alice", "@bob");
        run.transfer("bob", "10").unwrap();
        run.save("k", vec![1]).unwrap();
        drop(run);
        assert_eq!(bench.balance(1), "100");
        assert_eq!(bench.run("alice", "").load("k").unwrap(), None);
    }

    #[test]
    fn one_module_cannot_see_the_storage_of_another() {
        let bench = Bench::new(Terms::default());
        let mut run = bench.run("alice", "");
        run.save("k", vec![1]).unwrap();
        assert_eq!(bench.commit(run), Committed::Done);
        let mut other = bank();
        other.name = "other".parse().unwrap();
        let grants = Grants::all(&other);
        let call = Call::new(Arc::new(other), grants, bench.invocation("alice", ""));
        assert_eq!(Transaction::new(Arc::clone(&bench.world), Arc::new(call)).load("k").unwrap(), None);
    }
}
