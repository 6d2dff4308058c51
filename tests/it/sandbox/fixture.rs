//! A sandbox with a real store, in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use twitchy::balances::provider::BalanceProvider;
use twitchy::bench::{self, BenchHost};
use twitchy::config::SandboxConfig;
use twitchy::domain::id::{ChannelId, ChatterId};
use twitchy::domain::invocation::Invocation;
use twitchy::domain::manifest::{Manifest, ModuleSource, SizeClass};
use twitchy::domain::message::{Channel, Reply};
use twitchy::domain::trace::{FinishedTrace, Step, Trace, TraceSink, TraceSubject};
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::call::{Answer, Call, InvokeError};
use twitchy::sandbox::compile::compiler::Uploader;
use twitchy::sandbox::web::client::WebClient;
use twitchy::sandbox::world::World;
use twitchy::testing;

use crate::harness::{ManualClock, find_bundled, midnight, patient};
use crate::limits::NEVER;
use crate::workshop::{compile_parts, compiler, shared_artefacts, upload};

pub(crate) const SHOP: ChannelId = ChannelId(100);
/// The uploader, where a test does not depend on it.
pub(crate) const UPLOADER: Uploader = Uploader::Operator;
/// The chatter of each invocation, unless the test changes it.
const ALICE: u64 = 1;

pub(crate) struct Fixture {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) world: Arc<World>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ground: BenchHost,
    artefacts: PathBuf,
    calls: AtomicU64,
}

/// The settings that tests vary.
pub(crate) struct Terms {
    pub(crate) limits: SandboxConfig,
    /// The balance provider of [`SHOP`]; `None` means the ledger.
    pub(crate) provider: Option<Arc<dyn BalanceProvider>>,
    /// The web client; `None` means the real network, to which no guest has a grant.
    pub(crate) web: Option<WebClient>,
    /// Whether the fixture has its own empty folder of compiled modules. Otherwise tests and earlier runs share one.
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

    /// A fixture with the channel [`SHOP`], where alice has 100 points.
    pub(crate) async fn with(terms: Terms) -> Fixture {
        let clock = Arc::new(ManualClock::at(midnight() + Duration::from_secs(12 * 3600)));
        let usual = bench::BenchOptions::default();
        let ground = BenchHost::open(bench::BenchOptions {
            clock: clock.clone(),
            limits: terms.limits,
            outside: terms.provider.map(|provider| (SHOP, provider)).into_iter().collect(),
            web: terms.web.unwrap_or(usual.web),
            ..usual
        });
        let ground = ground.unwrap();
        let own = || ground.folder.join("artefacts");
        let artefacts = if terms.compiles { own() } else { shared_artefacts() };
        let sandbox = ground.start_sandbox(compile_parts(&ground, &artefacts)).unwrap();
        let world = Arc::clone(&ground.world);
        let fixture = Fixture { sandbox, world, clock, ground, artefacts, calls: AtomicU64::new(0) };
        fixture.add_channel(SHOP).await;
        fixture
    }

    /// A new sandbox on the same store and artefacts, as after a restart, with the usual limits of tests.
    pub(crate) fn restart(&self) -> Sandbox {
        self.restart_with(&patient())
    }

    pub(super) fn restart_with(&self, limits: &SandboxConfig) -> Sandbox {
        Sandbox::start(limits, compile_parts(&self.ground, &self.artefacts), Arc::clone(&self.world)).unwrap()
    }

    /// As [`Fixture::restart`], with a compiler that cannot be started.
    pub(super) fn restart_without_compiler(&self) -> Sandbox {
        self.restart_with_compiler(&self.artefacts.join("nothing"), NEVER)
    }

    /// As [`Fixture::restart`], with `program` as the compiler and `wall` as its timeout.
    pub(super) fn restart_with_compiler(&self, program: &Path, wall: Duration) -> Sandbox {
        let mut parts = compile_parts(&self.ground, &self.artefacts);
        parts.compiler = compiler(program, wall);
        Sandbox::start(&patient(), parts, Arc::clone(&self.world)).unwrap()
    }

    /// The folder of uploaded components.
    pub(super) fn components(&self) -> PathBuf {
        self.ground.folder.join("modules")
    }

    /// The paths of the compiled modules on disk.
    pub(crate) fn list_compiled(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.artefacts).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|ending| ending == "cwasm")).collect()
    }

    pub(crate) async fn add_channel(&self, id: ChannelId) {
        let store = &self.world.store;
        let login = channel(id).login;
        store.host.save_seed(login.clone(), "twitchy".parse().unwrap()).await.unwrap();
        self.world.setup.learn_channel(id, &login).await.unwrap();
        store.seed_balance(id, ChatterId(ALICE), "100".parse().unwrap()).await.unwrap();
    }

    pub(crate) async fn add(&self, component: &[u8]) -> Arc<Manifest> {
        upload(&self.sandbox, component, SizeClass::Small).await.unwrap()
    }

    /// A call of the module's first command, with all requested grants and a new invocation id.
    pub(crate) fn call(&self, manifest: &Arc<Manifest>) -> Call {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        testing::call(&number.to_string(), channel(SHOP), manifest)
    }

    pub(crate) fn call_in(&self, id: ChannelId, manifest: &Arc<Manifest>) -> Call {
        self.change_call(manifest, |invocation| invocation.channel = channel(id))
    }

    pub(crate) fn change_call(&self, manifest: &Arc<Manifest>, change: impl FnOnce(&mut Invocation)) -> Call {
        let mut call = self.call(manifest);
        change(Arc::make_mut(&mut call.invocation));
        call
    }

    /// The call with a trace, whose steps are collected in `traces` when the call has ended.
    pub(crate) fn traced(&self, mut call: Call, traces: &Arc<Traces>) -> Call {
        let subject = TraceSubject {
            parent: None,
            channel: call.invocation.channel.id,
            module: call.manifest.name.clone(),
            version: call.manifest.version.clone(),
            command: call.invocation.command.clone(),
            origin: call.invocation.id.origin,
        };
        call.trace = Trace::begin(subject, self.world.clock.now(), traces.clone());
        call
    }

    pub(crate) async fn invoke(&self, manifest: &Arc<Manifest>) -> Result<Answer, InvokeError> {
        self.sandbox.invoke(self.call(manifest)).await
    }

    /// Calls another command of the module, and returns the text of its answer.
    pub(crate) async fn ask(&self, manifest: &Arc<Manifest>, command: &str) -> String {
        let call = self.change_call(manifest, |invocation| invocation.command = command.into());
        text(self.sandbox.invoke(call).await)
    }

    /// Checks that the host still works: an ordinary `!balance` is answered.
    pub(crate) async fn answers_balance(&self) {
        let balance = find_bundled("balance");
        let manifest = self.sandbox.add_module(balance, ModuleSource::Bundled, SizeClass::Small).await.unwrap();
        assert_eq!(text(self.invoke(&manifest).await), "you have 100 points");
    }
}

/// The steps of each finished trace.
#[derive(Default)]
pub(crate) struct Traces(Mutex<Vec<Vec<Step>>>);

impl Traces {
    pub(crate) fn take(&self) -> Vec<Vec<Step>> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl TraceSink for Traces {
    fn take_trace(&self, trace: FinishedTrace) {
        self.0.lock().unwrap().push(trace.steps.iter().map(|taken| taken.step).collect());
    }
}

/// The texts of an answer, separated by spaces.
#[track_caller]
pub(crate) fn text(answered: Result<Answer, InvokeError>) -> String {
    let replies = answered.unwrap().outcome.unwrap();
    let texts = replies.into_iter().map(|reply| match reply {
        Reply::Say(text) | Reply::Answer(text) | Reply::Action(text) => text,
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn channel(id: ChannelId) -> Channel {
    testing::channel(id, &format!("shop{id}"))
}
