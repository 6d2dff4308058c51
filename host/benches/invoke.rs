//! The cost of a fresh sandbox: one run with one storage read, in a fresh instance and in a reused one; and whole
//! calls, through the queue and the guests' threads, from one channel and from many at once.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to tell")]

#[path = "ground/ground.rs"]
mod ground;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use ground::{Ground, SHOP};
use tests::guests;
use tokio::task::JoinSet;
use twitchy::domain::id::ChannelId;
use twitchy::domain::manifest::{Manifest, ModuleSource, SizeClass};
use twitchy::sandbox::Sandbox;
use twitchy::sandbox::run::measure::Measured;
use twitchy::testing::{self, call, channel};

/// Channels that call at once.
const CHANNELS: u64 = 50;

fn add(ground: &Ground, component: &[u8]) -> Arc<Manifest> {
    let added = ground.sandbox.add_module(component, ModuleSource::Bundled, SizeClass::Small);
    ground.runtime.block_on(added).unwrap()
}

fn runs(criterion: &mut Criterion) {
    let ground = Ground::new(1);
    let call = call("1", channel(SHOP, "shop"), &add(&ground, guests::READS_STORAGE));
    let measured = ground.runtime.block_on(Measured::new(&ground.sandbox, call)).unwrap();
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
    let ground = Ground::new(1);
    let echo = add(&ground, guests::ECHO);
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

/// Calls the module concurrently in all channels; in each, `times` calls one after another.
async fn invoke(sandbox: &Arc<Sandbox>, manifest: &Arc<Manifest>, shares: &[(ChannelId, u64)]) -> Duration {
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for (channel, times) in shares.iter().copied() {
        let (sandbox, call) = (Arc::clone(sandbox), call("1", testing::channel(channel, "shop"), manifest));
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
