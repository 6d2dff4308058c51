//! `twitchy serve` with two accounts, and across restarts.

use std::fs;
use std::path::PathBuf;

use fake_twitch::{DeliveredMessage, FakeTwitch, Settings};
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;

use crate::process::{Finished, PATIENT, Running, twitchy};

/// A fake Twitch with two bot accounts and three channels, and the folder that the bot's data stays in across restarts.
struct Place {
    twitch: FakeTwitch,
    heard: Receiver<DeliveredMessage>,
    folder: TempDir,
}

impl Place {
    async fn new() -> Place {
        let twitch = FakeTwitch::new(&Settings::default());
        let address = twitch.listen().await.unwrap();
        twitch.add_account("mybot", "1000", "firsttoken");
        twitch.add_account("otherbot", "1001", "secondtoken");
        ["shop", "cafe", "den"].into_iter().for_each(|channel| drop(twitch.add_channel(channel)));
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[twitch]\nirc_server = \"tcp://{address}\"\n\
             [channels]\njoin = [\"shop\", \"cafe\", {{ login = \"den\", account = \"otherbot\" }}]\n\
             [[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TWITCHY_TEST_TOKEN\"\n\
             [[accounts]]\nlogin = \"otherbot\"\ntoken_env = \"TWITCHY_OTHER_TOKEN\"\n{PATIENT}"
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Place { heard: twitch.subscribe(), twitch, folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn start_bot(&self, tokens: &[(&str, &str)]) -> Running {
        let mut command = twitchy(&["serve", "--config", self.config().to_str().unwrap()]);
        // At debug level each joined channel has its own log line, which `start_whole_bot` waits for.
        command.env("TWITCHY_LOG", "info,twitchy::app=debug");
        Running::start(command.env_remove("TWITCHY_TEST_TOKEN").envs(tokens.iter().copied()))
    }

    /// Starts the bot with both tokens. Returns when it has joined `channels`.
    async fn start_whole_bot(&self, channels: &[&str]) -> Running {
        let bot = self.start_bot(&[("TWITCHY_TEST_TOKEN", "firsttoken"), ("TWITCHY_OTHER_TOKEN", "secondtoken")]);
        for _ in channels {
            bot.wait_for_error("joined channel=");
        }
        bot
    }

    /// Says `text` as `chatter`, and returns the author and the text of the channel's next message.
    async fn ask(&mut self, channel: &str, chatter: &str, text: &str) -> (String, String) {
        self.twitch.say(channel, chatter, text).unwrap();
        loop {
            let message = self.heard.recv().await.unwrap();
            if message.channel == channel && message.text != text {
                // The outbox varies repeated texts by invisible characters.
                return (message.from, message.text.trim_end_matches([' ', '\u{34f}']).to_owned());
            }
        }
    }
}

fn stop(bot: Running) {
    bot.send_signal("TERM");
    let (status, errors) = bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_is_answered_by_its_own_account() {
    let mut place = Place::new().await;
    let bot = place.start_whole_bot(&["shop", "cafe", "den"]).await;
    let help = |who: &str| (who.to_owned(), "you can use !help; !help COMMAND tells more".to_owned());
    assert_eq!(place.ask("shop", "alice", "!help").await, help("mybot"));
    assert_eq!(place.ask("den", "alice", "!help").await, help("otherbot"));
    // A message that a person types with a bot account's login is answered; one that the bot sent itself is not.
    assert_eq!(place.ask("den", "mybot", "!help").await, help("otherbot"));
    assert_eq!(place.ask("cafe", "mybot", "!help").await, help("mybot"));
    stop(bot);
    let said = |channel| place.twitch.messages(channel).len();
    assert_eq!((said("shop"), said("cafe"), said("den")), (2, 2, 4));
    assert_eq!(place.twitch.violations(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broadcaster_chose_outlives_the_process() {
    let mut place = Place::new().await;
    let bot = place.start_whole_bot(&["shop", "cafe", "den"]).await;
    assert_eq!(place.ask("shop", "shop", "!settings prefix ?").await.1, "prefix is now ?");
    assert_eq!(place.ask("cafe", "cafe", "!settings enable join").await.1, "join is now on");
    let farewell = "I'm leaving your channel; to have me back, type !join in a channel where I am";
    assert_eq!(place.ask("cafe", "cafe", "!leave").await.1, farewell);
    stop(bot);

    let bot = place.start_whole_bot(&[]).await;
    assert!(bot.wait_for_error("stays left").contains("channel=cafe"));
    ["shop", "den"].iter().for_each(|_| drop(bot.wait_for_error("joined channel=")));
    assert_eq!(place.ask("shop", "alice", "?help").await.1, "you can use ?help; ?help COMMAND tells more");
    place.twitch.say("cafe", "alice", "!help").unwrap();
    assert_eq!(place.ask("den", "alice", "!help").await.0, "otherbot");
    stop(bot);
    assert_eq!(place.twitch.messages("cafe").last().unwrap().from, "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_login_went_to_somebody_else_is_left() {
    let mut place = Place::new().await;
    stop(place.start_whole_bot(&["shop", "cafe", "den"]).await);
    place.twitch.recycle_login("shop", "424242");
    let bot = place.start_whole_bot(&["cafe", "den"]).await;
    let told = bot.wait_for_error("cannot be joined");
    assert!(told.contains("online, 1 of 2 channels, 1 cannot be joined (the login belongs to another"), "{told}");
    place.twitch.say("shop", "alice", "!help").unwrap();
    assert_eq!(place.ask("den", "alice", "!help").await.0, "otherbot");
    bot.send_signal("TERM");
    let (_, errors) = bot.finish();
    assert!(errors.iter().all(|line| !line.contains("joined channel=shop")), "{errors:#?}");
    assert!(place.twitch.messages("shop").iter().all(|message| message.from == "alice"), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_a_recycled_login_gets_channels_by_the_operators_word_only() {
    let place = Place::new().await;
    stop(place.start_whole_bot(&["shop", "cafe", "den"]).await);
    place.twitch.recycle_login("mybot", "2000");
    place.twitch.add_account("mybot", "2000", "firsttoken");
    let mut bot = place.start_whole_bot(&[]).await;
    let told = bot.wait_for_error("Twitch has given this login to another account");
    assert!(told.contains("WARN") && told.contains("id=2000 former=1000"), "{told}");
    bot.meanwhile(place.twitch.until_joined("otherbot", "den")).await;
    let status = Finished::of(&mut twitchy(&["status", "--config", place.config().to_str().unwrap()]));
    assert_eq!(status.code, Some(1));
    assert!(status.output.contains("the channels of the former one (id 1000) are kept"), "{}", status.output);
    assert!(!place.twitch.is_joined("mybot", "shop"));
    stop(bot);
    // The configuration assigns these channels to the login, whose new id this start already knows.
    let mut bot = place.start_whole_bot(&[]).await;
    let told = bot.wait_for_error("recycled an account's login");
    assert!(told.contains("WARN") && told.contains("id=2000 former=1000"), "{told}");
    bot.meanwhile(place.twitch.until_joined("mybot", "shop")).await;
    stop(bot);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_token_does_not_hold_up_the_other() {
    let mut place = Place::new().await;
    let mut bot = place.start_bot(&[("TWITCHY_TEST_TOKEN", "firsttoken")]);
    let told = bot.wait_for_error("cannot log in");
    assert!(told.contains("otherbot") && told.contains("TWITCHY_OTHER_TOKEN is not set"), "{told}");
    bot.meanwhile(place.twitch.until_joined("mybot", "shop")).await;
    assert_eq!(place.ask("shop", "alice", "!help").await.0, "mybot");
    stop(bot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_and_a_folder_in_use_are_told() {
    let place = Place::new().await;
    let bot = place.start_bot(&[("TWITCHY_TEST_TOKEN", "wrongtoken"), ("TWITCHY_OTHER_TOKEN", "secondtoken")]);
    let told = bot.wait_for_error("refuses");
    assert!(told.contains("WARN") && told.contains("account=mybot") && !told.contains("wrongtoken"), "{told}");
    let (status, errors) = place.start_bot(&[]).finish();
    assert_eq!(status.code(), Some(1));
    assert!(errors.iter().any(|line| line.contains("is in use by another process")), "{errors:#?}");
    stop(bot);
}
