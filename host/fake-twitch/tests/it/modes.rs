use std::time::Duration;

use fake_twitch::{FakeTwitch, Role, RoomChange};
use tokio::time::advance;

use crate::client::{Client, broken, said, tag, world};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Sends `text` and returns the text of the NOTICE that refuses it, if any.
async fn refusal(bot: &mut Client, text: &str) -> Option<String> {
    let answer = bot.ask(&format!("PRIVMSG #shop :{text}")).await;
    answer.iter().find_map(|line| line.split_once(" NOTICE #shop :")).map(|(_, text)| text.to_owned())
}

async fn bot_in(change: RoomChange) -> (FakeTwitch, Client) {
    let twitch = world();
    twitch.change_room_state("shop", change).expect("the world has a shop");
    let bot = Client::join(&twitch, "bot", "shop").await;
    (twitch, bot)
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_by_a_partial_room_state() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    for (change, state, notice) in [
        (RoomChange::Slow(Some(10 * SECOND)), "room-id=3;slow=10", Some("slow_on")),
        (RoomChange::Slow(None), "room-id=3;slow=0", Some("slow_off")),
        (RoomChange::EmoteOnly(true), "emote-only=1;room-id=3", Some("emote_only_on")),
        (RoomChange::EmoteOnly(false), "emote-only=0;room-id=3", Some("emote_only_off")),
        (RoomChange::SubscribersOnly(true), "room-id=3;subs-only=1", Some("subs_on")),
        (RoomChange::SubscribersOnly(false), "room-id=3;subs-only=0", Some("subs_off")),
        (RoomChange::FollowersOnly(Some(Duration::ZERO)), "followers-only=0;room-id=3", Some("followers_on_zero")),
        (RoomChange::FollowersOnly(Some(10 * MINUTE)), "followers-only=10;room-id=3", Some("followers_on")),
        (RoomChange::FollowersOnly(None), "followers-only=-1;room-id=3", Some("followers_off")),
        (RoomChange::Unique(true), "r9k=1;room-id=3", None),
    ] {
        twitch.change_room_state("shop", change).unwrap();
        let lines = bot.lines().await;
        assert_eq!(lines[0], format!("@{state} :tmi.twitch.tv ROOMSTATE #shop"));
        assert_eq!(lines.get(1).and_then(|line| tag(line, "msg-id")), notice);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_mode_says_how_long_to_wait() {
    let (twitch, mut bot) = bot_in(RoomChange::Slow(Some(10 * SECOND))).await;
    assert_eq!(refusal(&mut bot, "one").await, None);
    advance(4 * SECOND - SECOND / 2).await;
    let told = "This room is in slow mode and you are sending messages too quickly. You will be able to talk again in \
                7 seconds.";
    assert_eq!(refusal(&mut bot, "two").await.as_deref(), Some(told));
    advance(7 * SECOND).await;
    assert_eq!(refusal(&mut bot, "two").await, None);
    twitch.set_roles("shop", "bot", &[Role::Vip]).unwrap();
    assert_eq!(refusal(&mut bot, "three").await, None);
    assert_eq!(broken(&twitch), []);
}

#[tokio::test(start_paused = true)]
async fn emote_only_mode_refuses_words() {
    let (twitch, mut bot) = bot_in(RoomChange::EmoteOnly(true)).await;
    assert!(refusal(&mut bot, "hello").await.unwrap().starts_with("This room is in emote-only mode."));
    advance(SECOND).await;
    assert_eq!(refusal(&mut bot, "Kappa LUL").await, None);
    twitch.set_roles("shop", "bot", &[Role::Moderator]).unwrap();
    assert_eq!(refusal(&mut bot, "hello").await, None);
}

#[tokio::test(start_paused = true)]
async fn subscribers_only_mode_refuses_others() {
    for role in [Role::Subscriber, Role::Founder, Role::Vip, Role::Moderator] {
        let (twitch, mut bot) = bot_in(RoomChange::SubscribersOnly(true)).await;
        assert!(refusal(&mut bot, "hello").await.unwrap().starts_with("This room is in subscribers only mode."));
        advance(SECOND).await;
        twitch.set_roles("shop", "bot", &[role]).unwrap();
        assert_eq!(refusal(&mut bot, "hello").await, None, "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn followers_only_mode_refuses_those_who_do_not_follow_or_not_for_long_enough() {
    let (twitch, mut bot) = bot_in(RoomChange::FollowersOnly(Some(10 * MINUTE))).await;
    let told = "This room is in 10 minutes followers-only mode. Follow shop to join the community!";
    assert_eq!(refusal(&mut bot, "hello").await.as_deref(), Some(told));
    twitch.follow("shop", "bot").unwrap();
    advance(MINUTE).await;
    let told = "This room is in 10 minutes followers-only mode. You have been following for 1 minute. Continue \
                following to chat!";
    assert_eq!(refusal(&mut bot, "hello").await.as_deref(), Some(told));
    advance(9 * MINUTE).await;
    assert_eq!(refusal(&mut bot, "hello").await, None);
}

#[tokio::test(start_paused = true)]
async fn followers_only_mode_of_no_time_lets_in_every_follower() {
    let (twitch, mut bot) = bot_in(RoomChange::FollowersOnly(Some(Duration::ZERO))).await;
    let told = "This room is in followers-only mode. Follow shop to join the community!";
    assert_eq!(refusal(&mut bot, "hello").await.as_deref(), Some(told));
    twitch.follow("shop", "bot").unwrap();
    advance(SECOND).await;
    assert_eq!(refusal(&mut bot, "hello").await, None);
}

#[tokio::test(start_paused = true)]
async fn unique_chat_refuses_what_anybody_said_before() {
    let (twitch, mut bot) = bot_in(RoomChange::Unique(true)).await;
    twitch.say("shop", "alice", "this was said before").unwrap();
    twitch.say("shop", "alice", "short").unwrap();
    let told = "This room is in unique-chat mode and the message you attempted to send is not unique.";
    assert_eq!(refusal(&mut bot, "this  was said before").await.as_deref(), Some(told));
    advance(SECOND).await;
    assert_eq!(refusal(&mut bot, "short").await, None);
}

#[tokio::test(start_paused = true)]
async fn the_banned_the_timed_out_and_the_suspended_are_told() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    twitch.time_out("shop", "bot", 90 * SECOND).unwrap();
    let cleared = bot.lines().await;
    assert_eq!(tag(&cleared[0], "ban-duration"), Some("90"));
    advance(30 * SECOND).await;
    assert_eq!(refusal(&mut bot, "hi").await.as_deref(), Some("You are timed out for 60 more seconds."));
    advance(60 * SECOND).await;
    assert_eq!(refusal(&mut bot, "hi").await, None);
    advance(SECOND).await;
    twitch.ban("shop", "bot").unwrap();
    let told = "You are permanently banned from talking in shop.";
    assert_eq!(refusal(&mut bot, "hello").await.as_deref(), Some(told));
    advance(SECOND).await;
    twitch.suspend_channel("shop").unwrap();
    let told = "This channel does not exist or has been suspended.";
    assert_eq!(refusal(&mut bot, "hello").await.as_deref(), Some(told));
    assert_eq!(said(&twitch, "shop"), ["hi"]);
}
