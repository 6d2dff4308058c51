//! The cost of counting a call, and of a trace that nobody listens to.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use twitchy::domain::id::{ChannelId, ChatterId, InvocationId, ModuleDigest, Origin};
use twitchy::domain::ports::Moment;
use twitchy::domain::report::{Outcome, Report, Usage};
use twitchy::domain::trace::Step;
use twitchy::telemetry::{HostEvent, Telemetry};

fn report() -> Report {
    Report {
        id: InvocationId { origin: Origin::Chat, id: "6e2ccb1f-01ed-44d0-85b6-edf762524475".into() },
        channel: ChannelId(1),
        chatter: ChatterId(2),
        module: "dice".parse().expect("a name"),
        version: semver::Version::new(1, 0, 0),
        digest: ModuleDigest([7; 32]),
        command: "roll".into(),
        outcome: Outcome::Answered,
        reason: None,
        is_dry_run: false,
        replies: 1,
        usage: Usage { processor: Duration::from_micros(20), memory: 1 << 20, runs: 1 },
        took: Duration::from_micros(300),
        at: SystemTime::UNIX_EPOCH,
    }
}

fn telemetry(criterion: &mut Criterion) {
    let telemetry = Telemetry::default();
    let report = report();
    criterion.bench_function("telemetry/a report, made and counted", |bencher| {
        bencher.iter(|| telemetry.note(HostEvent::Invocation(black_box(&report).clone())));
    });
    let at = Moment { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
    criterion.bench_function("telemetry/a trace that nobody wants", |bencher| {
        bencher.iter(|| {
            let trace = telemetry.begin_trace(black_box(at), None, || unreachable!("nobody wants it"));
            drop(trace.enter(Step::Run));
            trace.note(Step::Queue, at.instant, at.instant);
        });
    });
    criterion.bench_function("telemetry/a request, counted", |bencher| {
        bencher.iter(|| {
            telemetry.metrics.note_request(Some(black_box("/api/v1/modules/{name}")), "GET", 200, at.instant.elapsed());
        });
    });
}

criterion_group!(benches, telemetry);
criterion_main!(benches);
