//! What happens to messages that Twitch refuses, or would refuse.

use fake_twitch::{Refusal, Role as TwitchRole, RoomChange};

use super::*;
use crate::twitch::account::counts::Counts;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Waits until each message is answered or will not be answered any more.
async fn until_answered(bot: &mut Bot, messages: u64) -> AccountState {
    bot.until_settled(messages).await;
    bot.twitch.ping_and_wait().await;
    bot.until_settled(messages).await
}

async fn sleep(span: Duration) {
    tokio::time::sleep(span).await;
}

/// The account in the channel `shop`, where its next messages get these refusals.
async fn start_refused(refusals: &[Refusal]) -> (FakeTwitch, Bot) {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.refuse_next("shop", "twitchy", refusals).unwrap();
    (twitch, bot)
}

#[tokio::test(start_paused = true)]
async fn what_is_delivered_is_measured() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    (0..3).for_each(|n| bot.say("shop", &n.to_string()));
    let state = until_answered(&mut bot, 3).await;
    assert_eq!((state.waits.count(), state.deliveries.count()), (3, 3));
    assert_eq!(state.waits.longest(), Duration::from_millis(2_400), "the third waits for two pauses");
    assert_eq!(state.counts, Counts::default());
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn slow_mode_is_kept_and_its_end_is_heard() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.change_room_state("shop", RoomChange::Slow(Some(5 * SECOND))).unwrap();
    twitch.ping_and_wait().await;
    ["a", "b", "c"].into_iter().for_each(|text| bot.say("shop", text));
    let state = until_answered(&mut bot, 3).await;
    let said = twitch.messages("shop");
    assert!(said.windows(2).all(|pair| pair[1].at - pair[0].at >= 5 * SECOND), "{said:?}");
    twitch.change_room_state("shop", RoomChange::Slow(None)).unwrap();
    twitch.ping_and_wait().await;
    ["d", "e"].into_iter().for_each(|text| bot.say("shop", text));
    until_answered(&mut bot, 5).await;
    let said = twitch.messages("shop");
    assert!(said[4].at - said[3].at < 2 * SECOND);
    assert_eq!((said.len(), state.counts), (5, Counts::default()));
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn what_slow_mode_refuses_is_said_again_in_its_order_when_it_may() {
    let (twitch, mut bot) = start_refused(&[Refusal::SlowMode(3 * SECOND)]).await;
    let asked_at = Instant::now();
    ["a", "b"].into_iter().for_each(|text| bot.say("shop", text));
    sleep(2 * SECOND).await;
    assert_eq!((bot.state.borrow().settled, texts(&twitch, "shop").len()), (0, 0), "what is to be tried again waits");
    let state = until_answered(&mut bot, 2).await;
    assert_eq!(texts(&twitch, "shop"), ["a", "b"]);
    assert!(twitch.messages("shop")[0].at - asked_at >= 3 * SECOND);
    assert_eq!(state.counts.list_positive(), [("refused_slow_mode", 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_stale_by_then_does_not_wait_for_slow_mode() {
    let (twitch, mut bot) = start_refused(&[Refusal::SlowMode(60 * SECOND)]).await;
    ["a", "b"].into_iter().for_each(|text| bot.say("shop", text));
    let asked_at = Instant::now();
    let state = until_answered(&mut bot, 2).await;
    assert!(asked_at.elapsed() < SECOND);
    assert_eq!(state.counts.list_positive(), [("stale", 2), ("refused_slow_mode", 1)]);
    sleep(61 * SECOND).await;
    bot.say("shop", "c");
    until_answered(&mut bot, 3).await;
    assert_eq!(texts(&twitch, "shop"), ["c"]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_varied_and_tried_once_more() {
    let (twitch, mut bot) = start_refused(&[Refusal::Duplicate]).await;
    bot.say("shop", "same");
    let state = until_answered(&mut bot, 1).await;
    assert_eq!(texts(&twitch, "shop"), ["same \u{34f}"]);
    assert_eq!(state.counts.list_positive(), [("refused_duplicate", 1)]);
    twitch.refuse_next("shop", "twitchy", &[Refusal::Duplicate; 2]).unwrap();
    bot.say("shop", "other");
    let state = until_answered(&mut bot, 2).await;
    assert_eq!(texts(&twitch, "shop").len(), 1, "and not for ever");
    assert_eq!(state.counts.find("refused_duplicate"), 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_in_modes_that_the_account_does_not_pass() {
    let modes = [
        (RoomChange::EmoteOnly(true), RoomChange::EmoteOnly(false), TwitchRole::Moderator),
        (RoomChange::SubscribersOnly(true), RoomChange::SubscribersOnly(false), TwitchRole::Founder),
    ];
    for (on, off, role) in modes {
        let (twitch, mut bot) = start();
        bot.join("shop").await;
        twitch.add_channel("club");
        twitch.set_roles("club", "twitchy", &[role]).unwrap();
        bot.want(&["shop", "club"]);
        bot.until(|state| state.joined == 2).await;
        twitch.change_room_state("shop", on).unwrap();
        twitch.change_room_state("club", on).unwrap();
        twitch.ping_and_wait().await;
        ["shop", "club"].into_iter().for_each(|channel| bot.say(channel, "hi"));
        let state = until_answered(&mut bot, 2).await;
        assert_eq!(state.counts.list_positive(), [("closed", 1)], "{on:?}");
        twitch.change_room_state("shop", off).unwrap();
        twitch.ping_and_wait().await;
        bot.say("shop", "open");
        until_answered(&mut bot, 3).await;
        assert_eq!((texts(&twitch, "shop"), texts(&twitch, "club")), (vec!["open".into()], vec!["hi".into()]));
        twitch.change_room_state("shop", on).unwrap();
        twitch.drop_connections();
        bot.until(|state| state.joined == 0).await;
        bot.until(|state| state.joined == 2).await;
        bot.say("shop", "closed since before we came");
        assert_eq!(until_answered(&mut bot, 4).await.counts.closed, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn whether_the_account_follows_is_tried_once_until_the_mode_changes_or_time_has_passed() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    let change = |asked| twitch.change_room_state("shop", RoomChange::FollowersOnly(asked)).unwrap();
    change(Some(Duration::ZERO));
    bot.say("shop", "a");
    until_answered(&mut bot, 1).await;
    ["b", "c"].into_iter().for_each(|text| bot.say("shop", text));
    let state = until_answered(&mut bot, 3).await;
    assert_eq!(state.counts.list_positive(), [("closed", 2), ("refused_followers_only", 1)]);
    twitch.change_room_state("shop", RoomChange::Slow(Some(SECOND))).unwrap();
    twitch.ping_and_wait().await;
    bot.say("shop", "d");
    assert_eq!(until_answered(&mut bot, 4).await.counts.closed, 3, "it was another mode that changed");
    change(None);
    twitch.ping_and_wait().await;
    bot.say("shop", "e");
    until_answered(&mut bot, 5).await;
    change(Some(Duration::ZERO));
    sleep(2 * SECOND).await;
    bot.say("shop", "f");
    assert_eq!(until_answered(&mut bot, 6).await.counts.find("refused_followers_only"), 2);
    twitch.follow("shop", "twitchy").unwrap();
    sleep(10 * MINUTE).await;
    bot.say("shop", "g");
    until_answered(&mut bot, 7).await;
    assert_eq!(texts(&twitch, "shop"), ["e", "g"]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_holds_its_channel_and_no_other_one() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.add_channel("cafe");
    bot.want(&["shop", "cafe"]);
    bot.until(|state| state.joined == 2).await;
    twitch.time_out("shop", "twitchy", 10 * SECOND).unwrap();
    ["shop", "shop", "cafe"].into_iter().for_each(|channel| bot.say(channel, "hi"));
    let state = until_answered(&mut bot, 3).await;
    assert_eq!(state.counts.list_positive(), [("refused_timed_out", 1)]);
    assert_eq!((texts(&twitch, "shop").len(), texts(&twitch, "cafe").len()), (1, 1), "the second one waited");
    twitch.time_out("shop", "twitchy", 14 * 24 * 60 * MINUTE).unwrap();
    bot.say("shop", "refused");
    until_answered(&mut bot, 4).await;
    bot.say("shop", "dropped at once");
    assert_eq!(until_answered(&mut bot, 5).await.counts.stale, 1);
    twitch.pardon("shop", "twitchy").unwrap();
    sleep(11 * MINUTE).await;
    bot.say("shop", "pardoned");
    until_answered(&mut bot, 6).await;
    assert_eq!(texts(&twitch, "shop"), ["hi", "pardoned"]);
}

#[tokio::test(start_paused = true)]
async fn a_ban_drops_what_waits_and_pardon_brings_the_account_back() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.suspend_channel("shop").unwrap();
    ["a", "b", "c"].into_iter().for_each(|text| bot.say("shop", text));
    let asked_at = Instant::now();
    let state = until_answered(&mut bot, 3).await;
    assert!(asked_at.elapsed() < SECOND);
    assert_eq!(state.counts.list_positive(), [("closed", 2), ("refused_suspended", 1)]);
    assert!(matches!(bot.next_event().await, Event::JoinFailed { reason: JoinFailure::Suspended, .. }));
    assert_eq!(bot.state.borrow().joined, 0);
}

#[tokio::test(start_paused = true)]
async fn a_banned_account_that_is_pardoned_speaks_again() {
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.ban("shop", "twitchy").unwrap();
    bot.say("shop", "a");
    until_answered(&mut bot, 1).await;
    twitch.pardon("shop", "twitchy").unwrap();
    bot.until(|state| state.joined == 1).await;
    bot.say("shop", "b");
    until_answered(&mut bot, 2).await;
    assert_eq!(texts(&twitch, "shop"), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_wants_the_account_verified_is_left_alone_for_an_hour() {
    for refusal in [Refusal::UnverifiedPhone, Refusal::UnverifiedEmail, Refusal::ChannelBlocked] {
        let (twitch, mut bot) = start_refused(&[refusal]).await;
        bot.say("shop", "a");
        until_answered(&mut bot, 1).await;
        sleep(59 * MINUTE).await;
        bot.say("shop", "b");
        let counts = until_answered(&mut bot, 2).await.counts;
        assert_eq!((counts.closed, counts.find("refused_unverified") + counts.find("refused_blocked")), (1, 1));
        sleep(2 * MINUTE).await;
        bot.say("shop", "c");
        until_answered(&mut bot, 3).await;
        assert_eq!(texts(&twitch, "shop"), ["c"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_silences_the_whole_account_for_a_window() {
    let (twitch, mut bot) = start_refused(&[Refusal::RateLimit]).await;
    twitch.add_channel("cafe");
    bot.want(&["shop", "cafe"]);
    bot.until(|state| state.joined == 2).await;
    bot.say("shop", "a");
    let state = until_answered(&mut bot, 1).await;
    let refused_at = Instant::now();
    assert_eq!(state.held_until, Some(refused_at + Duration::from_millis(32_500)));
    bot.say("cafe", "stale by then");
    let state = until_answered(&mut bot, 2).await;
    assert_eq!(state.counts.list_positive(), [("stale", 1), ("refused_rate_limited", 1)]);
    sleep(15 * SECOND).await;
    bot.say("cafe", "fresh enough");
    until_answered(&mut bot, 3).await;
    assert_eq!(texts(&twitch, "cafe"), ["fresh enough"]);
    assert!(twitch.messages("cafe")[0].at >= refused_at + 30 * SECOND);
    bot.until(|state| state.held_until.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_its_text_is_counted_and_no_more() {
    let (twitch, mut bot) = start_refused(&[Refusal::AutoMod, Refusal::BlockedTerm]).await;
    twitch.change_room_state("shop", RoomChange::Unique(true)).unwrap();
    twitch.say("shop", "alice", "this was said before").unwrap();
    ["a", "b", "this was said before", "d"].into_iter().for_each(|text| bot.say("shop", text));
    let state = until_answered(&mut bot, 4).await;
    assert_eq!(texts(&twitch, "shop"), ["this was said before", "d"]);
    assert_eq!(state.counts.list_positive(), [("refused_not_unique", 1), ("refused_by_automod", 2)]);
}

#[tokio::test(start_paused = true)]
async fn what_twitch_never_answers_is_unconfirmed() {
    let (twitch, mut bot) = start_refused(&[Refusal::Silent]).await;
    bot.say("shop", "a");
    let sent_at = Instant::now();
    bot.until(|state| state.counts.unconfirmed == 1).await;
    assert_eq!(sent_at.elapsed(), 10 * SECOND);
    bot.say("shop", "b");
    until_answered(&mut bot, 2).await;
    assert_eq!(texts(&twitch, "shop"), ["b"]);
    twitch.refuse_next("shop", "twitchy", &[Refusal::Silent]).unwrap();
    bot.say("shop", "c");
    until_answered(&mut bot, 3).await;
    twitch.drop_connections();
    bot.until_phase(Phase::Connecting).await;
    let state = bot.state.borrow().to_owned();
    assert_eq!((state.counts.unconfirmed, state.deliveries.count()), (2, 1), "whoever would answer is gone");
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_waits_and_nothing_is_lost() {
    let twitch = FakeTwitch::new(&Settings::default());
    twitch.add_account("twitchy", "1000", "secret");
    let off = LimitsConfig { enforce: false, ..LimitsConfig::default() };
    let mut bot = Bot::start_with(&twitch, "twitchy", &Arc::default(), &off);
    twitch.add_channel("shop");
    // Twitch silently drops what a moderator sends beyond the limits.
    twitch.set_roles("shop", "twitchy", &[TwitchRole::Moderator]).unwrap();
    bot.enter("shop").await;
    let started_at = Instant::now();
    let (outgoing, message) = (bot.outgoing.clone(), bot.message("shop", Reply::Say("same".into())));
    for _ in 0..5_000 {
        outgoing.send(message.clone()).await.unwrap();
    }
    let state = bot.until_settled(5_000).await;
    assert_eq!((started_at.elapsed(), state.waits.count()), (Duration::ZERO, 5_000));
    assert_eq!((state.counts.no_room, state.counts.stale), (0, 0));
    assert!(!twitch.violations().is_empty(), "this server has limits");
}
