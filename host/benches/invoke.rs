//! What a fresh sandbox costs: one run with one storage read, in an instance of its own and in one that is kept.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to tell")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use tests::guests;
use tokio::runtime::{Builder, Runtime};
use twitchy::balances::Balances;
use twitchy::config::SandboxConfig;
use twitchy::domain::id::{ChannelId, ChatterId};
use twitchy::domain::invocation::{Invocation, InvocationId, Origin};
use twitchy::domain::manifest::{Grants, Manifest, ModuleSource};
use twitchy::domain::message::{Channel, Chatter};
use twitchy::domain::ports::{Clock, SystemClock};
use twitchy::domain::prefix::Prefix;
use twitchy::domain::role::Role;
use twitchy::joining::{JoinPolicy, Joining};
use twitchy::sandbox::measure::Measured;
use twitchy::sandbox::world::World;
use twitchy::sandbox::{Call, Sandbox, SizeClass};
use twitchy::setup::{NewChannelRules, Setup};
use twitchy::store::Store;

const SHOP: ChannelId = ChannelId(100);

/// Limits that a kept instance does not reach.
fn limits() -> SandboxConfig {
    SandboxConfig {
        host_calls: u32::MAX,
        cpu_budget: Duration::from_secs(3600),
        deadline: Duration::from_secs(3600),
        ..SandboxConfig::default()
    }
}

fn call(manifest: Arc<Manifest>) -> Call {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let invocation = Invocation {
        id: InvocationId { origin: Origin::Chat, id: "1".into() },
        channel: Channel { id: SHOP, login: "shop".parse().unwrap(), display_name: "Shop".into() },
        chatter: Chatter {
            id: ChatterId(1),
            login: "alice".parse().unwrap(),
            display_name: "Alice".into(),
            role: Role::Everyone,
            badges: Vec::new(),
        },
        bot: "twitchy".parse().unwrap(),
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
    Call { grants: Grants::all(&manifest), manifest, invocation: Arc::new(invocation) }
}

/// Keeps all that a run needs alive.
struct Ground {
    runtime: Runtime,
    sandbox: Sandbox,
    measured: Measured,
    _folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(Store::open(&folder.path().join("twitchy.db"), Arc::clone(&clock)).unwrap());
        let world = Arc::new(World {
            setup: Arc::new(Setup::new(Arc::clone(&store), NewChannelRules::Everything)),
            joining: Joining::new(Arc::clone(&store), JoinPolicy::Open, 100),
            balances: Balances::new(Arc::clone(&store), std::collections::HashMap::new()),
            store,
            clock,
            limits: limits(),
        });
        let sandbox = Sandbox::start(&limits(), &folder.path().join("artefacts"), world).unwrap();
        let added = sandbox.add_module(guests::READS_STORAGE, ModuleSource::Bundled, SizeClass::Small);
        let manifest = runtime.block_on(added).unwrap();
        let measured = sandbox.measure(call(manifest)).unwrap();
        Ground { runtime, sandbox, measured, _folder: folder }
    }
}

fn invoke(criterion: &mut Criterion) {
    let ground = Ground::new();
    let mut group = criterion.benchmark_group("one call with one storage read");
    group.bench_function("fresh", |bencher| {
        bencher.iter_custom(|times| {
            ground.runtime.block_on(async {
                let started = Instant::now();
                for _ in 0..times {
                    ground.measured.run_fresh().await.unwrap();
                }
                started.elapsed()
            })
        });
    });
    group.bench_function("warm", |bencher| {
        bencher.iter_custom(|times| {
            ground.runtime.block_on(async {
                let mut warm = ground.measured.open_warm().await.unwrap();
                let started = Instant::now();
                for _ in 0..times {
                    warm.respond().await.unwrap();
                }
                started.elapsed()
            })
        });
    });
    group.finish();
    ground.runtime.block_on(ground.sandbox.shut_down());
}

criterion_group!(benches, invoke);
criterion_main!(benches);
