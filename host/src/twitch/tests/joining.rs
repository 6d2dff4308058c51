use super::*;

fn failed(channel: &str, reason: JoinFailure) -> Event {
    Event::JoinFailed { account: bot_named("twitchy", 1000), channel_login: login(channel), reason }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_channels_are_joined_within_the_limits() {
    let (twitch, mut bot) = start();
    let names: Vec<String> = (0..120).map(|n| format!("channel_{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.iter().for_each(|name| drop(twitch.add_channel(name)));
    bot.want(&names);
    let started_at = Instant::now();
    bot.until(|state| state.joined == 100).await;
    // Five windows of twenty JOINs, the first at once.
    assert_eq!(started_at.elapsed().as_secs(), 4 * 12 + 2);
    twitch.until_joined("twitchy", "channel_099").await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bot.state.borrow().joined, 100, "Twitch allows no more");
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn channels_that_wait_for_the_limit_are_reported_as_waiting() {
    let twitch = FakeTwitch::new(&Settings::default());
    twitch.add_account("twitchy", "1000", "secret");
    let used = UsedLimits { joins: 20, ..UsedLimits::default() };
    let mut bot = Bot::start_again(&twitch, "twitchy", &Arc::default(), &LimitsConfig::default(), used);
    twitch.add_channel("shop");
    bot.want(&["shop"]);
    let state = bot.until(|state| state.phase == Phase::Online && state.pending == 1).await;
    let until = state.joins_held_until.expect("the run before has used up the window");
    let state = bot.until(|state| state.joined == 1).await;
    assert_eq!((state.joins_held_until, Instant::now() >= until), (None, true));
    // More joins than one window allows, all of this process.
    let names: Vec<String> = (0..25).map(|n| format!("channel_{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.iter().for_each(|name| drop(twitch.add_channel(name)));
    bot.want(&names);
    bot.until(|state| state.joins_held_until.is_some()).await;
    let state = bot.until(|state| state.joined == 25).await;
    assert_eq!(state.joins_held_until, None);
}

#[tokio::test(start_paused = true)]
async fn joins_keep_their_limit_across_reconnects() {
    let (twitch, mut bot) = start();
    let names: Vec<String> = (0..40).map(|n| format!("channel_{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.iter().for_each(|name| drop(twitch.add_channel(name)));
    bot.want(&names);
    for _ in 0..5 {
        bot.until(|state| state.joined >= 20).await;
        twitch.drop_connections();
        bot.until(|state| state.joined == 0).await;
    }
    bot.until(|state| state.joined == 40).await;
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_seed_tells_the_id_that_it_learned() {
    let (twitch, mut bot) = start();
    let id: ChannelId = twitch.add_channel("shop").parse().unwrap();
    bot.want_with_ids(&[("shop", None)]);
    let joined = Event::Joined { account: bot_named("twitchy", 1000), channel_id: id, channel_login: login("shop") };
    assert_eq!(bot.next_event().await, joined);
    bot.want(&["shop"]);
    bot.expect_no_event().await;
    assert_eq!(bot.state.borrow().joined, 1);
}

#[tokio::test(start_paused = true)]
async fn a_recycled_login_is_left_again_and_reported_once() {
    let (twitch, mut bot) = start();
    let old: ChannelId = twitch.add_channel("shop").parse().unwrap();
    twitch.recycle_login("shop", "777");
    bot.want_with_ids(&[("shop", Some(old))]);
    assert_eq!(bot.next_event().await, failed("shop", JoinFailure::Recycled { found: ChannelId(777) }));
    bot.send(OutgoingMessage { channel_id: old, ..bot.message("shop", Reply::Say("for the old shop".into())) });
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    twitch.say("shop", "alice", "!balance").unwrap();
    bot.expect_no_event().await;
    assert_eq!(texts(&twitch, "shop"), ["!balance"], "a stranger's room hears nothing");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_recycled_while_away_is_left_on_return() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.recycle_login("shop", "777");
    twitch.drop_connections();
    assert_eq!(bot.next_event().await, failed("shop", JoinFailure::Recycled { found: ChannelId(777) }));
}

#[tokio::test(start_paused = true)]
async fn suspended_banned_and_unknown_channels_are_each_reported_once() {
    let (twitch, mut bot) = start();
    for channel in ["suspended", "banned", "good"] {
        twitch.add_channel(channel);
    }
    twitch.suspend_channel("suspended").unwrap();
    twitch.ban("banned", "twitchy").unwrap();
    bot.want(&["suspended", "banned", "nowhere", "good"]);
    bot.until(|state| state.joined == 1).await;
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    bot.twitch.ping_and_wait().await;
    let mut reports = Vec::new();
    while let Ok(event) = bot.events.try_recv() {
        if let Event::JoinFailed { channel_login, reason, .. } = event {
            reports.push((channel_login.to_string(), reason));
        }
    }
    let expected = [
        ("suspended".to_owned(), JoinFailure::Suspended),
        ("banned".to_owned(), JoinFailure::Banned),
        ("nowhere".to_owned(), JoinFailure::Unconfirmed),
    ];
    assert_eq!(reports, expected);
    twitch.pardon("banned", "twitchy").unwrap();
    twitch.add_channel("nowhere");
    bot.until(|state| state.joined == 3).await;
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_ban_while_joined_is_reported_and_a_pardon_found_out() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.ban("shop", "twitchy").unwrap();
    assert_eq!(bot.next_event().await, failed("shop", JoinFailure::Banned));
    twitch.pardon("shop", "twitchy").unwrap();
    assert!(matches!(bot.next_event().await, Event::Joined { .. }));
}

#[tokio::test(start_paused = true)]
async fn channels_come_and_go_as_they_are_wanted() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.add_channel("bakery");
    bot.want(&["bakery"]);
    assert!(matches!(bot.next_event().await, Event::Joined { channel_login, .. } if channel_login == login("bakery")));
    twitch.say("shop", "alice", "!balance").unwrap();
    bot.expect_no_event().await;
    bot.want(&["bakery", "shop"]);
    assert!(matches!(bot.next_event().await, Event::Joined { channel_login, .. } if channel_login == login("shop")));
}
