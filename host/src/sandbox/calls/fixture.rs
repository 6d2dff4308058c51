//! A [`World`] on a real store in a temporary folder, for the tests of this folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::error::HostCallError;
use super::transaction::Transaction;
use crate::bench::clock::ManualClock;
use crate::bench::{BenchHost, BenchOptions};
use crate::domain::effect::{Commit, Committed, Holder};
use crate::domain::id::{ChannelId, ChatterId};
use crate::domain::invocation::Invocation;
use crate::domain::manifest::{Capability, Grants, Manifest, SettingKind};
use crate::domain::message::KnownChatter;
use crate::domain::role::Role;
use crate::sandbox::call::Call;
use crate::sandbox::world::World;
use crate::testing::{self, at_once, chatter, command, manifest, setting};

/// The broadcaster of [`SHOP`].
pub(super) const BROADCASTER: (&str, u64) = ("shop", 100);
pub(super) const CHATTERS: [(&str, u64); 3] = [("alice", 1), ("bob", 2), ("carol", 3)];
pub(super) const SHOP: ChannelId = ChannelId(BROADCASTER.1);

pub(super) struct Fixture {
    pub(super) world: Arc<World>,
    runtime: tokio::runtime::Runtime,
    calls: AtomicU64,
    _ground: BenchHost,
}

impl Fixture {
    /// The channel [`SHOP`] with the modules `settings`, `extra` and `bank`, which have every grant. Each of
    /// [`CHATTERS`] has written there and has 100 points.
    pub(super) fn new(terms: BenchOptions) -> Fixture {
        let clock = Arc::new(ManualClock::at(now()));
        let ground = BenchHost::open(BenchOptions { clock, ..terms }).unwrap();
        let setup = &ground.world.setup;
        setup.add_module(Arc::new(bank()));
        setup.add_module(Arc::new(manifest("extra", vec![command("extra")], Vec::new())));
        let moderators = setting("moderators", SettingKind::Boolean, "false");
        setup.add_module(Arc::new(manifest("settings", vec![command("settings")], vec![moderators])));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bench = Fixture { world: ground.world.clone(), runtime, calls: AtomicU64::new(0), _ground: ground };
        bench.add_channel(BROADCASTER);
        bench
    }

    /// Adds a channel in which each of [`CHATTERS`] has 100 points.
    pub(super) fn add_channel(&self, (login, id): (&str, u64)) {
        let (store, channel) = (&self.world.store, ChannelId(id));
        self.wait(async {
            store.host.save_seed(login.parse().unwrap(), "twitchy".parse().unwrap()).await.unwrap();
            self.world.setup.learn_channel(channel, &login.parse().unwrap()).await.unwrap();
            store.save_seen(channel, CHATTERS.map(known).to_vec(), now()).await.unwrap();
            for (_, chatter) in CHATTERS {
                store.seed_balance(channel, ChatterId(chatter), "100".parse().unwrap()).await.unwrap();
            }
        });
    }

    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// A call of `!bank` in [`SHOP`] under a fresh id. The broadcaster's name gives that role, any other `Everyone`.
    pub(super) fn invocation(&self, caller: &str, text: &str) -> Invocation {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        invocation(SHOP, caller, text, &number.to_string())
    }

    pub(super) fn begin(&self, invocation: Invocation) -> Transaction {
        self.begin_with(invocation, Grants::all(&bank()))
    }

    pub(super) fn begin_with(&self, invocation: Invocation, grants: Grants) -> Transaction {
        let call = Call::new(Arc::new(bank()), grants, invocation);
        Transaction::new(self.world.clone(), Arc::new(call))
    }

    /// A run of a call of `!bank` with this text.
    pub(super) fn run(&self, caller: &str, text: &str) -> Transaction {
        self.begin(self.invocation(caller, text))
    }

    pub(super) fn commit(&self, transaction: Transaction) -> Committed {
        self.commit_data(&transaction.finish(&[]).expect("the run wrote something"))
    }

    pub(super) fn commit_data(&self, commit: &Commit) -> Committed {
        self.wait(self.world.setup.commit(commit.clone())).unwrap()
    }

    pub(super) fn balance(&self, chatter: u64) -> String {
        self.held_by(Holder::Chatter(ChatterId(chatter)))
    }

    pub(super) fn held_by(&self, holder: Holder) -> String {
        at_once(self.world.store.load_account(SHOP, holder)).unwrap().1.to_string()
    }
}

/// Returns the error that the module gets; any other result fails the test.
pub(super) fn error_of<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<T, HostCallError<E>>) -> E {
    match answer {
        Err(HostCallError::Returned(error)) => error,
        other => panic!("{other:?}"),
    }
}

pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// The manifest of a module that requests every capability.
pub(super) fn bank() -> Manifest {
    let settings = vec![
        setting("sides", SettingKind::Integer { least: 2, most: 100 }, "6"),
        setting("patron", SettingKind::Chatter, ""),
    ];
    Manifest { capabilities: Capability::ALL.to_vec(), ..manifest("bank", vec![command("bank")], settings) }
}

pub(super) fn invocation(channel: ChannelId, caller: &str, text: &str, id: &str) -> Invocation {
    let people = CHATTERS.into_iter().chain([BROADCASTER]);
    let known_id = people.filter(|(login, _)| *login == caller).map(|(_, id)| id).next();
    let caller_id = ChatterId(known_id.unwrap_or(channel.0));
    let role = if caller_id == channel.broadcaster() { Role::Broadcaster } else { Role::Everyone };
    let login = if channel == SHOP { BROADCASTER.0.to_owned() } else { format!("channel{channel}") };
    let (channel, caller) = (testing::channel(channel, &login), chatter(caller_id, caller, role));
    Invocation { sent_at: now(), now: now(), ..testing::invocation(id, channel, caller, "bank", text) }
}

fn known((login, id): (&str, u64)) -> KnownChatter {
    KnownChatter { id: ChatterId(id), login: login.parse().unwrap(), display_name: login.into() }
}
