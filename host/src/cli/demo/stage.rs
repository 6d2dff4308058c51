//! The demo's world: a Twitch in a box with its channels and chatters, and the host that sits in it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use fake_twitch::{FakeTwitch, Observed, Say, Settings};
use secrecy::SecretString;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::speech::{Speech, Words};
use crate::app::data_dir::{database_path, open_store};
use crate::app::{App, Surroundings};
use crate::config::{AccountConfig, Config, SeedChannel, ServerAddress, TokenSource};
use crate::domain::amount::Amount;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::ports::{Credentials, FetchTokenError, SystemClock};
use crate::domain::principal::KeyScope;
use crate::domain::role::Role;
use crate::http::api::keys::{NewKey, make_key};
use crate::http::entropy::SystemEntropy;
use crate::http::key::KeySecret;
use crate::http::timestamp::write_timestamp;
use crate::joining::JoinPolicy;
use crate::setup::NewChannelRules;
use crate::store::chatters::KnownChatter;
use crate::telemetry::log_queue::LostLines;

/// The bot's login, and the name of its lines.
pub(super) const BOT: &str = "twitchy";
/// The channels that the bot sits in from the start; the first is where one begins.
pub(super) const CHANNELS: [&str; 2] = ["shop", "cafe"];
/// What there is to see.
const BALANCES: [(&str, i64); 3] = [("alice", 120), ("bob", 45), ("carol", 7)];
/// A token that opens nothing but the Twitch in this process.
const ACCESS_TOKEN: &str = "demo";
/// How long the bot may take to get where it is wanted before the demo goes on without it.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// Requests in a second, of the demo's key.
const DEMO_RATE: u32 = 100_000;
const KEY_ENDS_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How the demo's API is entered.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    pub(super) key: SecretString,
    /// The ids of [`CHANNELS`].
    pub(super) channels: [String; 2],
}

/// Host and Twitch, running.
pub(super) struct Stage {
    twitch: FakeTwitch,
    app: App,
    /// Channels that there are.
    open: Mutex<HashSet<Login>>,
    started_at: Instant,
}

impl Stage {
    /// Everything is in its place when this returns: the bot sits in its channels and answers.
    /// With the HTTP API at `api`, where there is to be one.
    pub(super) async fn start(state_dir: &Path, cache_dir: &Path, api: Option<SocketAddr>) -> anyhow::Result<Stage> {
        let started_at = Instant::now();
        let twitch = FakeTwitch::new(&Settings { seed: fresh_seed(), base_time: SystemTime::now() });
        let address = twitch.listen().await.context("cannot listen on this machine's loopback interface")?;
        let mut open = CHANNELS.iter().map(|channel| channel.parse()).collect::<Result<HashSet<Login>, _>>()?;
        open.extend(list_kept_channels(state_dir).await?);
        set_up_twitch(&twitch, &open)?;
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock),
            credentials: Arc::new(DemoToken),
            new_channels: NewChannelRules::Everything,
            join_policy: JoinPolicy::Open,
            twitch_counts_on: false,
            cache_dir: cache_dir.to_owned(),
            lost_log_lines: LostLines::default(),
        };
        let app = App::start(demo_config(state_dir, address, api)?, surroundings).await;
        let app = match api {
            Some(api) => {
                app.with_context(|| format!("with the API at {api}; --api=127.0.0.1:0 takes any free port"))?
            }
            None => app?,
        };
        let stage = Stage { twitch, app, open: Mutex::new(open), started_at };
        stage.settle().await;
        stage.seed_balances().await?;
        debug!(took = ?started_at.elapsed(), "the stage is set");
        Ok(stage)
    }

    /// Where the API is, and a new operator's key for it; None where there is none.
    pub(super) async fn open_api(&self) -> anyhow::Result<Option<Door>> {
        let Some(address) = self.app.address() else { return Ok(None) };
        let now = SystemTime::now();
        let wanted = NewKey {
            name: "the demo's".to_owned(),
            scopes: vec![KeyScope::Operator.to_string()],
            role: None,
            expires_at: Some(write_timestamp(now + KEY_ENDS_AFTER)),
        };
        let secret = KeySecret::make(&SystemEntropy);
        let key = make_key(&secret, &wanted, now).map_err(|wrong| anyhow::anyhow!("the demo's key: {wrong:?}"))?;
        self.app.store.save_api_key(key, Stamp { by: Actor::CommandLine, at: now, address: None }).await?;
        Ok(Some(Door { address, key: secret.reveal(), channels: CHANNELS.map(|channel| self.twitch.user_id(channel)) }))
    }

    /// Every message from now on, the bot's and the chatters'.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Observed> {
        self.twitch.subscribe()
    }

    /// Says a line in a channel. Whoever speaks has a channel of their own from then on, and so has whoever is visited.
    pub(super) fn say(&self, channel: &Login, speech: &Speech) -> anyhow::Result<()> {
        let Speech { name, role, words } = speech;
        self.open_channel(name);
        self.open_channel(channel);
        let (text, is_action) = match words {
            Words::Message(text) => (text, false),
            Words::Action(text) => (text, true),
            Words::Appoint { .. } if name != channel => {
                anyhow::bail!("only {channel} appoints moderators in #{channel}")
            }
            Words::Appoint { login, is_moderator } => {
                let roles: &[_] = if *is_moderator { &[fake_twitch::Role::Moderator] } else { &[] };
                return Ok(self.twitch.set_roles(channel.as_str(), login.as_str(), roles)?);
            }
        };
        let how = Say { roles: list_roles(*role), is_action, ..Say::default() };
        self.twitch.say_with(channel.as_str(), name.as_str(), text, how)?;
        Ok(())
    }

    /// A channel must not be made twice: it would forget who is in it.
    fn open_channel(&self, login: &Login) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.insert(login.clone()) {
            self.twitch.add_channel(login.as_str());
        }
    }

    /// Returns when the bot has answered all that was said, and sits where it is wanted; or after a while.
    pub(super) async fn settle(&self) {
        let settled = async {
            // First the bot has read it, then it has done it, then Twitch has read what it sent.
            self.twitch.ping_and_wait().await;
            self.app.quiet().await;
            self.twitch.ping_and_wait().await;
        };
        match timeout(SETTLE_WITHIN, settled).await {
            Ok(()) => debug!(since_start = ?self.started_at.elapsed(), "quiet"),
            Err(_) => warn!("the bot is busy for long; going on without waiting"),
        }
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.app.stop().await?;
        self.twitch.shutdown().await;
        Ok(())
    }

    async fn seed_balances(&self) -> anyhow::Result<()> {
        for channel in CHANNELS {
            let id = ChannelId(self.twitch.user_id(channel).parse()?);
            let chatters = BALANCES.map(|(login, _)| self.known_chatter(login));
            let chatters = chatters.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
            let amounts: Vec<_> = chatters.iter().map(|chatter| chatter.id).zip(BALANCES).collect();
            self.app.store.save_seen(id, chatters, SystemTime::now()).await?;
            for (chatter, (_, units)) in amounts {
                self.app.store.seed_balance(id, chatter, Amount::from_units(units, 0)).await?;
            }
        }
        Ok(())
    }

    fn known_chatter(&self, login: &str) -> anyhow::Result<KnownChatter> {
        let id = ChatterId(self.twitch.user_id(login).parse()?);
        Ok(KnownChatter { id, login: login.parse()?, display_name: login.into() })
    }
}

/// None: as the channel has it. The broadcaster's badge comes with the id, and must not be given.
fn list_roles(role: Role) -> Option<Vec<fake_twitch::Role>> {
    match role {
        Role::Everyone | Role::Broadcaster => None,
        Role::Subscriber => Some(vec![fake_twitch::Role::Subscriber]),
        Role::Vip => Some(vec![fake_twitch::Role::Vip]),
        Role::Moderator => Some(vec![fake_twitch::Role::Moderator]),
    }
}

/// The channels that the bot was called to the last time: they must be there before it looks for them.
async fn list_kept_channels(state_dir: &Path) -> anyhow::Result<Vec<Login>> {
    if !database_path(state_dir).exists() {
        return Ok(Vec::new());
    }
    let store = open_store(state_dir, Arc::new(SystemClock))?;
    let wanted = store.list_wanted()?;
    store.close().await?;
    Ok(wanted.into_iter().map(|channel| channel.login).collect())
}

fn set_up_twitch(twitch: &FakeTwitch, open: &HashSet<Login>) -> anyhow::Result<()> {
    twitch.add_account(BOT, "1000", ACCESS_TOKEN);
    for channel in open {
        twitch.add_channel(channel.as_str());
    }
    for channel in CHANNELS {
        twitch.set_roles(channel, BOT, &[fake_twitch::Role::Moderator])?;
    }
    Ok(())
}

fn demo_config(state_dir: &Path, address: SocketAddr, api: Option<SocketAddr>) -> anyhow::Result<Config> {
    let bot: Login = BOT.parse()?;
    let mut config = Config { data_dir: state_dir.to_owned(), ..Config::default() };
    config.twitch.irc_server = ServerAddress { is_tls: false, host: address.ip().to_string(), port: address.port() };
    config.accounts = vec![AccountConfig { login: bot.clone(), token: TokenSource::Environment(String::new()) }];
    config.http.listen = api;
    // Who tries it out, by hand or with a fuzzer, is on this machine and alone.
    (config.http.rate, config.http.burst) = (DEMO_RATE, DEMO_RATE);
    for channel in CHANNELS {
        config.channels.join.push(SeedChannel { login: channel.parse()?, account: bot.clone() });
    }
    Ok(config)
}

/// Message ids must not come back in a state that is kept: the host would take them for messages that it has answered.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

struct DemoToken;

impl Credentials for DemoToken {
    async fn fetch_access_token(&self, _: &Login) -> Result<SecretString, FetchTokenError> {
        Ok(SecretString::from(ACCESS_TOKEN))
    }
}
