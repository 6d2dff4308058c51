//! A sandbox on a real store, for benches.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::{Builder, Runtime};
use twitchy::balances::Balances;
use twitchy::config::{SandboxConfig, WebConfig};
use twitchy::domain::account::BotAccount;
use twitchy::domain::id::{ChannelId, ChatterId, InvocationId, Origin};
use twitchy::domain::invocation::Invocation;
use twitchy::domain::manifest::{Grants, Manifest};
use twitchy::domain::message::{Channel, Chatter};
use twitchy::domain::ports::{Clock, NoSecrets, SoleProcess, SystemClock};
use twitchy::domain::prefix::Prefix;
use twitchy::domain::role::Role;
use twitchy::joining::{JoinPolicy, Joining};
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::call::Call;
use twitchy::sandbox::compile::compiler::CompilerProgram;
use twitchy::sandbox::compile::workshop::Workshop;
use twitchy::sandbox::web::client::WebClient;
use twitchy::sandbox::world::World;
use twitchy::setup::Setup;
use twitchy::setup::defaults::NewChannelRules;
use twitchy::store::Store;
use twitchy::store::host::components::Components;

pub(crate) const SHOP: ChannelId = ChannelId(100);

/// Limits that a kept instance does not reach.
fn limits() -> SandboxConfig {
    SandboxConfig {
        host_calls: u32::MAX,
        cpu_budget: Duration::from_secs(3600),
        deadline: Duration::from_secs(3600),
        credit: Duration::from_secs(3600),
        credit_window: Duration::from_secs(3600),
        ..SandboxConfig::default()
    }
}

/// A call of the module's first command, with all that it asks for.
pub(crate) fn call(manifest: Arc<Manifest>, channel: ChannelId) -> Call {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let invocation = Invocation {
        id: InvocationId { origin: Origin::Chat, id: "1".into() },
        channel: Channel { id: channel, login: "shop".parse().unwrap(), display_name: "Shop".into() },
        is_proven: true,
        chatter: Chatter {
            id: ChatterId(1),
            login: "alice".parse().unwrap(),
            display_name: "Alice".into(),
            role: Role::Everyone,
            badges: Vec::new(),
        },
        bot: BotAccount { login: "twitchy".parse().unwrap(), id: None },
        prefix: Prefix::default(),
        locale: "en".into(),
        command: manifest.commands[0].name.clone(),
        arguments: Vec::new(),
        text: String::new(),
        message_id: None,
        reply_to: None,
        sent_at: now,
        settings: Vec::new(),
        details: Vec::new(),
        now,
        random_seed: 42,
    };
    let grants = Grants::all(&manifest);
    Call::new(manifest, grants, invocation)
}

/// Keeps all that a run needs alive.
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) sandbox: Arc<Sandbox>,
    _folder: tempfile::TempDir,
}

impl Ground {
    /// With room for the code of so many uploaded modules.
    pub(crate) fn new(compiled_modules: usize) -> Ground {
        let limits = SandboxConfig { compiled_modules, ..limits() };
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(
            Store::open(&folder.path().join("twitchy.db"), Arc::clone(&clock), Arc::new(SoleProcess)).unwrap(),
        );
        let world = Arc::new(World {
            setup: Arc::new(Setup::new(Arc::clone(&store), NewChannelRules::Everything)),
            joining: Joining::new(Arc::clone(&store), JoinPolicy::Open, 100),
            balances: Balances::new(Arc::clone(&store), std::collections::HashMap::new()),
            store,
            clock,
            limits: limits.clone(),
            telemetry: Arc::default(),
            web: WebClient::system(&WebConfig::default()),
            secrets: Arc::new(NoSecrets),
        });
        let workshop = Workshop {
            cache_dir: folder.path().join("artefacts"),
            components: Arc::new(Components::open(&folder.path().join("modules")).unwrap()),
            compiler: CompilerProgram::Program {
                path: env!("CARGO_BIN_EXE_twitchy").into(),
                wall: Duration::from_secs(600),
            },
        };
        let sandbox = Sandbox::start(&limits, workshop, world).unwrap();
        Ground { runtime, sandbox: Arc::new(sandbox), _folder: folder }
    }
}
