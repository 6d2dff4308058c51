use tracing_subscriber::fmt;

use super::*;
use crate::test_log::TestLog;

#[tokio::test(start_paused = true)]
async fn an_account_comes_online_and_hears_chat() {
    let (twitch, mut bot) = start();
    let shop = bot.join("shop").await;
    let id = twitch.say("shop", "alice", "!balance").unwrap();
    let message = bot.next_message().await;
    assert_eq!((message.id, message.channel_id, &*message.text), (MessageId(id.into()), shop, "!balance"));
    assert_eq!((message.account, message.chatter.login), (login("twitchy"), login("alice")));
    assert_eq!(bot.state.borrow().phase, Phase::Online);
    assert_eq!(twitch.violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_not_tried_again_and_a_new_one_is() {
    let (twitch, mut bot) = start();
    twitch.add_account("twitchy", "1000", "another");
    bot.until_phase(Phase::Refused).await;
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(*bot.dialled.borrow(), 1);
    bot.token.set(Ok("another"));
    bot.until_phase(Phase::Online).await;
    assert_eq!(*bot.dialled.borrow(), 2);
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
    // Pauses of one to two minutes, after a few short ones.
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
