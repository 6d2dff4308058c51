//! The set-ups of many channels on a real store, for benches.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use twitchy::domain::account::BotAccount;
use twitchy::domain::audit::Actor;
use twitchy::domain::effect::{Commit, Committed, Effect, PresenceEffect};
use twitchy::domain::id::{AccountId, ChannelId, InvocationId, Origin};
use twitchy::domain::message::Channel;
use twitchy::domain::ports::{SoleProcess, SystemClock};
use twitchy::setup::Setup;
use twitchy::setup::defaults::NewChannelRules;
use twitchy::store::Store;

/// Over IRC, an account sits in so many.
const OF_AN_ACCOUNT: u64 = 100;
/// Channels of one commit.
const AT_ONCE: usize = 1000;

/// Keeps all that the set-ups need alive.
pub(crate) struct Channels {
    pub(crate) setup: Arc<Setup>,
    pub(crate) store: Arc<Store>,
    pub(crate) runtime: Runtime,
    _folder: tempfile::TempDir,
}

/// Scattered, as Twitch's are.
pub(crate) fn id_of(number: u64) -> ChannelId {
    ChannelId(1000 + number * 7919)
}

/// The account that sits in the channel of this number.
pub(crate) fn bot_of(number: u64) -> BotAccount {
    let account = number / OF_AN_ACCOUNT;
    BotAccount { login: format!("bot{account}").parse().expect("a login"), id: Some(AccountId(1 + account)) }
}

pub(crate) fn channel(number: u64) -> Channel {
    let login = format!("channel{number}");
    Channel { id: id_of(number), display_name: login.as_str().into(), login: login.parse().expect("a login") }
}

/// What the host itself commits.
pub(crate) fn commit(channel: ChannelId, id: &str, effects: Vec<Effect>) -> Commit {
    Commit {
        invocation: InvocationId { origin: Origin::Host, id: id.into() },
        channel,
        by: Actor::Host,
        address: None,
        caller: None,
        version: None,
        noted: Vec::new(),
        effects,
        replies: Vec::new(),
        at: SystemTime::UNIX_EPOCH,
    }
}

impl Channels {
    /// So many channels, all of them wanted.
    pub(crate) fn open(count: u64) -> Channels {
        // In memory, where the system has such a place: how fast the disk is does not depend on the channels.
        let folder =
            tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the database");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let store = Store::open(&folder.path().join("twitchy.sqlite"), Arc::new(SystemClock), Arc::new(SoleProcess))
            .expect("it is new");
        let want = |number| PresenceEffect::Want { channel: channel(number), account: bot_of(number) };
        let wanted: Vec<Effect> = (0..count).map(|number| Effect::Presence(want(number))).collect();
        for (number, effects) in wanted.chunks(AT_ONCE).enumerate() {
            let committed = store.commit(commit(id_of(0), &format!("want {number}"), effects.to_vec()));
            assert_eq!(runtime.block_on(committed).expect("it is committed"), Committed::Done);
        }
        let store = Arc::new(store);
        let setup = Arc::new(Setup::new(store.clone(), NewChannelRules::Essentials));
        setup.load_all().now_or_never().expect("SQLite answers at once").expect("the store is sound");
        Channels { setup, store, runtime, _folder: folder }
    }
}
