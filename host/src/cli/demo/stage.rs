//! The demo's world: a fake Twitch server with channels and chatters, and the real host connected to it.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use fake_twitch::{DeliveredMessage, FakeTwitch, Say, Settings};
use secrecy::SecretString;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::moderators::Moderators;
use super::names::{BOT, CHANNELS};
use super::speech::{Speech, Spoken, Words};
use crate::app::data_dir::{database_path, open_store};
use crate::app::modules::swap_configured;
use crate::app::quiet::wait_until_quiet;
use crate::app::{App, Dependencies};
use crate::chat::dispatch::unanswered::Unanswered;
use crate::config::{AccountConfig, Config, SeedChannel, TokenSource};
use crate::domain::account::BotAccount;
use crate::domain::amount::Amount;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::manifest::{Manifest, SizeClass};
use crate::domain::message::KnownChatter;
use crate::domain::ports::{Credentials, FetchingToken, SystemClock};
use crate::domain::principal::KeyScope;
use crate::domain::role::Role;
use crate::domain::server::ServerAddress;
use crate::domain::timestamp::write_timestamp;
use crate::http::api::keys::make_key;
use crate::http::entropy::SystemEntropy;
use crate::http::key::KeySecret;
use crate::http::shapes::key::NewKey;
use crate::joining::JoinPolicy;
use crate::setup::channel::ChannelSetup;
use crate::setup::defaults::NewChannelRules;
use crate::telemetry::log_queue::LostLines;

/// The first balances of some chatters, so that `!balance` has something to show.
const BALANCES: [(&str, i64); 3] = [("alice", 120), ("bob", 45), ("carol", 7)];
/// The bot's access token, valid only at the fake Twitch in this process.
const ACCESS_TOKEN: &str = "demo";
/// How long the prompt waits at most for the bot to become quiet.
pub(super) const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// The same for the start and for scripts. Long, because the output of a script must not depend on the machine's speed.
pub(super) const SCRIPT_SETTLES_WITHIN: Duration = Duration::from_secs(600);

/// Ten times what a call gets on Twitch.
const DEMO_CPU_BUDGET: Duration = Duration::from_millis(500);
const DEMO_DEADLINE: Duration = Duration::from_secs(30);

/// Requests a second with the demo's key.
const DEMO_RATE: u32 = 100_000;
const KEY_ENDS_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What a client of the demo's API needs.
pub(super) struct ApiAccess {
    pub(super) address: SocketAddr,
    pub(super) key: SecretString,
    /// The ids of [`CHANNELS`].
    pub(super) channels: [String; 2],
}

/// The result of saying a line.
#[derive(Debug)]
pub(super) enum SpeakOutcome {
    Message(Spoken),
    /// A moderator was appointed or dismissed; the text is for the user.
    Appointment(String),
}

/// The running host and the running fake Twitch.
pub(super) struct Stage {
    twitch: FakeTwitch,
    app: App,
    moderators: Moderators,
    /// The channels that exist at the fake Twitch.
    open: Mutex<HashSet<Login>>,
    started_at: Instant,
}

impl Stage {
    /// Starts Twitch and the host, with the HTTP API at `api` if given. Returns once the bot answers in its channels.
    pub(super) async fn start(state_dir: &Path, cache_dir: &Path, api: Option<SocketAddr>) -> anyhow::Result<Stage> {
        let started_at = Instant::now();
        let twitch =
            FakeTwitch::new(&Settings { seed: fresh_seed(), base_time: SystemTime::now(), ..Settings::default() });
        let address = twitch.listen().await.context("cannot listen on this machine's loopback interface")?;
        let mut open = CHANNELS.iter().map(|channel| channel.parse()).collect::<Result<HashSet<Login>, _>>()?;
        open.extend(list_kept_channels(state_dir).await?);
        let moderators = Moderators::load(state_dir)?;
        set_up_twitch(&twitch, &mut open, &moderators)?;
        let dependencies = Dependencies {
            clock: Arc::new(SystemClock),
            credentials: Arc::new(DemoToken),
            new_channels: NewChannelRules::Everything,
            join_policy: JoinPolicy::Open,
            twitch_counts_on: false,
            cache_dir: cache_dir.to_owned(),
            lost_log_lines: LostLines::default(),
        };
        let app = App::start(demo_config(state_dir, address, api)?, dependencies).await;
        let app = match api {
            Some(api) => {
                app.with_context(|| format!("with the API at {api}; --api=127.0.0.1:0 takes any free port"))?
            }
            None => app?,
        };
        let stage = Stage { twitch, app, moderators, open: Mutex::new(open), started_at };
        stage.settle(SCRIPT_SETTLES_WITHIN).await;
        stage.seed_balances().await?;
        debug!(took = ?started_at.elapsed(), "the stage is set");
        Ok(stage)
    }

    /// The API's address, and a new API key with operator scope; `None` if the demo runs without the API.
    pub(super) async fn open_api(&self) -> anyhow::Result<Option<ApiAccess>> {
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
        self.app
            .host
            .store
            .host
            .save_api_key(key, Stamp { by: Actor::CommandLine { system_user: None }, at: now, address: None })
            .await?;
        Ok(Some(ApiAccess {
            address,
            key: secret.reveal(),
            channels: CHANNELS.map(|channel| self.twitch.user_id(channel)),
        }))
    }

    /// Receives every message from now on, the bot's and the chatters'.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<DeliveredMessage> {
        self.twitch.subscribe()
    }

    /// Says a line in `channel`. Creates that channel and the speaker's own one, if they do not exist yet.
    pub(super) fn say(&self, channel: &Login, speech: Speech) -> anyhow::Result<SpeakOutcome> {
        self.open_channel(&speech.name);
        self.open_channel(channel);
        let (text, is_action) = match &speech.words {
            Words::Message(text) => (text, false),
            Words::Action(text) => (text, true),
            Words::Appoint { login, is_moderator } => return self.appoint(channel, login, *is_moderator),
        };
        let how = Say { roles: list_roles(speech.role), is_action, ..Say::default() };
        let message_id = self.twitch.say_with(channel.as_str(), speech.name.as_str(), text, how)?;
        Ok(SpeakOutcome::Message(Spoken { message_id, channel: channel.clone(), speech }))
    }

    fn appoint(&self, channel: &Login, login: &Login, is_moderator: bool) -> anyhow::Result<SpeakOutcome> {
        let is_changed = self.moderators.appoint(channel, login, is_moderator)?;
        let roles: &[_] = if is_moderator { &[fake_twitch::Role::Moderator] } else { &[] };
        self.twitch.set_roles(channel.as_str(), login.as_str(), roles)?;
        Ok(SpeakOutcome::Appointment(match (is_moderator, is_changed) {
            (true, true) => format!("{login} is a moderator of #{channel} now"),
            (true, false) => format!("{login} is a moderator of #{channel} already"),
            (false, true) => format!("{login} is no moderator of #{channel} any more"),
            (false, false) => format!("{login} is no moderator of #{channel}"),
        }))
    }

    /// Loads a component as a module of the operator, in place of the one of that name. It answers in every channel.
    pub(super) async fn swap(&self, component: &[u8]) -> anyhow::Result<Arc<Manifest>> {
        let host = &self.app.host;
        swap_configured(&host.sandbox, &host.setup, component, SizeClass::Small).await
    }

    pub(super) fn is_bot_in(&self, channel: &Login) -> bool {
        self.twitch.is_joined(BOT, channel.as_str())
    }

    /// The channels that the bot has joined: first those of [`CHANNELS`], then the others by name.
    pub(super) fn list_joined(&self) -> Vec<Login> {
        let mut joined: Vec<Login> = self.lock_open().iter().filter(|login| self.is_bot_in(login)).cloned().collect();
        let rank = |login: &Login| CHANNELS.iter().position(|channel| *channel == login.as_str());
        joined.sort_by_key(|login| (rank(login).unwrap_or(CHANNELS.len()), login.to_string()));
        joined
    }

    pub(super) fn find_setup(&self, channel: &Login) -> Option<ChannelSetup> {
        self.app.host.setup.find_channel(ChannelId(self.twitch.user_id(channel.as_str()).parse().ok()?))
    }

    pub(super) fn listen_to_unanswered(&self) -> broadcast::Receiver<Unanswered> {
        self.app.host.dispatch.listen_to_unanswered()
    }

    pub(super) fn list_losses(&self) -> BTreeMap<&'static str, u64> {
        self.app.list_losses()
    }

    /// Creates a channel once only: creating it again would remove everyone from it.
    fn open_channel(&self, login: &Login) {
        if self.lock_open().insert(login.clone()) {
            self.twitch.add_channel(login.as_str());
        }
    }

    fn lock_open(&self) -> MutexGuard<'_, HashSet<Login>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the bot has answered all messages and joined its channels; false if that takes longer than `within`.
    pub(super) async fn settle(&self, within: Duration) -> bool {
        let settled = async {
            // In this order: the bot has read all messages, has handled them, and Twitch has read its replies.
            self.twitch.ping_and_wait().await;
            wait_until_quiet(&self.app).await;
            self.twitch.ping_and_wait().await;
        };
        let is_settled = timeout(within, settled).await.is_ok();
        match is_settled {
            true => debug!(since_start = ?self.started_at.elapsed(), "quiet"),
            false => warn!("the bot is busy for long; going on without waiting"),
        }
        is_settled
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.app.stop().await?;
        self.twitch.shutdown().await;
        Ok(())
    }

    async fn seed_balances(&self) -> anyhow::Result<()> {
        let now = SystemTime::now();
        for channel in CHANNELS {
            let id = ChannelId(self.twitch.user_id(channel).parse()?);
            for (login, units) in BALANCES {
                let chatter = ChatterId(self.twitch.user_id(login).parse()?);
                let known = KnownChatter { id: chatter, login: login.parse()?, display_name: login.into() };
                self.app.host.store.save_seen(id, vec![known], now).await?;
                self.app.host.store.seed_balance(id, chatter, Amount::from_units(units, 0)).await?;
            }
        }
        Ok(())
    }
}

/// `None`: the chatter's roles in the channel. The broadcaster's role comes from the id, and must not be given.
fn list_roles(role: Role) -> Option<Vec<fake_twitch::Role>> {
    match role {
        Role::Everyone | Role::Broadcaster => None,
        Role::Subscriber => Some(vec![fake_twitch::Role::Subscriber]),
        Role::Vip => Some(vec![fake_twitch::Role::Vip]),
        Role::Moderator => Some(vec![fake_twitch::Role::Moderator]),
    }
}

/// The channels that the bot was called to in earlier runs. They must exist before the host starts and joins them.
async fn list_kept_channels(state_dir: &Path) -> anyhow::Result<Vec<Login>> {
    if !database_path(state_dir).exists() {
        return Ok(Vec::new());
    }
    let store = open_store(state_dir, Arc::new(SystemClock))?;
    let wanted = store.host.list_wanted().await?;
    store.close().await?;
    Ok(wanted.into_iter().map(|channel| channel.login).collect())
}

/// Creates the bot's account, the channels of `open`, and those that have moderators, which are added to `open`.
fn set_up_twitch(twitch: &FakeTwitch, open: &mut HashSet<Login>, moderators: &Moderators) -> anyhow::Result<()> {
    twitch.add_account(BOT, "1000", ACCESS_TOKEN);
    let appointed = moderators.list();
    for channel in appointed.keys() {
        open.insert(channel.parse()?);
    }
    for channel in &*open {
        twitch.add_channel(channel.as_str());
    }
    for (channel, logins) in &appointed {
        for login in logins {
            twitch.set_roles(channel, login, &[fake_twitch::Role::Moderator])?;
        }
    }
    Ok(())
}

fn demo_config(state_dir: &Path, address: SocketAddr, api: Option<SocketAddr>) -> anyhow::Result<Config> {
    let bot: Login = BOT.parse()?;
    let mut config = Config { data_dir: state_dir.to_owned(), ..Config::default() };
    config.twitch.irc_server = ServerAddress { is_tls: false, host: address.ip().to_string(), port: address.port() };
    config.accounts = vec![AccountConfig { login: bot.clone(), token: TokenSource::Environment(String::new()) }];
    config.http.listen = api;
    // The only client is the user of this machine, by hand or with a fuzzer: the rate limit would be in the way.
    (config.http.rate, config.http.burst) = (DEMO_RATE, DEMO_RATE);
    // Generous limits: the demo may be an unoptimised build, on a slow or busy machine.
    (config.sandbox.cpu_budget, config.sandbox.credit) = (DEMO_CPU_BUDGET, config.sandbox.credit_window);
    config.sandbox.deadline = DEMO_DEADLINE;
    for channel in CHANNELS {
        config.channels.join.push(SeedChannel { login: channel.parse()?, account: bot.clone() });
    }
    Ok(config)
}

/// A seed for message ids that differs in each run. With a saved state, a repeated id would be a duplicate to the host.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

struct DemoToken;

impl Credentials for DemoToken {
    fn fetch_access_token<'a>(&'a self, _: &'a BotAccount) -> FetchingToken<'a> {
        Box::pin(async { Ok(SecretString::from(ACCESS_TOKEN)) })
    }

    fn report_refused(&self, _: &BotAccount, _: &SecretString) {}

    fn describe_renewal(&self, _: &BotAccount) -> String {
        "start the demo again".to_owned()
    }
}
