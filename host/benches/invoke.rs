//! What a fresh sandbox costs: one run with one storage read, in an instance of its own and in one that is kept; and
//! whole calls, through the queue and the guests' threads, alone and from many channels at once.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to tell")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use tests::guests;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use twitchy::balances::Balances;
use twitchy::config::{SandboxConfig, WebConfig};
use twitchy::domain::id::{ChannelId, ChatterId};
use twitchy::domain::invocation::{Invocation, InvocationId, Origin};
use twitchy::domain::manifest::{Grants, Manifest, ModuleSource, SizeClass};
use twitchy::domain::message::{Channel, Chatter};
use twitchy::domain::ports::{Clock, NoSecrets, SystemClock};
use twitchy::domain::prefix::Prefix;
use twitchy::domain::role::Role;
use twitchy::joining::{JoinPolicy, Joining};
use twitchy::sandbox::web::WebClient;
use twitchy::sandbox::world::World;
use twitchy::sandbox::{Call, Sandbox};
use twitchy::setup::{NewChannelRules, Setup};
use twitchy::store::Store;

const SHOP: ChannelId = ChannelId(100);
/// Channels that call at once.
const CHANNELS: u64 = 50;

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

fn call(manifest: Arc<Manifest>, channel: ChannelId) -> Call {
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
    sandbox: Arc<Sandbox>,
    _folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(Store::open(&folder.path().join("twitchy.db"), Arc::clone(&clock)).unwrap());
        let world = Arc::new(World {
            setup: Arc::new(Setup::new(Arc::clone(&store), NewChannelRules::Everything)),
            joining: Joining::new(Arc::clone(&store), JoinPolicy::Open, 100),
            balances: Balances::new(Arc::clone(&store), std::collections::HashMap::new()),
            store,
            web: WebClient::system(&WebConfig::default()),
            secrets: Arc::new(NoSecrets),
            clock,
            limits: limits(),
        });
        let sandbox = Sandbox::start(&limits(), &folder.path().join("artefacts"), world).unwrap();
        Ground { runtime, sandbox: Arc::new(sandbox), _folder: folder }
    }

    fn add(&self, component: &[u8]) -> Arc<Manifest> {
        let added = self.sandbox.add_module(component, ModuleSource::Bundled, SizeClass::Small);
        self.runtime.block_on(added).unwrap()
    }
}

fn runs(criterion: &mut Criterion) {
    let ground = Ground::new();
    let measured = ground.sandbox.measure(call(ground.add(guests::READS_STORAGE), SHOP)).unwrap();
    let mut group = criterion.benchmark_group("one call with one storage read");
    group.bench_function("fresh", |bencher| {
        bencher.iter_custom(|times| {
            ground.runtime.block_on(async {
                let started = Instant::now();
                for _ in 0..times {
                    measured.run_fresh().await.unwrap();
                }
                started.elapsed()
            })
        });
    });
    group.bench_function("warm", |bencher| {
        bencher.iter_custom(|times| {
            ground.runtime.block_on(async {
                let mut warm = measured.open_warm().await.unwrap();
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

fn calls(criterion: &mut Criterion) {
    let ground = Ground::new();
    let echo = ground.add(guests::ECHO);
    let mut group = criterion.benchmark_group("a whole call");
    group.bench_function("alone", |bencher| {
        bencher.iter_custom(|times| ground.runtime.block_on(invoke(&ground.sandbox, &echo, &[(SHOP, times)])));
    });
    group.bench_function("of 50 channels at once", |bencher| {
        let share = |times: u64, channel| times / CHANNELS + u64::from(channel < times % CHANNELS);
        bencher.iter_custom(|times| {
            let shares: Vec<_> = (0..CHANNELS).map(|channel| (ChannelId(channel), share(times, channel))).collect();
            ground.runtime.block_on(invoke(&ground.sandbox, &echo, &shares))
        });
    });
    group.finish();
    ground.runtime.block_on(ground.sandbox.shut_down());
}

/// Makes so many calls in each channel, there one after another.
async fn invoke(sandbox: &Arc<Sandbox>, manifest: &Arc<Manifest>, shares: &[(ChannelId, u64)]) -> Duration {
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for (channel, times) in shares.iter().copied() {
        let (sandbox, call) = (Arc::clone(sandbox), call(Arc::clone(manifest), channel));
        callers.spawn(async move {
            for _ in 0..times {
                sandbox.invoke(call.clone()).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    started.elapsed()
}

criterion_group!(benches, runs, calls);
criterion_main!(benches);
