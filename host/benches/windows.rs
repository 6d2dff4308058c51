//! The cost of the limits: asking for and counting one message, among as many channels as an account may join.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::time::Instant;
use twitchy::config::LimitsConfig;
use twitchy::domain::id::ChannelId;
use twitchy::domain::ports::Unshared;
use twitchy::twitch::account::rate_window::MessageWindows;

fn windows(criterion: &mut Criterion) {
    let (mut windows, mut now, mut turn) =
        (MessageWindows::new(&LimitsConfig::default(), Arc::new(Unshared)), Instant::now(), 0u64);
    criterion.bench_function("windows/free_at_and_note", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let channel = ChannelId(turn % 100);
            let is_privileged = turn.is_multiple_of(3);
            let pause_ends_at = windows.pause_ends_at(channel, is_privileged, Duration::ZERO, now);
            now = black_box(windows.opens_at(is_privileged, now).max(pause_ends_at)) + Duration::from_millis(1);
            windows.note(channel, now);
        });
    });
}

criterion_group!(benches, windows);
criterion_main!(benches);
