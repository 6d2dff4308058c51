//! The operator switches the size class `large` off while a channel runs a large module.

use std::fs;
use std::path::PathBuf;

use fake_twitch::{FakeTwitch, Settings};
use tests::guests;

use crate::process::{Finished, Running, twitchy};
use crate::serve::TOKEN;

struct Place {
    twitch: FakeTwitch,
    folder: tempfile::TempDir,
    key: String,
}

impl Place {
    async fn new() -> Place {
        let twitch = FakeTwitch::new(&Settings::default());
        twitch.add_account("mybot", "1000", TOKEN);
        twitch.add_channel("shop");
        let address = twitch.listen().await.unwrap();
        let place = Place { twitch, folder: tempfile::tempdir().unwrap(), key: String::new() };
        let text = format!(
            "[twitch]\nirc_server = \"tcp://{address}\"\n[channels]\njoin = [\"shop\"]\n\
             [[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TWITCHY_TEST_TOKEN\"\n[sandbox]\nallow_large = true\n"
        );
        fs::write(place.config(), text).unwrap();
        let line = ["api-key", "create", "--name", "op", "--scope", "operator", "--config"];
        let made = Finished::of(twitchy(&line).arg(place.config()));
        assert_eq!(made.code, Some(0), "{}", made.errors);
        Place { key: made.output.trim().to_owned(), ..place }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn start(&self) -> Running {
        let mut command = twitchy(&["serve", "--config", self.config().to_str().unwrap()]);
        Running::start(command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0"))
    }

    async fn until_ready(&self, bot: &mut Running) -> String {
        let told = bot.wait_for_error("the API answers at");
        bot.meanwhile(self.twitch.until_joined("mybot", "shop")).await;
        let url = told.split_once("answers at ").unwrap().1.split(';').next().unwrap().to_owned();
        // The host learns the channel from Twitch a moment after the join.
        while self.module(&url, &["list", "--channel", "shop"]).code != Some(0) {}
        url
    }

    fn module(&self, url: &str, line: &[&str]) -> Finished {
        let mut command = twitchy(&["module"]);
        Finished::of(command.args(line).args(["--url", url]).env("TWITCHY_API_KEY", &self.key))
    }

    fn ask_status(&self) -> Finished {
        Finished::of(twitchy(&["status", "--config"]).arg(self.config()))
    }
}

fn stop(bot: Running) {
    bot.send_signal("TERM");
    let (status, errors) = bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_module_does_not_run_once_large_ones_are_not_allowed_and_everybody_is_told() {
    let place = Place::new().await;
    let mut bot = place.start();
    let url = place.until_ready(&mut bot).await;
    let component = place.folder.path().join("echo.wasm");
    fs::write(&component, guests::ECHO).unwrap();
    let pushed = place.module(&url, &["push", component.to_str().unwrap(), "--large"]);
    assert_eq!((pushed.code, pushed.errors.as_str()), (Some(0), ""));
    let enabled = place.module(&url, &["enable", "echo", "--channel", "shop"]);
    assert_eq!(
        (enabled.code, enabled.output.as_str()),
        (Some(0), "echo 0.1.0 answers in #shop\n"),
        "{}",
        enabled.errors
    );
    while place.ask_status().code != Some(0) {}
    stop(bot);

    let text = fs::read_to_string(place.config()).unwrap();
    fs::write(place.config(), text.replace("allow_large = true", "allow_large = false")).unwrap();
    let mut bot = place.start();
    let warned = bot.wait_for_error("allow_large is off");
    assert!(warned.contains("WARN") && warned.contains("module=echo") && warned.contains("channels=1"), "{warned}");
    let url = place.until_ready(&mut bot).await;
    let status = place.ask_status();
    let told = "module echo: it does not run: it is of the size class large, and [sandbox] allow_large is off";
    assert!(status.code == Some(1) && status.output.contains(told), "{}", status.output);
    // The chat gets no apology: like a disabled module, this one has no words here.
    let mut heard = place.twitch.subscribe();
    place.twitch.say("shop", "alice", "!echo hello").unwrap();
    place.twitch.say("shop", "alice", "!help").unwrap();
    let answer = async {
        loop {
            let message = heard.recv().await.unwrap();
            if message.from == "mybot" {
                return message.text;
            }
        }
    };
    let answer = bot.meanwhile(answer).await;
    assert!(answer.contains("help") && !answer.contains("echo") && !answer.contains("sorry"), "{answer}");
    place.module(&url, &["disable", "echo", "--channel", "shop"]);
    let refused = place.module(&url, &["enable", "echo", "--channel", "shop"]);
    assert!(refused.code == Some(1) && refused.errors.contains("(size_class_not_allowed)"), "{}", refused.errors);
    let refused = place.module(&url, &["push", component.to_str().unwrap(), "--large"]);
    assert!(refused.code == Some(1) && refused.errors.contains("(size_class_not_allowed)"), "{}", refused.errors);
    stop(bot);
}
