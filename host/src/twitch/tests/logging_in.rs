use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing_subscriber::fmt;

use super::*;
use crate::testing::log::TestLog;
use crate::twitch::irc::connection::Connection;

#[tokio::test(start_paused = true)]
async fn an_account_comes_online_and_hears_chat() {
    let (twitch, mut bot) = start();
    let shop = bot.join("shop").await;
    let id = twitch.say("shop", "alice", "!balance").unwrap();
    let message = bot.next_message().await;
    assert_eq!((message.id, message.channel_id, &*message.text), (MessageId(id.into()), shop, "!balance"));
    assert_eq!((message.account, message.chatter.login), (AccountId(1000), login("alice")));
    assert_eq!(bot.state.borrow().phase, Phase::Online);
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_tried_again_and_a_new_one_is() {
    let (twitch, mut bot) = start();
    twitch.add_account("twitchy", "1000", "another");
    bot.until_phase(Phase::Refused).await;
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!((*bot.dialled.borrow(), bot.token.1.lock().unwrap().clone()), (1, vec!["secret".to_owned()]));
    bot.token.set(Ok("another"));
    bot.until_phase(Phase::Online).await;
    assert_eq!(*bot.dialled.borrow(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_token_of_another_account_is_not_talked_with() {
    let (twitch, mut bot) = start();
    twitch.add_account("streamer", "2000", "streamers");
    twitch.add_channel("shop");
    bot.token.set(Ok("streamers"));
    twitch.drop_connections();
    bot.until_phase(Phase::Refused).await;
    bot.want(&["shop"]);
    let told = "the token is streamer's, not twitchy's: make one while logged in to Twitch as twitchy, and set another \
                one; or write login = \"streamer\" in the configuration";
    assert_eq!(bot.state.borrow().trouble.as_deref(), Some(told));
    let dialled = *bot.dialled.borrow();
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!((*bot.dialled.borrow(), twitch.connected().len()), (dialled, 0), "it is not tried again");
    assert_eq!(bot.state.borrow().trouble.as_deref(), Some(told));
    assert_eq!(bot.state.borrow().joined, 0);
    bot.token.set(Ok("secret"));
    bot.until(|state| state.joined == 1).await;
    assert_eq!(twitch.connected(), ["twitchy"]);
}

#[tokio::test(start_paused = true)]
async fn two_accounts_with_each_others_tokens_both_say_so() {
    let twitch = FakeTwitch::new(&Settings::default());
    twitch.add_account("first", "1", "firsts");
    twitch.add_account("second", "2", "seconds");
    for (name, token, owner) in [("first", "seconds", "second"), ("second", "firsts", "first")] {
        let mut bot = Bot::start(&twitch, name);
        bot.token.set(Ok(token));
        bot.until_phase(Phase::Refused).await;
        let trouble = bot.state.borrow().trouble.clone().unwrap();
        assert!(trouble.starts_with(&format!("the token is {owner}'s, not {name}'s: ")), "{trouble}");
    }
}

/// The account's trouble with a server that answers with these lines and closes.
async fn trouble_with(answer: &'static str) -> String {
    let (ours, theirs) = tokio::io::duplex(4096);
    let serve = async move {
        let (mut reader, mut writer) = tokio::io::split(theirs);
        let mut line = [0; 512];
        let _read = reader.read(&mut line).await;
        writer.write_all(answer.as_bytes()).await.unwrap();
        writer.shutdown().await.unwrap();
        let _rest = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
    };
    let (account, token) = (bot_named("twitchy", 1000), SecretString::from("secret"));
    let (opened, ()) = tokio::join!(Connection::log_in(ours, &account, &token), serve);
    opened.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_at_its_refusal_is_reported_and_the_token_is_not() {
    for (answer, said) in [
        (":irc.example 433 * twitchy :Nickname is already in use\r\n", "433 * twitchy Nickname is already in use"),
        (":irc.example 464 twitchy :Password incorrect: secret\r\n", "464 twitchy Password incorrect: ***"),
        ("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n", "HTTP/1.1 400 Bad Request"),
    ] {
        let expected = format!("the server closed the connection; the server said {said:?}");
        assert_eq!(trouble_with(answer).await, expected);
    }
    assert_eq!(trouble_with("").await, "the server closed the connection");
}

#[tokio::test(start_paused = true)]
async fn a_missing_token_is_asked_for_until_there_is_one() {
    let (_twitch, mut bot) = start();
    bot.token.set(Err(FetchTokenError::Missing("not set".into())));
    bot.until_phase(Phase::NoToken).await;
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(*bot.dialled.borrow(), 0);
    bot.token.set(Ok("secret"));
    bot.until_phase(Phase::Online).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_would_be_a_second_command_is_refused_before_it_is_sent() {
    let (twitch, mut bot) = start();
    bot.token.set(Ok("secret\r\nJOIN #shop"));
    bot.until_phase(Phase::Refused).await;
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_login_is_left() {
    let (twitch, mut bot) = start();
    twitch.refuse_connections(true);
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    // A few short delays, then delays of one to two minutes.
    let attempts = *bot.dialled.borrow();
    assert!((30..80).contains(&attempts), "{attempts}");
    twitch.refuse_connections(false);
    bot.until_phase(Phase::Online).await;
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn the_log_holds_neither_a_token_nor_what_was_said() {
    let log = TestLog::start(|file| fmt().with_max_level(tracing::Level::TRACE).with_writer(file).finish());
    let (twitch, mut bot) = start();
    bot.join("shop").await;
    twitch.say("shop", "alice", "confidential").unwrap();
    twitch.raw("@id=a :alice!a@b PRIVMSG #shop :confidential");
    bot.say("shop", "confidential");
    bot.until_settled(1).await;
    twitch.add_account("twitchy", "1000", "another");
    twitch.drop_connections();
    bot.until_phase(Phase::Refused).await;
    let log = log.text();
    assert!(log.contains("Online") && log.contains("refuses"), "{log}");
    assert!(!log.contains("secret") && !log.contains("confidential"), "{log}");
}
