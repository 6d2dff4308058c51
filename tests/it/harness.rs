//! The host without Twitch: a store in a temporary folder, a sandbox, and a clock that only a test moves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tests::guests;
use twitchy::bench::{BenchHost, BenchOptions};
use twitchy::chat::dispatch::Dispatch;
use twitchy::config::{FuseConfig, SandboxConfig};
use twitchy::domain::audit::{Actor, Stamp};
use twitchy::domain::effect::{Commit, Committed, Effect, ModuleEffect, PresenceEffect, Revision, Scope, SetupEffect};
use twitchy::domain::id::{AccountId, ChannelId, ChatterId, Login, MessageId};
use twitchy::domain::manifest::{ModuleSource, SizeClass};
use twitchy::domain::message::{Channel, ChatMessage, KnownChatter, QuotedMessage};
use twitchy::domain::ports::Clock;
use twitchy::domain::role::Role;
use twitchy::joining::JoinPolicy;
use twitchy::modules::powers::Powers;
use twitchy::modules::versions::Versions;
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::world::World;
use twitchy::setup::Setup;
use twitchy::setup::defaults::NewChannelRules;
use twitchy::store::{Store, StoreError};
use twitchy::telemetry::Telemetry;
use twitchy::testing::{self, chatter};
use twitchy::transcript::{ChannelHeader, Heard, Said, Step, Transcript, show_reply};

pub(crate) use twitchy::bench::clock::ManualClock;
pub(crate) use twitchy::bench::quick_folder;
pub(crate) use twitchy::testing::login;

pub(crate) use crate::limits::patient;
pub(crate) use crate::manual_tenure::ManualTenure;
use crate::workshop::{compile_parts, shared_artefacts, upload};

pub(crate) mod bots;
mod bundled;
mod rich_provider;
mod wishes;

pub(crate) use bundled::{MODULES, find_bundled};
use wishes::Wishes;

/// The host, from the store to dispatch.
pub(crate) struct House {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) store: Arc<Store>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenure: Arc<ManualTenure>,
    pub(crate) telemetry: Arc<Telemetry>,
    is_closed: bool,
    pub(crate) ground: BenchHost,
}

impl House {
    /// Builds dispatch anew, as a restarted host does.
    pub(crate) fn start_dispatch(&self, fuse: FuseConfig) -> Dispatch {
        Dispatch::new(self.sandbox.clone(), fuse, Some(self.versions.clone()))
    }

    /// Opens a house with the channels that the headers describe: see [`check`].
    pub(crate) async fn open(headers: &[&ChannelHeader], limits: SandboxConfig) -> House {
        let wishes = Wishes::of(headers);
        let clock = Arc::new(ManualClock::at(midnight() + wishes.time_of_day));
        let tenure = Arc::new(ManualTenure::default());
        let ground = BenchHost::open(BenchOptions {
            clock: clock.clone(),
            tenure: tenure.clone(),
            limits,
            new_channels: NewChannelRules::Essentials,
            join_policy: if wishes.is_join_open { JoinPolicy::Open } else { JoinPolicy::Closed },
            capacity: wishes.room.unwrap_or(100),
            outside: wishes.outside.clone(),
            ..BenchOptions::default()
        });
        let ground = ground.expect("it is new");
        let sandbox = ground.start_sandbox(compile_parts(&ground, &shared_artefacts())).expect("the sandbox starts");
        let dispatch = Arc::new(Dispatch::new(sandbox.clone(), wishes.fuse.clone(), None));
        let World { store, setup, telemetry, .. } = &*ground.world;
        let (store, setup, telemetry) = (store.clone(), setup.clone(), telemetry.clone());
        let versions = Arc::new(Versions::new(store.clone(), setup.clone()));
        let house =
            House { dispatch, store, setup, versions, sandbox, clock, tenure, telemetry, is_closed: false, ground };
        house.add_modules(&wishes).await;
        for header in headers {
            house.open_channel(header).await;
        }
        house.setup.load_all().await.expect("the store is sound");
        house
    }

    /// Opens a house with one channel, `#shop`, in which these guests and the bundled modules are on.
    pub(crate) async fn with_guests(guests: &[&str]) -> House {
        let enabled = ["balance", "settings", "help"].iter().chain(guests).copied().collect::<Vec<_>>().join(", ");
        let header = ChannelHeader { login: login("shop"), pairs: vec![("enabled".to_owned(), enabled)] };
        House::open(&[&header], patient()).await
    }

    async fn add_modules(&self, wishes: &Wishes) {
        for name in MODULES {
            self.add_module(find_bundled(name), ModuleSource::Bundled).await;
        }
        for (name, bytes) in GUESTS {
            if wishes.enabled.iter().any(|enabled| enabled == name) {
                self.add_module(bytes, ModuleSource::Bundled).await;
            } else if wishes.uploaded.iter().any(|uploaded| uploaded == name) {
                self.add_module(bytes, ModuleSource::Uploaded).await;
            } else if wishes.configured.iter().any(|configured| configured == name) {
                self.add_module(bytes, ModuleSource::Configured).await;
            }
        }
    }

    async fn add_module(&self, bytes: &[u8], source: ModuleSource) {
        let small = SizeClass::Small;
        match source {
            ModuleSource::Bundled | ModuleSource::Configured => {
                let added = self.sandbox.add_module(bytes, source, small).await;
                assert!(self.setup.add_module(added.expect("the module is sound")));
            }
            ModuleSource::Uploaded => {
                let manifest = upload(&self.sandbox, bytes, small).await.expect("the module is sound");
                let added = self.versions.add(manifest, None, Powers::Operator, self.stamp()).await;
                added.expect("its name is free");
            }
        }
    }

    /// The stamp of a change by the command line, now.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { by: Actor::CommandLine { system_user: None }, at: self.clock.now().wall, address: None }
    }

    async fn open_channel(&self, header: &ChannelHeader) {
        let find = |wanted: &str| header.pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
        let bot = find("bot").unwrap_or("twitchy");
        if bot == "absent" {
            return;
        }
        let id = channel_id(&header.login);
        let channel = Channel { id, login: header.login.clone(), display_name: header.login.as_str().into() };
        let mut effects = vec![Effect::Presence(PresenceEffect::Want { channel, account: bots::bot(bot) })];
        effects.extend(find("prefix").map(|prefix| {
            Effect::Setup(SetupEffect::ChangePrefix(prefix.parse().expect("prefix: 1 to 5 characters")))
        }));
        effects.extend(find("enabled").into_iter().flat_map(list).map(|name| {
            Effect::Module(name.parse().expect("enabled: names of modules"), ModuleEffect::Switch { enabled: true })
        }));
        self.commit(id, effects).await;
        for pair in find("balances").into_iter().flat_map(list) {
            let (name, amount) = pair.split_once(' ').expect("balances: alice 5, bob 7");
            let amount = amount.parse().expect("a balance is a decimal number");
            self.store.seed_balance(id, chatter_id(&login(name)), amount).await.expect("the store is open");
            self.save_seen(id, name).await;
        }
        for name in find("seen").into_iter().flat_map(list) {
            self.save_seen(id, &name).await;
        }
    }

    async fn commit(&self, channel: ChannelId, effects: Vec<Effect>) {
        let commit = Commit {
            noted: vec![(Scope::Setup { channel }, Revision(0))],
            at: self.clock.now().wall,
            ..testing::commit(channel, &format!("opens-{channel}"), effects)
        };
        assert_eq!(self.store.commit(commit).await.expect("the store is open"), Committed::Done);
    }

    async fn save_seen(&self, channel: ChannelId, name: &str) {
        let (name, shown) = name.split_once(' ').unwrap_or((name, name));
        let login = login(name);
        let chatter = KnownChatter { id: chatter_id(&login), display_name: shown.into(), login };
        self.store.save_seen(channel, vec![chatter], self.clock.now().wall).await.expect("the store is open");
    }

    /// The bot's reaction to a message, in the notation of transcripts.
    pub(crate) async fn hear(&self, message: ChatMessage) -> Heard {
        let login = message.chatter.login.clone();
        match self.dispatch.answer(message).await {
            Ok(replies) if replies.is_empty() => Heard::Nothing(None),
            Ok(replies) => Heard::Replies(replies.iter().map(|sent| show_reply(&sent.reply, &login)).collect()),
            Err(silence) => Heard::Nothing(Some(silence.to_string())),
        }
    }

    /// Like [`House::hear`], but ends a guest that never returns. Only that guest's processor time passes.
    pub(crate) async fn hear_alone(&self, message: ChatMessage) -> Heard {
        let is_endless = message.text.contains(ENDLESS_WORD);
        self.clock.step_processor(if is_endless { patient().cpu_budget } else { Duration::ZERO });
        let heard = self.hear(message).await;
        self.clock.stop_processor();
        heard
    }

    pub(crate) async fn close(mut self) {
        self.sandbox.shut_down().await;
        let closed = self.store.close().await;
        // The test may have closed the store itself.
        assert!(matches!(closed, Ok(()) | Err(StoreError::Closed)), "something was left to be written: {closed:?}");
        self.is_closed = true;
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Otherwise the guests' threads and the writer would outlive the test, and an error of theirs would go unseen.
        assert!(self.is_closed || std::thread::panicking(), "the test left its house open");
    }
}

/// Plays a transcript. If it is wrong, the failure shows all of it corrected.
///
/// Optional keys of a channel's first line:
/// - `enabled: balance, echo` (bundled modules and guests), `uploaded: counter` (a guest without grants), `configured:
///   traps` (a guest that the operator loads, on everywhere)
/// - `prefix: ?`, `bot: robot` (`absent`: no bot has joined yet), `balances: alice 5, bob 7`, `seen: bob, arisu アリス`
///   (with a display name), `provider: down` or `rich`
/// - for the whole host: `time: 12:00:00`, `join: open`, `room: 2` (channels for each account), `fuse: restores`
pub(crate) async fn check(text: &str) {
    let transcript = Transcript::parse(text).unwrap_or_else(|error| panic!("{error} of\n{text}"));
    let mut headers: Vec<&ChannelHeader> = Vec::new();
    for turn in &transcript.turns {
        if let Step::Channel(header) = &turn.step
            && headers.iter().all(|known| known.login != header.login)
        {
            headers.push(header);
        }
    }
    let house = House::open(&headers, patient()).await;
    let mut stage = Stage { channel: None, bots: bots::bots_of(&headers), spoken: 0 };
    let mut heard = Vec::new();
    for turn in &transcript.turns {
        heard.push(match &turn.step {
            Step::Said(said) => house.hear_alone(stage.message(said, &house)).await,
            Step::Pause(span) => {
                house.clock.advance(*span);
                Heard::Nothing(None)
            }
            Step::Channel(header) => {
                stage.channel = Some(header.login.clone());
                Heard::Nothing(None)
            }
            Step::Nothing => Heard::Nothing(None),
        });
    }
    house.close().await;
    if let Some(corrected) = transcript.corrected(&heard) {
        panic!("the transcript is wrong; this is what happens:\n\n{corrected}");
    }
}

/// The position in the transcript: the current channel, and how many lines were spoken.
struct Stage {
    channel: Option<Login>,
    bots: HashMap<Login, AccountId>,
    spoken: usize,
}

impl Stage {
    fn message(&mut self, said: &Said, house: &House) -> ChatMessage {
        if !said.is_again {
            self.spoken += 1;
        }
        let channel = self.channel.clone().expect("a transcript begins with a channel");
        let reply_to = said.is_reply.then(|| QuotedMessage {
            id: MessageId("quoted".into()),
            chatter_id: chatter_id(&login("somebody")),
            chatter_login: login("somebody"),
            text: "what was said".into(),
        });
        ChatMessage {
            account: self.bots.get(&channel).copied().or(bots::bot("twitchy").id).unwrap(),
            is_action: said.is_action,
            reply_to,
            sent_at: house.clock.now().wall,
            is_shared_copy: said.is_copy,
            ..message(channel.as_str(), said.role, said.name.as_str(), self.spoken, &said.text)
        }
    }
}

/// A chat message, received by the account `twitchy`.
pub(crate) fn message(channel: &str, role: Role, name: &str, id: usize, text: &str) -> ChatMessage {
    let chatter = chatter(chatter_id(&login(name)), name, role);
    let channel = testing::channel(channel_id(&login(channel)), channel);
    let account = bots::bot("twitchy").id.unwrap();
    ChatMessage { account, ..testing::message(&format!("message-{id}"), channel, chatter, text) }
}

pub(crate) fn header(channel: &str, pairs: &[(&str, &str)]) -> ChannelHeader {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ChannelHeader { login: login(channel), pairs }
}

/// Midnight of a day in 2026.
pub(crate) fn midnight() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 / 86_400 * 86_400)
}

/// Derives an id from a name: the same chatter in every test. A channel and its broadcaster share an id, as on Twitch.
pub(crate) fn chatter_id(login: &Login) -> ChatterId {
    ChatterId(login.as_str().bytes().fold(7, |number, byte| (number * 31 + u64::from(byte)) % 1_000_000_007))
}

pub(crate) fn channel_id(login: &Login) -> ChannelId {
    chatter_id(login).own_channel()
}

fn list(names: &str) -> impl Iterator<Item = String> {
    names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The command whose guest never returns.
const ENDLESS_WORD: &str = "loops-forever";

/// The guests that a header may name.
const GUESTS: [(&str, &[u8]); 10] = [
    ("claims-words", guests::CLAIMS_WORDS),
    ("counter", guests::COUNTER),
    ("counts-slowly", guests::COUNTS_SLOWLY),
    ("echo", guests::ECHO),
    ("grabs-memory", guests::GRABS_MEMORY),
    ("huge-reply", guests::HUGE_REPLY),
    (ENDLESS_WORD, guests::LOOPS_FOREVER),
    ("refuses", guests::REFUSES),
    ("transfers", guests::TRANSFERS),
    ("traps", guests::TRAPS),
];
