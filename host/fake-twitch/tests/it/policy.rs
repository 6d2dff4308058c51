//! The policies of a server: any account and any channel, with and without limits.

use fake_twitch::{FakeTwitch, Policy, Settings};

use crate::client::{Client, broken, said, tag};

fn open_world(has_limits: bool) -> FakeTwitch {
    let policy = Policy { has_limits, takes_any_account: true, has_any_channel: true };
    FakeTwitch::new(&Settings { policy, ..Settings::default() })
}

#[tokio::test(start_paused = true)]
async fn anybody_logs_in_with_any_token_and_is_the_same_chatter_each_time() {
    let twitch = open_world(true);
    let mut one = Client::connect(&twitch);
    let welcome = one.ask("CAP REQ :twitch.tv/tags twitch.tv/commands\r\nPASS oauth:x\r\nNICK Somebody").await;
    assert_eq!(welcome[1], ":tmi.twitch.tv 001 somebody :Welcome, GLHF!");
    let id = twitch.user_id("somebody");
    assert_eq!(tag(welcome.last().unwrap(), "user-id"), Some(id.as_str()));
    Client::log_in(&twitch, "somebody").await;
    assert_eq!(twitch.user_id("somebody"), id);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_login_and_what_is_no_token_are_refused_even_so() {
    let twitch = open_world(true);
    for (lines, text) in [
        ("PASS oauth:x\r\nNICK some-body", "Login authentication failed"),
        ("PASS oauth:x\r\nNICK aaaaaaaaaaaaaaaaaaaaaaaaaa", "Login authentication failed"),
        ("PASS x\r\nNICK somebody", "Improperly formatted auth"),
        ("NICK somebody", "Improperly formatted auth"),
    ] {
        let mut client = Client::connect(&twitch);
        client.send(lines).await;
        assert_eq!(client.rest().await, [format!(":tmi.twitch.tv NOTICE * :{text}")], "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_there_when_it_is_joined_or_talked_in_and_its_broadcaster_is_its_login() {
    let twitch = open_world(true);
    let mut shop = Client::join(&twitch, "shop", "shop").await;
    let mut alice = Client::log_in(&twitch, "alice").await;
    alice.ask("PRIVMSG #Shop :hello").await;
    assert!(shop.lines().await.iter().any(|line| line.ends_with("PRIVMSG #shop :hello")));
    alice.ask("PRIVMSG #den :anybody here?").await;
    assert_eq!(said(&twitch, "den"), ["anybody here?"]);
    shop.ask("PRIVMSG #shop :hi").await;
    assert!(shop.ask("JOIN #no-login,#").await.is_empty());
    let joined = shop.ask("PRIVMSG #shop :and again").await;
    assert_eq!(tag(&joined[0], "badges"), Some("broadcaster/1"));
    assert_eq!(broken(&twitch), []);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_that_is_counted_is_refused() {
    let twitch = open_world(false);
    for _ in 0..21 {
        Client::log_in(&twitch, "bot").await;
    }
    let mut bot = Client::log_in(&twitch, "bot").await;
    let names: Vec<String> = (0..150).map(|n| format!("#c{n}")).collect();
    let joined = bot.ask(&format!("JOIN {}", names.join(","))).await;
    assert_eq!(joined.iter().filter(|line| line.contains(" JOIN ")).count(), 150);
    for _ in 0..120 {
        bot.ask("PRIVMSG #c1 :the same").await;
    }
    assert_eq!((said(&twitch, "c1").len(), broken(&twitch)), (120, vec![]));
}

#[tokio::test(start_paused = true)]
async fn clients_cannot_make_more_than_ten_thousand_channels() {
    let twitch = open_world(false);
    let mut bot = Client::log_in(&twitch, "bot").await;
    for start in (0..10_100).step_by(100) {
        let names: Vec<String> = (start..start + 100).map(|n| format!("#c{n}")).collect();
        bot.ask(&format!("JOIN {}", names.join(","))).await;
    }
    assert!(twitch.has_channel("c9999") && !twitch.has_channel("c10000"));
}
