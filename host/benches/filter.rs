//! The cost of a line that calls no command, as nearly all lines are.

#[path = "ground/channels.rs"]
#[expect(dead_code, reason = "other benches use the rest of it")]
mod channels;

use std::hint::black_box;

use channels::{Channels, bot_of, id_of};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use twitchy::domain::tally::Tally;
use twitchy::twitch::irc::line::Filter;

const TALK: &str = "@badge-info=subscriber/14;badges=subscriber/12,bits/100;color=#19E6E6;display-name=Alice;emotes=25:9-13;\
    first-msg=0;flags=;id=6e2ccb1f-01ed-44d0-85b6-edf762524475;mod=0;returning-chatter=0;room-id=1000;subscriber=1;\
    tmi-sent-ts=1577040814959;turbo=0;user-id=40286300;user-type= :alice!alice@alice.tmi.twitch.tv PRIVMSG #shop \
    :that was a good one, I did not see it coming at all Kappa";

fn filter(criterion: &mut Criterion) {
    let channels = Channels::open(1);
    let filter = Filter::new(bot_of(0), &*channels.setup);
    let talk = TALK.replace("room-id=1000", &format!("room-id={}", id_of(0)));
    let call = talk.replace(":that", ":!that");
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Bytes(talk.len() as u64));
    group.bench_function("talk", |bencher| bencher.iter(|| filter.find_talk(black_box(&talk))));
    group.bench_function("call", |bencher| bencher.iter(|| filter.find_talk(black_box(&call))));
    let tally = Tally::default();
    group.bench_function("talk, tallied", |bencher| {
        bencher.iter(|| {
            let talk = filter.find_talk(black_box(&talk)).expect("it is talk");
            tally.lock().note(talk.channel, talk.chatter, talk.login, || talk.display_name.into());
        });
    });
}

criterion_group!(benches, filter);
criterion_main!(benches);
