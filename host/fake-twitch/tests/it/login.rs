use std::time::Duration;

use fake_twitch::Rule;
use tokio::time::advance;

use crate::client::{Client, broken, world};

#[tokio::test(start_paused = true)]
async fn a_login_is_answered_with_the_welcome_and_the_accounts_id() {
    let twitch = world();
    let mut bot = Client::connect(&twitch);
    let answer = bot.ask("CAP REQ :twitch.tv/tags twitch.tv/commands\r\nPASS oauth:token-of-bot\r\nNICK bot").await;
    assert_eq!(
        answer,
        [
            ":tmi.twitch.tv CAP * ACK :twitch.tv/tags twitch.tv/commands",
            ":tmi.twitch.tv 001 bot :Welcome, GLHF!",
            ":tmi.twitch.tv 002 bot :Your host is tmi.twitch.tv",
            ":tmi.twitch.tv 003 bot :This server is rather new",
            ":tmi.twitch.tv 004 bot :-",
            ":tmi.twitch.tv 375 bot :-",
            ":tmi.twitch.tv 372 bot :You are in a maze of twisty passages, all alike.",
            ":tmi.twitch.tv 376 bot :>",
            "@badge-info=;badges=;color=#49EBBE;display-name=bot;emote-sets=0;user-id=1;user-type= \
             :tmi.twitch.tv GLOBALUSERSTATE",
        ]
    );
    assert_eq!(twitch.connected(), ["bot"]);
}

#[tokio::test(start_paused = true)]
async fn unknown_capabilities_and_tags_without_commands_are_refused_by_name() {
    let twitch = world();
    let mut bot = Client::connect(&twitch);
    assert_eq!(bot.ask("CAP REQ :twitch.tv/tags").await, [":tmi.twitch.tv CAP * NAK :twitch.tv/tags"]);
    assert_eq!(
        bot.ask("CAP REQ :twitch.tv/commands twitch.tv/foo").await,
        [":tmi.twitch.tv CAP * ACK :twitch.tv/commands", ":tmi.twitch.tv CAP * NAK :twitch.tv/foo"]
    );
    assert_eq!(bot.ask("CAP REQ :twitch.tv/tags").await, [":tmi.twitch.tv CAP * ACK :twitch.tv/tags"]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_ends_the_connection() {
    let twitch = world();
    for (lines, text) in [
        ("PASS oauth:wrong\r\nNICK bot", "Login authentication failed"),
        ("PASS oauth:wrong\r\nNICK nobody", "Login authentication failed"),
        ("PASS token-of-bot\r\nNICK bot", "Improperly formatted auth"),
        ("NICK bot\r\nPASS oauth:token-of-bot", "Improperly formatted auth"),
    ] {
        let mut bot = Client::connect(&twitch);
        bot.send(lines).await;
        assert_eq!(bot.rest().await, [format!(":tmi.twitch.tv NOTICE * :{text}")], "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_logs_in_its_owner_whatever_the_nick() {
    let twitch = world();
    for nick in ["other", "nobody"] {
        let mut bot = Client::connect(&twitch);
        let answer = bot.ask(&format!("PASS oauth:token-of-bot\r\nNICK {nick}")).await;
        assert_eq!(answer.first().map(String::as_str), Some(":tmi.twitch.tv 001 bot :Welcome, GLHF!"), "{nick}");
        assert_eq!(twitch.connected(), ["bot"]);
        drop(bot);
        twitch.drop_connections();
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_replaced_is_refused() {
    let twitch = world();
    twitch.add_account("bot", "1", "fresh");
    let mut bot = Client::connect(&twitch);
    bot.send("PASS oauth:token-of-bot\r\nNICK bot").await;
    assert_eq!(bot.rest().await, [":tmi.twitch.tv NOTICE * :Login authentication failed"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_20_logins_in_10_s_are_refused_and_noted() {
    let twitch = world();
    for _ in 0..20 {
        Client::log_in(&twitch, "bot").await;
    }
    assert_eq!(broken(&twitch), []);
    let mut bot = Client::connect(&twitch);
    bot.send("PASS oauth:token-of-bot\r\nNICK bot").await;
    assert_eq!(bot.rest().await, [":tmi.twitch.tv NOTICE * :Error logging in"]);
    assert_eq!(broken(&twitch), [Rule::Logins]);
    Client::log_in(&twitch, "other").await;
    advance(Duration::from_secs(10)).await;
    Client::log_in(&twitch, "bot").await;
}

#[tokio::test(start_paused = true)]
async fn an_anonymous_connection_reads_and_cannot_send() {
    let twitch = world();
    let mut reader = Client::connect(&twitch);
    assert!(reader.ask("NICK justinfan123").await.iter().any(|line| line.contains(" 376 ")));
    reader.ask("JOIN #shop").await;
    assert!(reader.ask("PRIVMSG #shop :hello").await.is_empty());
    twitch.say("shop", "alice", "hi").unwrap();
    assert_eq!(reader.lines().await, [":alice!alice@alice.tmi.twitch.tv PRIVMSG #shop :hi"]);
    assert_eq!(twitch.messages("shop").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_works_before_the_login_and_unknown_words_are_named_after_it() {
    let twitch = world();
    let mut bot = Client::connect(&twitch);
    assert!(bot.ask("JOIN #shop\r\nPRIVMSG #shop :hi").await.is_empty());
    let mut bot = Client::log_in(&twitch, "bot").await;
    assert_eq!(bot.ask("WHO #shop").await, [":tmi.twitch.tv 421 bot WHO :Unknown command"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_an_anonymous_connection_passes_is_ignored() {
    let twitch = world();
    // The PASS of tmi.js, that of go-twitch-irc, an account's own token, and none at all.
    for pass in ["PASS SCHMOOPIIE", "PASS oauth:59301", "PASS oauth:token-of-bot", "PASS", "PASS :"] {
        let mut reader = Client::connect(&twitch);
        let answer = reader.ask(&format!("{pass}\r\nNICK justinfan23875")).await;
        assert!(answer.iter().any(|line| line.contains(" 376 justinfan23875 ")), "{pass}: {answer:?}");
    }
    let mut bot = Client::connect(&twitch);
    bot.send("PASS SCHMOOPIIE\r\nNICK justinfan").await;
    assert_eq!(bot.rest().await, [":tmi.twitch.tv NOTICE * :Improperly formatted auth"]);
}

#[tokio::test(start_paused = true)]
async fn a_bare_ping_is_answered_without_a_prefix() {
    let twitch = world();
    let mut bot = Client::log_in(&twitch, "bot").await;
    assert_eq!(bot.ask("PING").await, ["PONG :tmi.twitch.tv"]);
    assert_eq!(bot.ask("PING :").await, ["PONG :tmi.twitch.tv"]);
    assert_eq!(bot.ask("PING :a b").await, [":tmi.twitch.tv PONG tmi.twitch.tv :a b"]);
    let mut stranger = Client::connect(&twitch);
    assert_eq!(stranger.ask("PING").await, ["PONG :tmi.twitch.tv"]);
}
