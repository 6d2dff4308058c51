use fake_twitch::{Say, SharedFrom};

use super::*;

#[tokio::test(start_paused = true)]
async fn talk_is_counted_and_goes_no_further() {
    let (twitch, mut bot) = start();
    let shop = bot.join("shop").await;
    bot.prefixes.set("twitchy", shop, "!");
    twitch.say("shop", "alice", "hello").unwrap();
    twitch.say("shop", "alice", "! what a day").unwrap();
    twitch.say("shop", "bob", "!balance").unwrap();
    assert_eq!(&*bot.next_message().await.text, "!balance");
    bot.expect_no_event().await;
    let noted = bot.tally.begin_save();
    let talked: Vec<_> = noted[&shop].chatters().map(|talked| talked.login.as_str()).collect();
    assert_eq!((talked, noted[&shop].messages), (vec!["alice"], 2), "calls are noted where they are carried out");
}

#[tokio::test(start_paused = true)]
async fn a_new_prefix_calls_from_the_next_line_on() {
    let (twitch, mut bot) = start();
    let shop = bot.join("shop").await;
    twitch.say("shop", "alice", "anything").unwrap();
    assert_eq!(&*bot.next_message().await.text, "anything", "nobody knows yet what calls here");
    bot.prefixes.set("twitchy", shop, "?");
    twitch.say("shop", "alice", "!balance").unwrap();
    twitch.say("shop", "alice", "?balance").unwrap();
    assert_eq!(&*bot.next_message().await.text, "?balance");
}

#[tokio::test(start_paused = true)]
async fn copies_of_a_shared_chat_are_not_counted() {
    let (twitch, mut bot) = start();
    let shop = bot.join("shop").await;
    bot.prefixes.set("twitchy", shop, "!");
    let shared_from = Some(SharedFrom { room_id: "77".into(), message_id: "elsewhere".into() });
    twitch.say_with("shop", "alice", "hello", Say { shared_from, ..Say::default() }).unwrap();
    bot.expect_no_event().await;
    assert!(bot.tally.begin_save().is_empty());
}
