//! The cost of the disk: a single commit, many at once, and a point read.

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use twitchy::domain::effect::{Commit, Committed, Effect, Holder, LedgerEffect, StorageEffect};
use twitchy::domain::id::{ChannelId, ChatterId};
use twitchy::domain::ports::{SoleProcess, SystemClock};
use twitchy::store::Store;
use twitchy::testing;

const CHANNEL: ChannelId = ChannelId(7);
const AT_ONCE: u64 = 64;

/// An invocation's usual changes: one entry saved, one amount moved.
fn commit(number: u64) -> Commit {
    let save = Effect::Storage(
        "counter".parse().expect("a module's name"),
        StorageEffect::Save { key: format!("key{}", number % 500), value: number.to_string().into_bytes() },
    );
    let award = Effect::Ledger(
        "counter".parse().expect("a module's name"),
        LedgerEffect::Transfer {
            from: Holder::Mint,
            to: Holder::Chatter(ChatterId(number % 500)),
            amount: "1".parse().expect("an amount"),
        },
    );
    Commit { at: SystemTime::now(), ..testing::commit(CHANNEL, &number.to_string(), vec![save, award]) }
}

async fn commit_at_once(store: &Arc<Store>, numbers: std::ops::Range<u64>) {
    let mut commits = JoinSet::new();
    for number in numbers {
        let store = Arc::clone(store);
        commits.spawn(async move { store.commit(commit(number)).await });
    }
    while let Some(committed) = commits.join_next().await {
        assert!(matches!(committed, Ok(Ok(Committed::Done))));
    }
}

fn benches(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for the database");
    let store = Store::open(&folder.path().join("twitchy.db"), Arc::new(SystemClock), Arc::new(SoleProcess))
        .expect("a new database");
    let store = Arc::new(store);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (shop, bot) = ("shop".parse().expect("a login"), "bot".parse().expect("a login"));
        store.host.save_seed(Clone::clone(&shop), bot).await.expect("a new seed");
        store.host.save_channel_id(shop, CHANNEL).await.expect("a new channel");
        commit_at_once(&store, 0..500).await;
    });
    let mut next = 500;

    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(1));
    let counter = "counter".parse().expect("a module's name");
    group.bench_function("point read", |bencher| {
        bencher.iter(|| {
            black_box(store.load_entry(CHANNEL, &counter, "key250").now_or_never().expect("SQLite answers at once"))
                .expect("an entry")
        });
    });
    group.bench_function("commit alone", |bencher| {
        bencher.iter(|| {
            next += 1;
            runtime.block_on(commit_at_once(&store, next - 1..next));
        });
    });
    group.throughput(Throughput::Elements(AT_ONCE));
    group.bench_function("64 commits at once", |bencher| {
        bencher.iter(|| {
            next += AT_ONCE;
            runtime.block_on(commit_at_once(&store, next - AT_ONCE..next));
        });
    });
    group.finish();
    runtime.block_on(store.close()).expect("the store closes");
}

criterion_group!(commits, benches);
criterion_main!(commits);
