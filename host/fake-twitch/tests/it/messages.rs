use fake_twitch::{FakeTwitch, Kind, Role, Say, Settings, SharedFrom};

use crate::client::{Client, tag, world};

#[tokio::test(start_paused = true)]
async fn every_role_has_its_tags() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    for (role, badges, is_mod, is_subscriber, vip) in [
        (Role::Moderator, "moderator/1", "1", "0", None),
        (Role::LeadModerator, "lead_moderator/1", "0", "0", None),
        (Role::Vip, "vip/1", "0", "0", Some("1")),
        (Role::Subscriber, "subscriber/0", "0", "1", None),
        (Role::Founder, "founder/0", "0", "0", None),
    ] {
        twitch.set_roles("shop", "dave", &[role]).unwrap();
        twitch.say("shop", "dave", "hi").unwrap();
        let line = bot.lines().await.remove(0);
        let tags = ["badges", "mod", "subscriber"].map(|key| tag(&line, key).unwrap());
        assert_eq!((tags, tag(&line, "vip")), ([badges, is_mod, is_subscriber], vip));
    }
    twitch.say("shop", "shop", "hi").unwrap();
    assert_eq!(tag(&bot.lines().await[0], "badges"), Some("broadcaster/1"));
    let how = Say { roles: Some(vec![Role::Subscriber, Role::Moderator]), ..Say::default() };
    twitch.say_with("shop", "erin", "hi", how).unwrap();
    assert_eq!(tag(&bot.lines().await[0], "badges"), Some("moderator/1,subscriber/0"));
    twitch.say("shop", "erin", "hi again").unwrap();
    assert_eq!(tag(&bot.lines().await[0], "badges"), Some(""));
}

#[tokio::test(start_paused = true)]
async fn a_script_chooses_how_a_message_looks() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let parent = twitch.say("shop", "alice", "hello").unwrap();
    let how = Say {
        reply_to: Some(parent.clone()),
        is_action: true,
        shared_from: Some(SharedFrom { room_id: "99".to_owned(), message_id: "original".to_owned() }),
        id: Some("mine".to_owned()),
        tags: vec![("display-name".to_owned(), "B o;b".to_owned()), ("bits".to_owned(), "100".to_owned())],
        ..Say::default()
    };
    assert_eq!(twitch.say_with("shop", "bob", "waves", how).unwrap(), "mine");
    let line = bot.lines().await.remove(1);
    for (key, value) in [
        ("reply-parent-msg-id", parent.as_str()),
        ("source-id", "original"),
        ("source-room-id", "99"),
        ("room-id", "3"),
        ("id", "mine"),
        ("display-name", "B\\so\\:b"),
        ("bits", "100"),
    ] {
        assert_eq!(tag(&line, key), Some(value), "{key}");
    }
    assert!(line.ends_with(":bob!bob@bob.tmi.twitch.tv PRIVMSG #shop :\u{1}ACTION @alice waves\u{1}"));
    assert_eq!(twitch.messages("shop")[1].kind, Kind::Action);
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_replies_is_survived() {
    let twitch = world();
    for _ in 0..2 {
        let how = Say { id: Some("me".to_owned()), reply_to: Some("me".to_owned()), ..Say::default() };
        twitch.say_with("shop", "alice", "hi", how).unwrap();
    }
    assert_eq!(twitch.messages("shop").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_script_are_the_same() {
    async fn run() -> Vec<String> {
        let twitch = world();
        let mut bot = Client::join(&twitch, "bot", "shop").await;
        twitch.say("shop", "alice", "hi").unwrap();
        twitch.say("shop", "bob", "hello").unwrap();
        bot.lines().await
    }
    assert_eq!(run().await, run().await);
}

#[tokio::test(start_paused = true)]
async fn a_chatters_id_does_not_depend_on_who_came_before() {
    let (one, two) = (FakeTwitch::new(&Settings::default()), FakeTwitch::new(&Settings::default()));
    two.user_id("bob");
    assert_eq!(one.user_id("alice"), two.user_id("Alice"));
    assert_ne!(one.user_id("alice"), one.user_id("bob"));
    one.add_chatter("dave", "77", "Dave");
    assert_eq!(one.user_id("dave"), "77");
}

#[tokio::test(start_paused = true)]
async fn nobody_speaks_where_there_is_no_channel() {
    let twitch = world();
    assert_eq!(twitch.say("nowhere", "alice", "hi").unwrap_err().to_string(), "there is no channel nowhere");
    assert!(twitch.set_roles("nowhere", "alice", &[]).is_err());
}

#[tokio::test(start_paused = true)]
async fn deleted_and_cleared_messages_are_announced() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let id = twitch.say("shop", "alice", "oops").unwrap();
    twitch.delete_message("shop", &id);
    twitch.clear_chat("shop");
    let lines = bot.lines().await;
    assert_eq!(tag(&lines[1], "target-msg-id"), Some(id.as_str()));
    assert!(lines[1].ends_with(":tmi.twitch.tv CLEARMSG #shop :oops"));
    assert!(lines[2].ends_with(":tmi.twitch.tv CLEARCHAT #shop"));
    assert_eq!(tag(&lines[2], "target-user-id"), None);
}

#[tokio::test(start_paused = true)]
async fn observers_hear_chatters_and_the_bot() {
    let twitch = world();
    let mut heard = twitch.subscribe();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    twitch.say("shop", "alice", "!balance").unwrap();
    bot.ask("PRIVMSG #shop :5").await;
    let heard = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
    assert_eq!(heard.each_ref().map(|m| (m.from.as_str(), m.text.as_str())), [("alice", "!balance"), ("bot", "5")]);
    assert_eq!(twitch.messages("shop"), heard);
}
