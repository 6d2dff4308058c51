//! The cost of routing a line of chat, which every message that passes the wire filter takes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use twitchy::chat::route::route;
use twitchy::domain::id::Login;
use twitchy::domain::prefix::Prefix;

fn routing(criterion: &mut Criterion) {
    let prefix = Prefix::default();
    let bot: Login = "twitchy".parse().expect("a login");
    let lines = [
        ("talk", "that was a good one, I did not see it coming at all"),
        ("word", "!balance"),
        ("arguments", "!settings set balance \"a greeting of several words\" 10m \u{E0000}"),
        ("mention", "@Twitchy, balance @somebody"),
        ("unbalanced", "!say \"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\" x\"x\"x\"x\"x\"x\"x\"x\"x\"x\"x\"x\"x\"x"),
    ];
    for (name, line) in lines {
        criterion.bench_function(&format!("route {name}"), |bencher| {
            bencher.iter(|| route(black_box(line), &prefix, &bot, false));
        });
    }
}

criterion_group!(benches, routing);
criterion_main!(benches);
