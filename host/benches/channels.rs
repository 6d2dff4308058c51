//! Checks that work for one channel or module costs the same however many channels there are. Prints, for each measure,
//! the ratio of the cost with 100,000 channels to the cost with 100.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to tell")]

#[path = "ground/channels.rs"]
mod channels;

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use channels::{Channels, bot_of, channel, id_of};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;

use twitchy::domain::effect::{Committed, Effect, ModuleEffect, SetupEffect};
use twitchy::domain::id::{ChatterId, ModuleDigest};
use twitchy::domain::manifest::{Grants, Manifest, ModuleSource};
use twitchy::domain::message::Chatter;
use twitchy::domain::role::Role;
use twitchy::joining::{JoinPolicy, Joining};
use twitchy::modules::plan::Action;
use twitchy::modules::powers::Powers;
use twitchy::modules::versions::Versions;
use twitchy::testing::{by_host, command, commit, manifest, name};
use twitchy::twitch::irc::line::Filter;

const FEW: u64 = 100;
const MANY: u64 = 100_000;
/// Channels whose own part mentions the module.
const TOUCHING: u64 = 10;
/// Channels that are measured one after another, spread evenly over all of them.
const MEASURED: u64 = 100;

/// Seconds that one run took, by measure: with few channels and with many, one value a sample.
type Taken = RefCell<Vec<(&'static str, [Vec<f64>; 2])>>;

/// Measures `go`, which gets a channel's number and returns the part of its time that counts.
fn measure(
    criterion: &mut Criterion,
    taken: &Taken,
    name: &'static str,
    count: u64,
    mut go: impl FnMut(u64) -> Duration,
) {
    let mut number = 0;
    criterion.bench_function(&format!("{name}, {count} channels"), |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                number = (number + 1) % MEASURED;
                spent += go(number * (count / MEASURED));
            }
            let mut taken = taken.borrow_mut();
            if taken.iter().all(|(known, _)| *known != name) {
                taken.push((name, Default::default()));
            }
            let samples = taken.iter_mut().find(|(known, _)| *known == name).unwrap();
            samples.1[usize::from(count == MANY)].push(spent.as_secs_f64() / times as f64);
            spent
        });
    });
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn line(number: u64) -> String {
    let (id, login) = (id_of(number), channel(number).login);
    format!(
        "@badge-info=;badges=;color=#19E6E6;display-name=Alice;emotes=;flags=;id=6e2ccb1f-01ed-44d0-85b6-edf762524475;\
         mod=0;room-id={id};subscriber=0;tmi-sent-ts=1577040814959;turbo=0;user-id=40286300;user-type= \
         :alice!alice@alice.tmi.twitch.tv PRIVMSG #{login} :that was a good one, I did not see it coming"
    )
}

fn dice(number: u8) -> Arc<Manifest> {
    Arc::new(Manifest {
        digest: ModuleDigest([number; 32]),
        source: ModuleSource::Uploaded,
        version: semver::Version::new(number.into(), 0, 0),
        ..manifest("dice", vec![command("roll")], Vec::new())
    })
}

fn lines(criterion: &mut Criterion, taken: &Taken, host: &Channels, count: u64) {
    let Channels { setup, .. } = host;
    let step = count / MEASURED;
    let filters: Vec<_> = (0..MEASURED).map(|number| Filter::new(bot_of(number * step), &**setup)).collect();
    let lines: Vec<_> = (0..MEASURED).map(|number| line(number * step)).collect();
    let read = |number: u64| {
        let at = (number / step) as usize;
        assert!(black_box(filters[at].find_talk(&lines[at])).is_some());
    };
    let change = |number: u64| {
        let before = setup.find_channel(id_of(number)).unwrap();
        let prefix = Effect::Setup(SetupEffect::ChangePrefix("?".parse().unwrap()));
        black_box(before.apply_all(&[prefix]));
        setup.reload(id_of(number)).now_or_never().expect("SQLite answers at once").unwrap();
    };
    measure(criterion, taken, "a change without its commit, and the channel's next line", count, |number| {
        let start = Instant::now();
        change(number);
        read(number);
        start.elapsed()
    });
    measure(criterion, taken, "a line", count, |number| {
        let start = Instant::now();
        read(number);
        start.elapsed()
    });
    measure(criterion, taken, "a line after another channel's change", count, |number| {
        change((number + step) % count);
        let start = Instant::now();
        read(number);
        start.elapsed()
    });
}

fn join(criterion: &mut Criterion, taken: &Taken, host: &Channels, count: u64) {
    let joining = Joining::new(host.store.clone(), JoinPolicy::Open, 1000);
    let chatter = |number: u64| Chatter {
        id: ChatterId(2 + id_of(number).0),
        login: format!("chatter{number}").parse().unwrap(),
        display_name: "Chatter".into(),
        role: Role::Everyone,
        badges: Vec::new(),
    };
    measure(criterion, taken, "the decision about a !join", count, |number| {
        let (chatter, account) = (chatter(number), bot_of(number));
        let start = Instant::now();
        let presence =
            joining.load_presence(&chatter, &account).now_or_never().expect("SQLite answers at once").unwrap();
        black_box(joining.check_join(&chatter, &account, presence)).unwrap();
        start.elapsed()
    });
}

fn versions(criterion: &mut Criterion, taken: &Taken, host: &Channels, count: u64) {
    let Channels { setup, store, runtime, .. } = host;
    let versions = Arc::new(Versions::new(store.clone(), setup.clone()));
    for number in [1, 2] {
        runtime.block_on(versions.add(dice(number), None, Powers::Operator, by_host())).unwrap();
    }
    for number in 0..TOUCHING {
        let accept = ModuleEffect::AcceptVersion { digest: dice(1).digest, grants: Grants::default() };
        let effects =
            [accept, ModuleEffect::Switch { enabled: true }].map(|effect| Effect::Module(name("dice"), effect));
        let number = number * (count / TOUCHING);
        let accepted = setup.commit(commit(id_of(number), &format!("accept {number}"), effects.into()));
        assert_eq!(runtime.block_on(accepted).unwrap(), Committed::Done);
    }
    assert_eq!(setup.count_enabled(&name("dice")) as u64, TOUCHING);
    let mut is_withdrawn = false;
    measure(criterion, taken, "a version more or less, of a module in 10 channels", count, |_| {
        let version = semver::Version::new(2, 0, 0);
        let action = match is_withdrawn {
            true => Action::Restore { version },
            false => Action::Withdraw { version, is_forced: true },
        };
        is_withdrawn = !is_withdrawn;
        let start = Instant::now();
        runtime.block_on(versions.change(name("dice"), action, |_| true, Powers::Operator, by_host())).unwrap();
        start.elapsed()
    });
}

fn benches(criterion: &mut Criterion) {
    let taken = Taken::default();
    for count in [FEW, MANY] {
        let host = Channels::open(count);
        lines(criterion, &taken, &host, count);
        join(criterion, &taken, &host, count);
        versions(criterion, &taken, &host, count);
    }
    for (name, [few, many]) in &mut *taken.borrow_mut() {
        let (few, many) = (median(few), median(many));
        println!(
            "{name}: {:.2} us with {FEW} channels, {:.2} us with {MANY}: {:.2} times as much",
            few * 1e6,
            many * 1e6,
            many / few
        );
    }
}

criterion_group! {
    name = channels_bench;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = benches
}
criterion_main!(channels_bench);
