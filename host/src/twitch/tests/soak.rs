//! An hour in seconds: whatever accounts are asked for, and whatever happens to them, they break no rule; and an idle
//! hour costs almost nothing.

use std::sync::atomic::Ordering::Relaxed;

use fake_twitch::{Role as TwitchRole, RoomChange};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const ACCOUNTS: [&str; 3] = ["first", "second", "third"];
/// All accounts moderate the first channel and are VIPs in the second.
const CHANNELS: [&str; 6] = ["modded", "vip", "shop", "cafe", "bakery", "market"];

/// Pseudo-random numbers, the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) % end
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn is_one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// Three accounts, which have joined the first six, five and four channels.
async fn start_three() -> (FakeTwitch, Vec<Bot>) {
    let twitch = FakeTwitch::new(&Settings::default());
    CHANNELS.iter().for_each(|channel| drop(twitch.add_channel(channel)));
    let own = Arc::default();
    let mut bots = Vec::new();
    for (n, name) in ACCOUNTS.into_iter().enumerate() {
        twitch.add_account(name, &(1_000 + n).to_string(), "secret");
        twitch.set_roles("modded", name, &[TwitchRole::Moderator]).unwrap();
        twitch.set_roles("vip", name, &[TwitchRole::Vip]).unwrap();
        let mut bot = Bot::start_with(&twitch, name, &own, &LimitsConfig::default());
        bot.want(&CHANNELS[..CHANNELS.len() - n]);
        bot.until(|state| state.joined == CHANNELS.len() - n).await;
        bots.push(bot);
    }
    (twitch, bots)
}

/// Lets something happen in a room or to the connections that the accounts do not cause.
fn happen(twitch: &FakeTwitch, dice: &mut Dice) {
    let channel = dice.pick(&CHANNELS);
    let change = |change| twitch.change_room_state(channel, change).unwrap();
    match dice.below(200) {
        0 => change(RoomChange::Slow(Some(SECOND * 30))),
        1..=2 => change(RoomChange::Slow(Some(SECOND * 5))),
        3..=5 => change(RoomChange::Slow(None)),
        6 => change(RoomChange::EmoteOnly(true)),
        7..=9 => change(RoomChange::EmoteOnly(false)),
        10 => change(RoomChange::SubscribersOnly(true)),
        11..=13 => change(RoomChange::SubscribersOnly(false)),
        14 => change(RoomChange::FollowersOnly(Some(Duration::ZERO))),
        15..=17 => change(RoomChange::FollowersOnly(None)),
        18 => change(RoomChange::Unique(true)),
        19..=20 => change(RoomChange::Unique(false)),
        21 => twitch.time_out(channel, dice.pick(&ACCOUNTS), SECOND * 15).unwrap(),
        22 => twitch.ban(channel, dice.pick(&ACCOUNTS)).unwrap(),
        23..=24 => ACCOUNTS.iter().for_each(|account| twitch.pardon(channel, account).unwrap()),
        25 => match dice.below(3) {
            0 => twitch.reconnect(),
            1 => twitch.drop_connections(),
            _ => twitch.raw(":tmi.twitch.tv RECONNECT"),
        },
        _ => {}
    }
}

/// Asks for more messages than may be sent, in bursts; now and then unwants channels for a while. Returns their number.
fn ask(bot: &Bot, dice: &mut Dice) -> u64 {
    if dice.is_one_in(300) {
        let count = 1 + dice.below(CHANNELS.len() as u64) as usize;
        bot.want(&CHANNELS[..count]);
    }
    let count = if dice.is_one_in(60) { 30 } else { dice.below(4) };
    for _ in 0..count {
        let text = match dice.below(20) {
            0 => "word ".repeat(250),
            1..=9 => "the same again".to_owned(),
            n => format!("answer {n}"),
        };
        let reply = if dice.is_one_in(9) { Reply::Action(text) } else { Reply::Say(text) };
        let role = dice.pick(&[Role::Everyone, Role::Everyone, Role::Moderator, Role::Broadcaster]);
        bot.send(OutgoingMessage { role, ..bot.message(dice.pick(&CHANNELS), reply) });
    }
    count
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_everything_breaks_no_rule_and_silences_nobody() {
    let (twitch, mut bots) = start_three().await;
    let mut dice = Dice(2026);
    let mut asked = [0; ACCOUNTS.len()];
    for _ in 0..3_600 {
        happen(&twitch, &mut dice);
        for (bot, asked) in bots.iter_mut().zip(&mut asked) {
            *asked += ask(bot, &mut dice);
            while bot.events.try_recv().is_ok() {}
        }
        tokio::time::sleep(Duration::from_millis(dice.below(2_000))).await;
    }
    assert_eq!(twitch.violations(), []);
    for (bot, asked) in bots.iter_mut().zip(asked) {
        let state = bot.until_settled(asked).await;
        twitch.ping_and_wait().await;
        let said = CHANNELS.iter().flat_map(|channel| twitch.messages(channel));
        let said = said.filter(|message| message.from == bot.name).count() as u64;
        let (answered, counts) = (state.deliveries.count(), state.counts);
        assert!(asked > 5_000 && said > 1_500, "{said} of {asked}: {counts:?}");
        assert!(answered <= said && said <= answered + counts.unconfirmed, "{said} {answered} {counts:?}");
        assert!(counts.stale > 0 && counts.closed > 0 && counts.unconfirmed < 100, "{counts:?}");
        assert_eq!((state.waiting, state.settled, counts.find("refused_rate_limited")), (0, asked, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_hour_in_a_thousand_channels_costs_next_to_nothing() {
    let twitch = FakeTwitch::new(&Settings::default());
    let mut bots = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        let channels: Vec<String> = (0..100).map(|n| format!("{name}_{n}")).collect();
        let channels: Vec<&str> = channels.iter().map(String::as_str).collect();
        channels.iter().for_each(|channel| drop(twitch.add_channel(channel)));
        twitch.add_account(name, &twitch.user_id(name), "secret");
        let bot = Bot::start(&twitch, name);
        bot.want(&channels);
        bots.push(bot);
    }
    for bot in &mut bots {
        bot.until(|state| state.joined == 100).await;
        while bot.events.try_recv().is_ok() {}
        bot.state.mark_unchanged();
    }
    let meters: Vec<_> = bots.iter().map(|bot| bot.meter.clone()).collect();
    let sum = || {
        let numbers = meters.iter().map(|meter| [&meter.looks, &meter.writes, &meter.lines].map(|n| n.load(Relaxed)));
        numbers.fold([0; 3], |sum, add| [sum[0] + add[0], sum[1] + add[1], sum[2] + add[2]])
    };
    let before = sum();
    tokio::time::sleep(60 * 60 * SECOND).await;
    let after = sum();
    let [looks, writes, lines] = [0, 1, 2].map(|n| after[n] - before[n]);
    // Each account sends a PING a minute, and answers one every five minutes.
    assert!(lines <= 10 * (60 + 12) && writes <= lines, "{lines} lines in {writes} writes");
    assert!(looks <= 10 * 400, "{looks}");
    for bot in &mut bots {
        assert!(!bot.state.has_changed().unwrap() && bot.events.is_empty());
        assert_eq!(*bot.dialled.borrow(), 1);
    }
    assert_eq!(twitch.violations(), []);
}
