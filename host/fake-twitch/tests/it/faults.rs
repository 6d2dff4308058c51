use std::time::Duration;

use fake_twitch::Rule;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{advance, timeout};

use crate::client::{Client, broken, world};

#[tokio::test(start_paused = true)]
async fn reconnect_is_announced_and_then_the_connection_ends() {
    let twitch = world();
    let mut bot = Client::log_in(&twitch, "bot").await;
    twitch.reconnect();
    assert_eq!(bot.rest().await, [":tmi.twitch.tv RECONNECT"]);
    twitch.until_connected(0).await;
    Client::join(&twitch, "bot", "shop").await;
    twitch.until_joined("bot", "shop").await;
}

#[tokio::test(start_paused = true)]
async fn dropped_connections_end_without_a_word() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    let mut stranger = Client::connect(&twitch);
    assert!(stranger.lines().await.is_empty());
    twitch.drop_connections();
    assert!(bot.rest().await.is_empty() && stranger.rest().await.is_empty());
    assert!(twitch.connected().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_says_nothing_and_does_not_end() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    twitch.stop_answering();
    bot.send("PING :are you there").await;
    bot.send("PRIVMSG #shop :hello?").await;
    twitch.say("shop", "alice", "hi").unwrap();
    twitch.ping_and_wait().await;
    assert!(timeout(Duration::from_secs(3600), bot.line()).await.is_err());
    assert_eq!(twitch.messages("shop").len(), 1);
    // A new connection works.
    assert!(Client::join(&twitch, "other", "shop").await.lines().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn refused_connections_end_at_once() {
    let twitch = world();
    twitch.refuse_connections(true);
    assert!(Client::connect(&twitch).rest().await.is_empty());
    twitch.refuse_connections(false);
    Client::log_in(&twitch, "bot").await;
}

#[tokio::test(start_paused = true)]
async fn raw_lines_arrive_byte_for_byte() {
    let twitch = world();
    let mut bot = Client::join(&twitch, "bot", "shop").await;
    twitch.raw(b"@a=\xc3\xbc  :b  c");
    assert_eq!(bot.lines().await, ["@a=ü  :b  c"]);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_pongs_ends_when_all_have_answered() {
    let twitch = world();
    let mut bot = Client::log_in(&twitch, "bot").await;
    let gone = Client::log_in(&twitch, "other").await;
    let waiting = tokio::spawn({
        let twitch = twitch.clone();
        async move { twitch.ping_and_wait().await }
    });
    let ping = bot.line().await.unwrap();
    drop(gone);
    bot.ask("PONG :something else").await;
    assert!(!waiting.is_finished());
    bot.ask(&ping.replace("PING", "PONG")).await;
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_is_not_answered_ends_the_connection() {
    let twitch = world();
    let mut good = Client::log_in(&twitch, "other").await;
    let mut bot = Client::log_in(&twitch, "bot").await;
    advance(Duration::from_secs(300)).await;
    assert_eq!(good.line().await.unwrap(), "PING :tmi.twitch.tv");
    good.ask("PONG :tmi.twitch.tv").await;
    assert_eq!(bot.rest().await, ["PING :tmi.twitch.tv"]);
    assert_eq!(broken(&twitch), [Rule::UnansweredPing]);
    assert_eq!(twitch.connected(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_does_not_end_ends_the_connection() {
    let twitch = world();
    let mut bot = Client::log_in(&twitch, "bot").await;
    bot.send_bytes(&[b'x'; 9 * 1024]).await;
    assert!(bot.rest().await.is_empty());
    assert_eq!(broken(&twitch), [Rule::LineTooLong]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_read_is_closed_in_the_end() {
    let twitch = world();
    let bot = Client::join(&twitch, "bot", "shop").await;
    for _ in 0..20_000 {
        twitch.raw("PING :much too much");
    }
    assert_eq!(broken(&twitch), [Rule::SlowReader]);
    assert!(twitch.connected().is_empty());
    drop(bot);
}

#[tokio::test(start_paused = true)]
async fn connections_end_with_the_last_handle() {
    let twitch = world();
    let clone = twitch.clone();
    let mut bot = Client::log_in(&twitch, "bot").await;
    drop(twitch);
    assert!(bot.lines().await.is_empty());
    drop(clone);
    assert!(bot.rest().await.is_empty());
}

#[tokio::test]
async fn the_same_server_is_on_the_loopback_interface() {
    let twitch = world();
    let address = twitch.listen().await.unwrap();
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    stream.write_all(b"PASS oauth:token-of-bot\r\nNICK bot\r\nJOIN #shop\r\n").await.unwrap();
    twitch.until_joined("bot", "shop").await;
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert_eq!(line, ":tmi.twitch.tv 001 bot :Welcome, GLHF!\r\n");
    twitch.shutdown().await;
    stream.read_to_string(&mut line).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
