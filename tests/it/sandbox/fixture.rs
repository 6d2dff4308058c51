//! A sandbox on a real store, in a folder of its own.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use twitchy::app::secrets::StoredSecrets;
use twitchy::balances::Balances;
use twitchy::balances::provider::BalanceProvider;
use twitchy::config::{SandboxConfig, WebConfig};
use twitchy::domain::account::BotAccount;
use twitchy::domain::id::{ChannelId, ChatterId, InvocationId, Origin};
use twitchy::domain::invocation::Invocation;
use twitchy::domain::manifest::{Grants, Manifest, ModuleSource, SizeClass};
use twitchy::domain::message::{Channel, Chatter, Reply};
use twitchy::domain::ports::{Clock, SoleProcess};
use twitchy::domain::prefix::Prefix;
use twitchy::domain::role::Role;
use twitchy::joining::{JoinPolicy, Joining};
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::call::{Answer, Call, InvokeError};
use twitchy::sandbox::compile::compiler::Uploader;
use twitchy::sandbox::web::client::WebClient;
use twitchy::sandbox::world::World;
use twitchy::setup::Setup;
use twitchy::setup::defaults::NewChannelRules;
use twitchy::store::Store;
use twitchy::vault::Sealer;

use crate::harness::{ManualClock, find_bundled, patient, quick_folder};
use crate::limits::NEVER;
use crate::workshop::{compiler, upload, workshop};

pub(crate) const SHOP: ChannelId = ChannelId(100);
/// Of uploads where it does not matter who uploads.
pub(crate) const UPLOADER: Uploader = Uploader::Operator;
/// Called in each invocation that says nothing else.
const ALICE: u64 = 1;

pub(crate) struct Fixture {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) world: Arc<World>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) clock: Arc<ManualClock>,
    artefacts: PathBuf,
    pub(super) components: PathBuf,
    _folder: TempDir,
    calls: AtomicU64,
}

/// What a test varies.
pub(crate) struct Terms {
    pub(crate) limits: SandboxConfig,
    /// Answers for [`SHOP`] instead of the ledger.
    pub(crate) provider: Option<Arc<dyn BalanceProvider>>,
    /// The web; that of the machine unless told otherwise, which no guest is granted.
    pub(crate) web: Option<WebClient>,
    /// Compiles for itself instead of sharing what other tests, and earlier runs, have compiled.
    pub(crate) compiles: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Terms { limits: patient(), provider: None, web: None, compiles: false }
    }
}

impl Fixture {
    pub(crate) async fn new() -> Fixture {
        Fixture::with(Terms::default()).await
    }

    pub(crate) async fn with_limits(limit: impl FnOnce(&mut SandboxConfig)) -> Fixture {
        let mut terms = Terms::default();
        limit(&mut terms.limits);
        Fixture::with(terms).await
    }

    /// With the channel [`SHOP`], where alice has 100 points.
    pub(crate) async fn with(terms: Terms) -> Fixture {
        let folder = quick_folder();
        let manual_clock = Arc::new(ManualClock::at(Duration::from_secs(12 * 3600)));
        let clock = Arc::clone(&manual_clock) as Arc<dyn Clock>;
        let store = Arc::new(
            Store::open(&folder.path().join("twitchy.db"), Arc::clone(&clock), Arc::new(SoleProcess)).unwrap(),
        );
        let setup = Arc::new(Setup::new(Arc::clone(&store), NewChannelRules::Everything));
        let sealer = Arc::new(Sealer::new(folder.path(), &[]));
        let outside: HashMap<_, _> = terms.provider.map(|provider| (SHOP, provider)).into_iter().collect();
        let world = Arc::new(World {
            joining: Joining::new(Arc::clone(&store), JoinPolicy::Open, 100),
            balances: Balances::new(Arc::clone(&store), outside),
            web: terms.web.unwrap_or_else(|| WebClient::system(&WebConfig::default())),
            secrets: Arc::new(StoredSecrets::new(Arc::clone(&store), Arc::clone(&sealer))),
            store,
            setup,
            clock,
            limits: terms.limits,
            telemetry: Arc::default(),
        });
        let shared = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts");
        let artefacts = if terms.compiles { folder.path().join("artefacts") } else { shared() };
        let components = folder.path().join("modules");
        let sandbox = Arc::new(start(&world.limits, &world, &artefacts, &components));
        let (clock, calls) = (manual_clock, AtomicU64::new(0));
        let fixture = Fixture { sandbox, world, sealer, clock, artefacts, components, _folder: folder, calls };
        fixture.add_channel(SHOP).await;
        fixture
    }

    /// The same store and artefacts in the next process, with ordinary limits.
    pub(crate) fn restart(&self) -> Sandbox {
        self.restart_with(&patient())
    }

    pub(super) fn restart_with(&self, limits: &SandboxConfig) -> Sandbox {
        start(limits, &self.world, &self.artefacts, &self.components)
    }

    /// With a compiler that cannot be started.
    pub(super) fn restart_without_compiler(&self) -> Sandbox {
        self.restart_with_compiler(&self.artefacts.join("nothing"), NEVER)
    }

    /// With a compiler that is waited for so long.
    pub(super) fn restart_with_compiler(&self, program: &Path, wall: Duration) -> Sandbox {
        let mut workshop = workshop(&self.artefacts, &self.components);
        workshop.compiler = compiler(program, wall);
        Sandbox::start(&patient(), workshop, Arc::clone(&self.world)).unwrap()
    }

    /// The files of compiled modules.
    pub(crate) fn list_compiled(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.artefacts).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "cwasm")).collect()
    }

    pub(crate) async fn add_channel(&self, id: ChannelId) {
        let store = &self.world.store;
        let login = channel(id).login;
        store.save_seed(login.clone(), "twitchy".parse().unwrap()).await.unwrap();
        self.world.setup.learn_channel(id, &login).await.unwrap();
        store.seed_balance(id, ChatterId(ALICE), "100".parse().unwrap()).await.unwrap();
    }

    pub(crate) async fn add(&self, component: &[u8]) -> Arc<Manifest> {
        upload(&self.sandbox, component, SizeClass::Small).await.unwrap()
    }

    /// A call of the module's first command, with all that it asks for, under an id of its own.
    pub(crate) fn call(&self, manifest: &Arc<Manifest>) -> Call {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let invocation = invocation(manifest.commands[0].name.clone(), number);
        Call::new(Arc::clone(manifest), Grants::all(manifest), invocation)
    }

    pub(crate) fn call_in(&self, id: ChannelId, manifest: &Arc<Manifest>) -> Call {
        self.change_call(manifest, |invocation| invocation.channel = channel(id))
    }

    pub(crate) fn change_call(&self, manifest: &Arc<Manifest>, change: impl FnOnce(&mut Invocation)) -> Call {
        let mut call = self.call(manifest);
        change(Arc::make_mut(&mut call.invocation));
        call
    }

    pub(crate) async fn invoke(&self, manifest: &Arc<Manifest>) -> Result<Answer, InvokeError> {
        self.sandbox.invoke(self.call(manifest)).await
    }

    /// What another command of the module answers.
    pub(crate) async fn ask(&self, manifest: &Arc<Manifest>, command: &str) -> String {
        let call = self.change_call(manifest, |invocation| invocation.command = command.into());
        text(self.sandbox.invoke(call).await)
    }

    /// The bot lives on: an ordinary `!balance` is answered.
    pub(crate) async fn answers_balance(&self) {
        let balance = find_bundled("balance");
        let manifest = self.sandbox.add_module(balance, ModuleSource::Bundled, SizeClass::Small).await.unwrap();
        assert_eq!(text(self.invoke(&manifest).await), "you have 100 points");
    }
}

fn start(limits: &SandboxConfig, world: &Arc<World>, artefacts: &Path, components: &Path) -> Sandbox {
    Sandbox::start(limits, workshop(artefacts, components), Arc::clone(world)).unwrap()
}

/// The texts of an answer, with spaces between.
#[track_caller]
pub(crate) fn text(answered: Result<Answer, InvokeError>) -> String {
    let replies = answered.unwrap().outcome.unwrap();
    let texts = replies.into_iter().map(|reply| match reply {
        Reply::Say(text) | Reply::Answer(text) | Reply::Action(text) => text,
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn channel(id: ChannelId) -> Channel {
    let login = format!("shop{id}");
    Channel { id, login: login.parse().unwrap(), display_name: login.into() }
}

fn invocation(command: Box<str>, number: u64) -> Invocation {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Invocation {
        id: InvocationId { origin: Origin::Chat, id: number.to_string().into() },
        channel: channel(SHOP),
        is_proven: true,
        chatter: Chatter {
            id: ChatterId(ALICE),
            login: "alice".parse().unwrap(),
            display_name: "Alice".into(),
            role: Role::Everyone,
            badges: Vec::new(),
        },
        bot: BotAccount { login: "twitchy".parse().unwrap(), id: None },
        prefix: Prefix::default(),
        locale: "en".into(),
        command,
        arguments: Vec::new(),
        text: String::new(),
        message_id: None,
        reply_to: None,
        sent_at: now,
        settings: Vec::new(),
        details: Vec::new(),
        now,
        random_seed: 42,
    }
}
