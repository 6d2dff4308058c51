//! `twitchy serve`, connected to a fake Twitch.

use std::fs;
use std::path::Path;
use std::process::Command;

use fake_twitch::{DeliveredMessage, FakeTwitch, Settings};
use tempfile::TempDir;
use tests::guests;
use tokio::sync::broadcast::Receiver;

use crate::process::{PATIENT, Running, apart, twitchy};

pub(crate) const TOKEN: &str = "abcdefghij0123456789";

/// A bot in `#shop`, with a module that never ends. As it is no moderator there, it may send one message a second.
struct Stage {
    twitch: FakeTwitch,
    heard: Receiver<DeliveredMessage>,
    bot: Running,
    folder: TempDir,
}

impl Stage {
    async fn start() -> Stage {
        Stage::start_by(start_bot).await
    }

    async fn start_by(start_bot: fn(&Path) -> Running) -> Stage {
        let twitch = FakeTwitch::new(&Settings::default());
        let address = twitch.listen().await.unwrap();
        twitch.add_account("mybot", "1000", TOKEN);
        twitch.add_channel("shop");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(folder.path().join("endless.wasm"), guests::LOOPS_FOREVER).unwrap();
        let load = "[modules]\nload = [\"endless.wasm\"]\n";
        fs::write(&path, config(&address.to_string()) + load).unwrap();
        let mut bot = start_bot(&path);
        bot.meanwhile(twitch.until_joined("mybot", "shop")).await;
        bot.wait_for_error("online, 1 of 1 channel");
        let heard = twitch.subscribe();
        Stage { twitch, heard, bot, folder }
    }

    /// Waits for the bot's next message.
    async fn hear(&mut self) -> String {
        loop {
            let message = self.bot.meanwhile(self.heard.recv()).await.unwrap();
            if message.from == "mybot" {
                return message.text;
            }
        }
    }

    fn ask(&self) {
        self.twitch.say("shop", "shop", "!help").unwrap();
    }
}

pub(crate) fn config(address: &str) -> String {
    format!(
        "[twitch]\nirc_server = \"tcp://{address}\"\n[channels]\njoin = [\"shop\"]\n\
         [[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TWITCHY_TEST_TOKEN\"\n{PATIENT}"
    )
}

pub(crate) fn start_bot(config: &Path) -> Running {
    let mut command = twitchy(&["serve", "--config", config.to_str().unwrap()]);
    Running::start(command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_LOG", "trace"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_what_waits_be_said_and_neither_token_nor_talk_is_logged() {
    let mut stage = Stage::start().await;
    stage.twitch.say("shop", "alice", "something confidential").unwrap();
    stage.twitch.say("shop", "shop", "!help confidential").unwrap();
    stage.ask();
    let first = stage.hear().await;
    // The second answer still waits for Twitch's rate limit.
    stage.bot.send_signal("TERM");
    let second = stage.hear().await;
    // Read-only calls run in parallel, so that the answers may come in either order.
    let has = |part: &str| first.contains(part) ^ second.contains(part);
    assert!(has("!help COMMAND tells more") && has("there is no !confidential"), "{first}, {second}");
    let (status, errors) = stage.bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
    assert!(errors.iter().any(|line| line.contains("stopped")), "{errors:#?}");
    assert!(!errors.iter().any(|line| line.contains(TOKEN) || line.contains("confidential")));
    assert!(stage.twitch.violations().is_empty(), "{:?}", stage.twitch.violations());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() {
    let mut stage = Stage::start().await;
    stage.twitch.say("shop", "shop", "!loops-forever").unwrap();
    stage.ask();
    // Messages are handled in order, so that the endless command runs by now. A stop by the first signal waits for it.
    stage.hear().await;
    stage.bot.send_signal("INT");
    stage.bot.wait_for_error("a second signal stops at once");
    stage.bot.send_signal("TERM");
    let (status, errors) = stage.bot.finish();
    assert_eq!(status.code(), Some(143), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_terminal_ends_the_bot_in_order() {
    // `env` restores SIGHUP's default: if the tests run under `nohup`, their children inherit the ignored signal.
    let mut stage = Stage::start_by(|config| {
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_twitchy"), "serve", "--config"]);
        Running::start(apart(command.arg(config)).env("TWITCHY_TEST_TOKEN", TOKEN))
    })
    .await;
    let socket = stage.folder.path().join("data/status.sock");
    assert!(socket.exists());
    stage.ask();
    stage.ask();
    stage.hear().await;
    stage.bot.send_signal("HUP");
    // The waiting reply is still sent.
    stage.hear().await;
    let (status, errors) = stage.bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
    assert!(errors.iter().any(|line| line.contains("signal=Hangup")), "{errors:#?}");
    assert!(errors.iter().any(|line| line.ends_with(" stopped")), "{errors:#?}");
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_under_nohup_does_not_hear_that_the_terminal_was_closed() {
    let mut stage = Stage::start_by(|config| {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' HUP; exec \"$0\" serve --config \"$1\"", env!("CARGO_BIN_EXE_twitchy")]);
        Running::start(apart(command.arg(config)).env("TWITCHY_TEST_TOKEN", TOKEN))
    })
    .await;
    stage.bot.send_signal("HUP");
    stage.ask();
    stage.hear().await;
    stage.bot.send_signal("TERM");
    let (status, errors) = stage.bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
    assert!(errors.iter().any(|line| line.contains("signal=Terminate")), "{errors:#?}");
}

#[test]
fn a_file_with_a_mistake_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "[twitch]\nirc_server = \"tcp://irc.chat.twitch.tv:6667\"\n").unwrap();
    let bot = start_bot(&path);
    bot.wait_for_error("config.toml:2: twitch.irc_server must begin with tls://");
    let (status, _) = bot.finish();
    assert_eq!(status.code(), Some(2));
    assert!(!folder.path().join("data").exists());
}
