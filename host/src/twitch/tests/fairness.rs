//! Several channels of one account: a flooded channel takes nothing of another one's share, whatever floods it.

use fake_twitch::Role as TwitchRole;

use super::*;
use crate::domain::message::ReplySource;

const SECOND: Duration = Duration::from_secs(1);
/// Twitch's window plus our margin.
const WINDOW: Duration = Duration::from_millis(32_500);

const OTHER_MODULES: [&str; 3] = ["balance", "join", "settings"];

/// The source of a flood.
#[derive(Clone, Copy, Debug)]
enum Flood {
    /// Many chatters call commands.
    Chatters,
    /// One API key has as many commands answered in chat.
    Key,
    /// One module answers each of a few calls with eight replies.
    Replies,
}

impl Flood {
    fn pour(self, bot: &Bot, channel: &str) {
        for n in 0..110 {
            let text = match self {
                Flood::Replies => format!("reply {} of call {}", n % 8, n / 8),
                _ => format!("answer {n}"),
            };
            let source = match self {
                Flood::Key => ReplySource::Caller("0123456789ab".parse().unwrap()),
                _ => ReplySource::Module("noisy".parse().unwrap()),
            };
            bot.send(OutgoingMessage { source, ..bot.message(channel, Reply::Say(text)) });
        }
    }
}

/// The account in channels of these names. It moderates those that begin with `m`.
async fn start_in(channels: &[&str]) -> (FakeTwitch, Bot) {
    let (twitch, mut bot) = start();
    enter(&twitch, &mut bot, channels).await;
    (twitch, bot)
}

async fn enter(twitch: &FakeTwitch, bot: &mut Bot, channels: &[&str]) {
    for channel in channels {
        twitch.add_channel(channel);
        if channel.starts_with('m') {
            twitch.set_roles(channel, bot.name, &[TwitchRole::Moderator]).unwrap();
        }
    }
    bot.want(channels);
    bot.until(|state| state.joined == channels.len()).await;
}

/// A channel's requests with their times.
#[derive(Default)]
struct Asked(Vec<(String, Instant)>);

impl Asked {
    fn ask(&mut self, bot: &Bot, channel: &str) {
        let text = format!("{channel} asks {}", self.0.len());
        bot.say(channel, &text);
        self.0.push((text, Instant::now()));
    }

    /// How long each answer took to arrive; `None` if it never did.
    fn list_waits(&self, twitch: &FakeTwitch, channel: &str) -> Vec<Option<Duration>> {
        let said = twitch.messages(channel);
        let wait = |(text, at): &(String, Instant)| {
            said.iter().find(|message| message.text == *text).map(|message| message.at - *at)
        };
        self.0.iter().map(wait).collect()
    }

    fn expect_within(&self, twitch: &FakeTwitch, channel: &str, longest: Duration) {
        let waits = self.list_waits(twitch, channel);
        assert!(waits.iter().all(|wait| wait.is_some_and(|wait| wait <= longest)), "{channel}: {waits:?}");
    }
}

/// Floods the first channel every half minute. The others, which have asked once before, ask once in ten seconds for
/// three minutes.
async fn expect_calm_within(channels: &[&str], flood: Flood, longest: Duration) {
    expect_calm_beside(channels, flood, 0, longest).await;
}

/// The same, after `others` other modules have answered in each calm channel.
async fn expect_calm_beside(channels: &[&str], flood: Flood, others: usize, longest: Duration) {
    let (twitch, bot) = start_in(channels).await;
    let mut calm: Vec<_> = channels[1..].iter().map(|channel| (*channel, Asked::default())).collect();
    for (channel, asked) in &mut calm {
        asked.ask(&bot, channel);
        // As many modules as a channel commonly has. Each answered once, so the rest of the share is free for all.
        for module in &OTHER_MODULES[..others] {
            let source = ReplySource::Module(module.parse().unwrap());
            bot.send(OutgoingMessage { source, ..bot.message(channel, Reply::Say(format!("{module} answers"))) });
        }
    }
    tokio::time::sleep(WINDOW).await;
    for round in 0..18 {
        if round % 3 == 0 {
            flood.pour(&bot, channels[0]);
        }
        tokio::time::sleep(SECOND).await;
        for (channel, asked) in &mut calm {
            asked.ask(&bot, channel);
        }
        tokio::time::sleep(9 * SECOND).await;
    }
    tokio::time::sleep(WINDOW).await;
    twitch.ping_and_wait().await;
    for (channel, asked) in &calm {
        asked.expect_within(&twitch, channel, longest);
    }
    let flooded = texts(&twitch, channels[0]).len();
    assert!(flooded >= 40, "{channels:?} {flood:?}: what others leave is lent: {flooded}");
    assert_eq!(twitch.violations(), []);
    assert_eq!(bot.state.borrow().counts.find("refused_rate_limited"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_calm_channel_is_answered_in_five_seconds_beside_a_flooded_one_of_its_kind() {
    for flood in [Flood::Chatters, Flood::Key, Flood::Replies] {
        expect_calm_within(&["modded", "m2"], flood, 5 * SECOND).await;
        expect_calm_within(&["shop", "cafe"], flood, 5 * SECOND).await;
        expect_calm_within(&["shop", "cafe", "bakery"], flood, 5 * SECOND).await;
        expect_calm_within(&["shop", "modded"], flood, 5 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unprivileged_channel_is_answered_in_fifteen_seconds_beside_a_flooded_privileged_one() {
    for flood in [Flood::Chatters, Flood::Key, Flood::Replies] {
        expect_calm_within(&["modded", "cafe"], flood, 15 * SECOND).await;
        expect_calm_within(&["modded", "cafe", "m2"], flood, 15 * SECOND).await;
        expect_calm_within(&["modded", "cafe", "bakery"], flood, 15 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_calm_channel_that_has_used_several_modules_is_answered_as_soon() {
    for channels in [["shop", "cafe"], ["modded", "m2"], ["shop", "modded"]] {
        expect_calm_beside(&channels, Flood::Chatters, 3, 5 * SECOND).await;
    }
    expect_calm_beside(&["modded", "cafe"], Flood::Chatters, 3, 15 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_call_after_ten_quiet_minutes_is_answered_within_the_window() {
    for channels in [["modded", "cafe"], ["modded", "m2"], ["shop", "cafe"]] {
        let (twitch, bot) = start_in(&channels).await;
        let mut asked = Asked::default();
        for round in 0..3 {
            Flood::Chatters.pour(&bot, channels[0]);
            tokio::time::sleep(SECOND).await;
            asked.ask(&bot, channels[1]);
            tokio::time::sleep(WINDOW).await;
            assert_eq!(asked.list_waits(&twitch, channels[1]).iter().flatten().count(), round + 1);
            tokio::time::sleep(601 * SECOND).await;
        }
        asked.expect_within(&twitch, channels[1], WINDOW);
        assert_eq!(twitch.violations(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flooded_channel_that_is_alone_has_the_whole_window() {
    for (channel, in_window) in [("modded", 100), ("shop", 20)] {
        let (twitch, bot) = start_in(&[channel]).await;
        for _ in 0..18 {
            Flood::Chatters.pour(&bot, channel);
            tokio::time::sleep(WINDOW / 3).await;
        }
        let said = texts(&twitch, channel).len();
        assert!((in_window * 11 / 2..=in_window * 7).contains(&said), "{channel}: {said} of {}", 6 * in_window);
        assert_eq!(twitch.violations(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn neither_kind_of_channel_starves_the_other_where_both_are_flooded() {
    let channels = ["modded", "m2", "shop", "cafe", "bakery"];
    let (twitch, bot) = start_in(&channels).await;
    for _ in 0..60 {
        channels.iter().for_each(|channel| Flood::Chatters.pour(&bot, channel));
        tokio::time::sleep(5 * SECOND).await;
    }
    twitch.ping_and_wait().await;
    let said = channels.map(|channel| texts(&twitch, channel).len());
    // 300 s hold nine windows, and each channel's share of a window is three.
    assert!(said.iter().all(|count| *count >= 24), "{said:?}");
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_key_or_module_leaves_its_own_channel_a_part() {
    for flood in [Flood::Key, Flood::Replies] {
        for channel in ["modded", "shop"] {
            let (twitch, bot) = start_in(&[channel]).await;
            let mut asked = Asked::default();
            asked.ask(&bot, channel);
            for _ in 0..12 {
                flood.pour(&bot, channel);
                tokio::time::sleep(SECOND).await;
                asked.ask(&bot, channel);
                tokio::time::sleep(9 * SECOND).await;
            }
            asked.expect_within(&twitch, channel, 5 * SECOND);
            assert_eq!(twitch.violations(), []);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_to_the_limits_is_reported_by_channel_and_so_is_the_cap() {
    let (twitch, mut bot) = start_in(&["modded", "shop"]).await;
    bot.say("modded", "hello");
    bot.say("shop", "hello");
    Flood::Chatters.pour(&bot, "shop");
    let state = bot.until_settled(112).await;
    let lost = &state.shortage.lost;
    assert_eq!((lost.len(), lost[0].channel.as_str(), lost[0].is_privileged), (1, "shop", false));
    assert_eq!(lost[0].replies, state.counts.stale + state.counts.no_room);
    assert_eq!(state.shortage.lost_total, lost[0].replies);
    assert_eq!(*state.shortage.slowed_for, [login("shop")]);
    // The cure: the bot becomes a moderator there.
    twitch.set_roles("shop", "twitchy", &[TwitchRole::Moderator]).unwrap();
    bot.say("shop", "thanks");
    bot.until(|state| state.shortage.slowed_for.is_empty()).await;
}

/// Three accounts, each with one flooded channel, for an hour.
#[tokio::test(start_paused = true)]
async fn an_hour_beside_flooded_channels_leaves_no_calm_channel_waiting() {
    let twitch = FakeTwitch::new(&Settings::default());
    let worlds = [
        ("first", ["modded", "m2"], 5 * SECOND),
        ("second", ["shop", "cafe"], 5 * SECOND),
        ("third", ["market", "bakery"], 15 * SECOND),
    ];
    let mut bots = Vec::new();
    for (n, (name, channels, _)) in worlds.iter().enumerate() {
        twitch.add_account(name, &(1_000 + n).to_string(), "secret");
        let mut bot = Bot::start(&twitch, name);
        enter(&twitch, &mut bot, channels).await;
        let mut asked = Asked::default();
        asked.ask(&bot, channels[1]);
        bots.push((bot, asked));
    }
    for second in 0..3_600u64 {
        tokio::time::sleep(SECOND).await;
        for ((bot, asked), (_, channels, _)) in bots.iter_mut().zip(&worlds) {
            // The flood meets the calm calls at a different moment each time.
            if second % 47 == 0 {
                Flood::Chatters.pour(bot, channels[0]);
            }
            if second % 10 == 7 {
                asked.ask(bot, channels[1]);
            }
            while bot.events.try_recv().is_ok() {}
        }
    }
    tokio::time::sleep(WINDOW).await;
    twitch.ping_and_wait().await;
    assert_eq!(twitch.violations(), []);
    for ((bot, asked), (_, channels, longest)) in bots.iter().zip(&worlds) {
        asked.expect_within(&twitch, channels[1], *longest);
        assert!(texts(&twitch, channels[0]).len() > 900, "{channels:?}");
        assert_eq!(bot.state.borrow().counts.find("refused_rate_limited"), 0);
    }
}
