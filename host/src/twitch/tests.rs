//! Tests of accounts against an in-memory Twitch. The paused clock advances only while nothing is left to do.

mod accounts;
mod counted;
mod fairness;
mod filtering;
mod joining;
mod logging_in;
mod reconnecting;
mod refusing;
mod sending;
mod soak;
mod stopping;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fake_twitch::{FakeTwitch, Settings};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::counted::{Counted, Meter};
use super::account::account_loop::AccountLoop;
use super::account::own_messages::OwnMessages;
use super::account::state::{AccountState, Phase};
use super::account::{Account, Shared};
use super::irc::session::Session;
use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::calling::find_call;
use crate::domain::id::{AccountId, ChannelId, Login, MessageId};
use crate::domain::message::{ChatMessage, Event, JoinFailure, OutgoingMessage, Reply, ReplySource, WantedChannel};
use crate::domain::ports::{
    AccountIds, Credentials, FetchTokenError, FetchingToken, LearningAccount, Prefixes, Unshared,
};
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;
use crate::domain::tally::Tally;
use crate::domain::trace::Trace;
use crate::domain::used_limits::UsedLimits;

fn bot_named(text: &str, id: u64) -> BotAccount {
    BotAccount { login: login(text), id: Some(AccountId(id)) }
}

/// `None`: an ordinary log-in.
type LogInAnswer = Option<Result<Option<AccountId>, String>>;

/// The log-ins in their order, and the answer to a log-in.
#[derive(Clone, Default)]
struct Ids {
    learned: Arc<Mutex<Vec<BotAccount>>>,
    answer: Arc<Mutex<LogInAnswer>>,
}

impl AccountIds for Ids {
    fn learn_account(&self, login: Login, id: AccountId) -> LearningAccount<'_> {
        self.learned.lock().unwrap().push(BotAccount { login, id: Some(id) });
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async { answer.unwrap_or(Ok(None)) })
    }
}

fn login(text: &str) -> Login {
    text.parse().unwrap()
}

/// A token that the test can change, and the tokens that were reported as refused.
#[derive(Clone)]
struct Token(Arc<Mutex<Result<String, FetchTokenError>>>, Arc<Mutex<Vec<String>>>);

impl Token {
    fn set(&self, token: Result<&str, FetchTokenError>) {
        *self.0.lock().unwrap() = token.map(str::to_owned);
    }
}

impl Credentials for Token {
    fn fetch_access_token<'a>(&'a self, _: &'a BotAccount) -> FetchingToken<'a> {
        let token = self.0.lock().unwrap().clone().map(SecretString::from);
        Box::pin(async { token })
    }

    fn report_refused(&self, _: &BotAccount, token: &SecretString) {
        self.1.lock().unwrap().push(token.expose_secret().to_owned());
    }

    fn describe_renewal(&self, _: &BotAccount) -> String {
        "set another one".to_owned()
    }
}

/// The prefix and the account of one channel, which a test can change. Messages of other channels all pass the filter.
#[derive(Clone, Default)]
struct KnownPrefixes(Arc<Mutex<Option<(ChannelId, Prefix, BotAccount)>>>);

impl KnownPrefixes {
    fn set(&self, bot: &str, channel: ChannelId, prefix: &str) {
        let bot = BotAccount { login: login(bot), id: None };
        *self.0.lock().unwrap() = Some((channel, prefix.parse().unwrap(), bot));
    }
}

impl Prefixes for KnownPrefixes {
    fn is_call(&self, channel: ChannelId, account: &BotAccount, text: &str, is_reply: bool) -> Option<bool> {
        let known = self.0.lock().unwrap();
        let (_, prefix, bot) = known.as_ref().filter(|(id, _, bot)| *id == channel && bot.is(account))?;
        Some(find_call(text, prefix, &bot.login, is_reply).is_some())
    }
}

/// A running account, seen from outside.
struct Bot {
    name: &'static str,
    twitch: FakeTwitch,
    token: Token,
    /// Kept, because an account whose sender is gone is never paused or resumed.
    _pause: watch::Sender<bool>,
    wanted: watch::Sender<Arc<[WantedChannel]>>,
    prefixes: KnownPrefixes,
    tally: Arc<Tally>,
    events: mpsc::Receiver<Event>,
    outgoing: mpsc::Sender<OutgoingMessage>,
    state: watch::Receiver<AccountState>,
    /// The error of each dial; `None` if dialling succeeds.
    failing: Arc<Mutex<Option<io::ErrorKind>>>,
    /// How often the account has dialled.
    dialled: watch::Receiver<u64>,
    /// Counts the account's reads and writes.
    meter: Meter,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Bot {
    fn start(twitch: &FakeTwitch, name: &'static str) -> Self {
        Self::start_with(twitch, name, &Arc::default(), &LimitsConfig::default())
    }

    /// Starts `name` with the access token "secret".
    fn start_with(
        twitch: &FakeTwitch,
        name: &'static str,
        own_messages: &Arc<OwnMessages>,
        limits: &LimitsConfig,
    ) -> Self {
        Self::start_again(twitch, name, own_messages, limits, UsedLimits::default())
    }

    /// Starts the account after a process that had `used` part of the limits.
    fn start_again(
        twitch: &FakeTwitch,
        name: &'static str,
        own_messages: &Arc<OwnMessages>,
        limits: &LimitsConfig,
        used: UsedLimits,
    ) -> Self {
        let token = Token(Arc::new(Mutex::new(Ok("secret".to_owned()))), Arc::default());
        let (wanted, wanted_receiver) = watch::channel(Vec::new().into());
        let (event_sender, events) = mpsc::channel(1_000);
        let (outgoing, outgoing_receiver) = mpsc::channel(1_000);
        let (state_sender, state) = watch::channel(AccountState::default());
        let (dialled_sender, dialled) = watch::channel(0);
        let (server, prefixes, tally) = (twitch.clone(), KnownPrefixes::default(), Arc::<Tally>::default());
        let meter = Meter::default();
        let failing = Arc::new(Mutex::new(None));
        let fails = failing.clone();
        let of_streams = meter.clone();
        let dial = move || {
            dialled_sender.send_modify(|count| *count += 1);
            let counted = Counted { stream: server.connect(), meter: of_streams.clone() };
            let failure = *fails.lock().unwrap();
            async move { failure.map_or(Ok(counted), |kind: io::ErrorKind| Err(io::Error::from(kind))) }
        };
        let session = Session::new(dial, Arc::new(prefixes.clone()), tally.clone(), limits);
        let (pause, paused) = watch::channel(false);
        let shared = Shared {
            credentials: Arc::new(token.clone()),
            ids: Arc::new(Ids::default()),
            events: event_sender,
            own_messages: own_messages.clone(),
            limits: limits.clone(),
            drain_within: Duration::from_secs(10),
        };
        let (bot, shared, unshared) =
            (BotAccount { login: login(name), id: None }, Arc::new(shared), Arc::new(Unshared));
        let account = Account::new(bot, shared, used, unshared, wanted_receiver, outgoing_receiver, state_sender);
        let shutdown = CancellationToken::new();
        let account_loop = AccountLoop::new(account, Box::new(session), paused);
        let task = tokio::spawn(account_loop.run(shutdown.clone()));
        let twitch = twitch.clone();
        Self {
            name,
            twitch,
            token,
            wanted,
            _pause: pause,
            prefixes,
            tally,
            events,
            outgoing,
            state,
            failing,
            dialled,
            meter,
            shutdown,
            task,
        }
    }

    /// Wants channels, with the ids that the server has for them.
    fn want(&self, channels: &[&str]) {
        let ids = channels.iter().map(|name| (*name, Some(self.twitch.user_id(name).parse().unwrap())));
        self.want_with_ids(&ids.collect::<Vec<_>>());
    }

    fn want_with_ids(&self, channels: &[(&str, Option<ChannelId>)]) {
        let account = BotAccount { login: login(self.name), id: None };
        let wanted = |(name, id): &(&str, _)| WantedChannel { id: *id, login: login(name), account: account.clone() };
        self.wanted.send_replace(channels.iter().map(wanted).collect());
    }

    /// Adds a channel and joins it.
    async fn join(&mut self, channel: &str) -> ChannelId {
        self.twitch.add_channel(channel);
        self.enter(channel).await
    }

    /// Joins an existing channel.
    async fn enter(&mut self, channel: &str) -> ChannelId {
        self.want(&[channel]);
        match self.next_event().await {
            Event::Joined { channel_id, .. } => channel_id,
            other => panic!("not joined: {other:?}"),
        }
    }

    async fn next_event(&mut self) -> Event {
        let event = timeout(Duration::from_secs(600), self.events.recv()).await;
        event.expect("an event within ten minutes").expect("the account to be alive")
    }

    async fn next_message(&mut self) -> ChatMessage {
        match self.next_event().await {
            Event::Message(message) => *message,
            other => panic!("not a message: {other:?}"),
        }
    }

    /// Expects that nothing sent by the server so far leads to another event.
    async fn expect_no_event(&mut self) {
        self.twitch.ping_and_wait().await;
        assert!(self.events.try_recv().is_err());
    }

    async fn until(&mut self, holds: impl FnMut(&AccountState) -> bool) -> AccountState {
        let state = timeout(Duration::from_secs(4 * 60 * 60), self.state.wait_for(holds)).await;
        state.expect("the state within four hours").expect("the account to be alive").clone()
    }

    async fn until_phase(&mut self, phase: Phase) {
        self.until(|state| state.phase == phase).await;
    }

    fn message(&self, channel: &str, reply: Reply) -> OutgoingMessage {
        OutgoingMessage {
            account: AccountId(1000),
            channel_id: self.twitch.user_id(channel).parse().unwrap(),
            channel_login: login(channel),
            reply,
            source: ReplySource::Module("help".parse().unwrap()),
            reply_to: None,
            role: Role::Everyone,
            asked_at: Instant::now().into_std(),
            trace: Trace::default(),
        }
    }

    fn send(&self, message: OutgoingMessage) {
        self.outgoing.try_send(message).unwrap();
    }

    fn say(&self, channel: &str, text: &str) {
        self.send(self.message(channel, Reply::Say(text.into())));
    }

    async fn until_settled(&mut self, messages: u64) -> AccountState {
        self.until(|state| state.settled >= messages).await
    }
}

/// Ends the account's task even if the test panics.
impl Drop for Bot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Twitch with the account `twitchy`.
fn start() -> (FakeTwitch, Bot) {
    let twitch = FakeTwitch::new(&Settings::default());
    twitch.add_account("twitchy", "1000", "secret");
    let bot = Bot::start(&twitch, "twitchy");
    (twitch, bot)
}

/// The texts sent to a channel by anyone.
fn texts(twitch: &FakeTwitch, channel: &str) -> Vec<String> {
    twitch.messages(channel).into_iter().map(|message| message.text).collect()
}
