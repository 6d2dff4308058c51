//! One run of an invocation as a transaction: what the run reads, and what it would change.
//!
//! A run reads the committed state through its own buffered effects, and notes the revision of each scope when it first
//! reads that scope. A run ends as one [`Commit`] or changes nothing. Not here: grants, which the file `run` checks;
//! the rules of each capability, which are in its file; and the commit itself, which the store makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::EndRun;
use super::http::requests::Requests;
use super::ledger::overlay::LedgerOverlay;
use super::random::generator::Random;
use super::storage::overlay::StorageOverlay;
use crate::domain::effect::{Commit, Effect, Revision, Scope};
use crate::domain::id::{ChannelId, ModuleName, Origin};
use crate::domain::invocation::Invocation;
use crate::domain::message::Reply;
use crate::domain::role::Role;
use crate::sandbox::call::Call;
use crate::sandbox::world::World;
use crate::setup::channel::ChannelSetup;

/// One run of an invocation. A second run of the same invocation starts with a new transaction.
pub struct Transaction {
    world: Arc<World>,
    call: Arc<Call>,
    /// The revision that each scope had when this run first read it.
    noted: BTreeMap<Scope, Revision>,
    /// The channel's set-up with this run's own changes; `None` before it is first read.
    setup: Option<ChannelSetup>,
    /// A channel whose set-up in memory is older than the revision that this run has read.
    stale_setup: Option<ChannelId>,
    /// Changes other than to storage, in order.
    effects: Vec<Effect>,
    storage: StorageOverlay,
    ledger: LedgerOverlay,
    requests: Arc<Requests>,
    requests_made: usize,
    random: Random,
}

impl Transaction {
    /// The first run of an invocation, or its only one.
    pub fn new(world: Arc<World>, call: Arc<Call>) -> Transaction {
        let requests = Requests::new(tokio::time::Instant::now() + world.limits.deadline, false);
        Transaction {
            random: Random::new(call.invocation.random_seed),
            world,
            call,
            noted: BTreeMap::new(),
            setup: None,
            stale_setup: None,
            effects: Vec::new(),
            storage: StorageOverlay::default(),
            ledger: LedgerOverlay::default(),
            requests: Arc::new(requests),
            requests_made: 0,
        }
    }

    /// Shares the web requests of the invocation with its other runs.
    pub fn with_requests(self, requests: &Arc<Requests>) -> Transaction {
        Transaction { requests: Arc::clone(requests), ..self }
    }

    /// The changes of this run as a commit; `None` if there are none.
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

    /// Notes the revision at which this run reads a scope. A second read must find the same revision, or the run ends.
    pub(super) fn note(&mut self, scope: Scope, revision: Revision) -> Result<(), EndRun> {
        match self.noted.get(&scope) {
            None => {
                self.noted.insert(scope, revision);
                Ok(())
            }
            Some(noted) if *noted == revision => Ok(()),
            Some(_) => {
                if let Scope::Setup { channel } = scope {
                    self.stale_setup = Some(channel);
                }
                Err(EndRun::Conflict)
            }
        }
    }

    /// Reloads a stale set-up. Call this after a conflict: otherwise the next run would meet the same conflict.
    pub async fn reload_setup(&self) -> Result<(), EndRun> {
        match self.stale_setup {
            Some(channel) => Ok(self.world.setup.reload(channel).await?),
            None => Ok(()),
        }
    }

    /// The channel's set-up, including this run's own changes.
    pub(super) fn setup(&mut self) -> Result<ChannelSetup, EndRun> {
        if let Some(setup) = &self.setup {
            return Ok(setup.clone());
        }
        let channel = self.channel();
        let setup = self.world.setup.find_channel(channel);
        let setup = setup.ok_or_else(|| EndRun::Host(format!("no set-up of channel {channel}")))?;
        self.note(Scope::Setup { channel }, setup.revision)?;
        self.setup = Some(setup.clone());
        Ok(setup)
    }

    /// Buffers a change of the set-up that was checked against `setup`.
    pub(super) fn change_setup(&mut self, setup: &ChannelSetup, effect: Effect) {
        self.setup = Some(setup.apply(&effect));
        self.effects.push(effect);
    }

    /// Buffers an effect. If an overlay has to show the change to this run, the caller updates that overlay too.
    pub(super) fn add_effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// This run's buffered effects, without its writes to storage.
    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(super) fn storage(&mut self) -> &mut StorageOverlay {
        &mut self.storage
    }

    pub(super) fn ledger(&mut self) -> &mut LedgerOverlay {
        &mut self.ledger
    }

    pub(super) fn requests(&self) -> &Arc<Requests> {
        &self.requests
    }

    /// The place of the run's next request among those of the invocation; `None` once the run has made `most`.
    pub(super) fn next_request(&mut self, most: usize) -> Option<usize> {
        let place = Some(self.requests_made).filter(|made| *made < most);
        self.requests_made += usize::from(place.is_some());
        place
    }

    /// The invocation's random generator, which yields the same numbers in each run.
    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    pub(super) fn invocation(&self) -> &Invocation {
        &self.call.invocation
    }

    pub(super) fn channel(&self) -> ChannelId {
        self.call.invocation.channel.id
    }

    pub(super) fn module(&self) -> &ModuleName {
        &self.call.manifest.name
    }

    /// The chatter's role in this invocation.
    pub(super) fn role(&self) -> Role {
        self.call.invocation.chatter.role
    }

    /// Whether it is certain that the chatter asked for this call. A mere claim is not enough to spend the chatter's
    /// currency, or to make the bot join or leave the chatter's channel.
    pub(super) fn is_proven(&self) -> bool {
        self.call.invocation.is_proven
    }

    /// Whether a person made this call; timers and events act for nobody.
    pub(super) fn has_caller(&self) -> bool {
        matches!(self.call.invocation.id.origin, Origin::Chat | Origin::Http)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, bank};
    use super::super::{payments, storage};
    use super::*;
    use crate::bench::BenchOptions;
    use crate::domain::effect::Committed;
    use crate::domain::manifest::Grants;
    use crate::testing::at_once;

    #[test]
    fn the_same_invocation_changes_things_once() {
        let bench = Fixture::new(BenchOptions::default());
        let invocation = bench.invocation("alice", "@bob");
        let pay = |reply: &str| {
            let mut run = bench.begin(invocation.clone());
            at_once(payments::transfer(&mut run, "bob", "10")).unwrap();
            run.finish(&[Reply::Say(reply.to_owned())]).unwrap()
        };
        assert_eq!(bench.commit_data(&pay("first")), Committed::Done);
        let before = vec![Reply::Say("first".to_owned())];
        assert_eq!(bench.commit_data(&pay("second")), Committed::Duplicate(before));
        assert_eq!([bench.balance(1), bench.balance(2)], ["90", "110"]);
    }

    #[test]
    fn a_run_that_is_dropped_changes_nothing() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("alice", "@bob");
        at_once(payments::transfer(&mut run, "bob", "10")).unwrap();
        at_once(storage::save(&mut run, "k", vec![1])).unwrap();
        drop(run);
        assert_eq!(bench.balance(1), "100");
        assert_eq!(at_once(storage::load(&mut bench.run("alice", ""), "k")).unwrap(), None);
    }

    #[test]
    fn one_module_cannot_see_the_storage_of_another() {
        let bench = Fixture::new(BenchOptions::default());
        let mut run = bench.run("alice", "");
        at_once(storage::save(&mut run, "k", vec![1])).unwrap();
        assert_eq!(bench.commit(run), Committed::Done);
        let mut other = bank();
        other.name = "other".parse().unwrap();
        let grants = Grants::all(&other);
        let call = Call::new(Arc::new(other), grants, bench.invocation("alice", ""));
        let mut run = Transaction::new(Arc::clone(&bench.world), Arc::new(call));
        assert_eq!(at_once(storage::load(&mut run, "k")).unwrap(), None);
    }
}
