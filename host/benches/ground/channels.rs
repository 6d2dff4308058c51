//! The set-ups of many channels on a real store, for benches.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};
use twitchy::bench::{BenchHost, BenchOptions};
use twitchy::domain::account::BotAccount;
use twitchy::domain::effect::{Committed, Effect, PresenceEffect};
use twitchy::domain::id::{AccountId, ChannelId};
use twitchy::domain::message::Channel;
use twitchy::domain::ports::SystemClock;
use twitchy::setup::Setup;
use twitchy::setup::defaults::NewChannelRules;
use twitchy::store::Store;
use twitchy::testing;

/// Channels that one account joins over IRC.
const OF_AN_ACCOUNT: u64 = 100;
/// Channels of one commit.
const AT_ONCE: usize = 1000;

/// Channels in a temporary store, which is deleted on drop.
pub(crate) struct Channels {
    pub(crate) setup: Arc<Setup>,
    pub(crate) store: Arc<Store>,
    pub(crate) runtime: Runtime,
    _ground: BenchHost,
}

/// Scattered, as Twitch's ids are.
pub(crate) fn id_of(number: u64) -> ChannelId {
    ChannelId(1000 + number * 7919)
}

/// The account that is in the channel of this number.
pub(crate) fn bot_of(number: u64) -> BotAccount {
    let account = number / OF_AN_ACCOUNT;
    BotAccount { login: format!("bot{account}").parse().expect("a login"), id: Some(AccountId(1 + account)) }
}

pub(crate) fn channel(number: u64) -> Channel {
    testing::channel(id_of(number), &format!("channel{number}"))
}

impl Channels {
    /// Makes `count` channels, all of them wanted.
    pub(crate) fn open(count: u64) -> Channels {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (clock, new_channels) = (Arc::new(SystemClock), NewChannelRules::Essentials);
        let ground =
            BenchHost::open(BenchOptions { clock, new_channels, ..BenchOptions::default() }).expect("it is new");
        let (store, setup) = (ground.world.store.clone(), ground.world.setup.clone());
        let want = |number| PresenceEffect::Want { channel: channel(number), account: bot_of(number) };
        let wanted: Vec<Effect> = (0..count).map(|number| Effect::Presence(want(number))).collect();
        for (number, effects) in wanted.chunks(AT_ONCE).enumerate() {
            let committed = store.commit(testing::commit(id_of(0), &format!("want {number}"), effects.to_vec()));
            assert_eq!(runtime.block_on(committed).expect("it is committed"), Committed::Done);
        }
        setup.load_all().now_or_never().expect("SQLite answers at once").expect("the store is sound");
        Channels { setup, store, runtime, _ground: ground }
    }
}
