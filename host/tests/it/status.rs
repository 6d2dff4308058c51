//! `twitchy status`, asked of a bot that is connected to a fake Twitch.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use fake_twitch::{FakeTwitch, Settings};
use tempfile::TempDir;

use crate::process::{Finished, PATIENT, Running, twitchy};

pub(crate) const TOKEN: &str = "abcdefghij0123456789";

/// A fake Twitch, and a configuration for a bot in two channels.
pub(crate) struct Place {
    pub(crate) twitch: FakeTwitch,
    folder: TempDir,
}

impl Place {
    pub(crate) async fn new() -> Place {
        let twitch = FakeTwitch::new(&Settings::default());
        let address = twitch.listen().await.unwrap();
        twitch.add_account("mybot", "1000", TOKEN);
        ["shop", "cafe"].into_iter().for_each(|channel| drop(twitch.add_channel(channel)));
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[twitch]\nirc_server = \"tcp://{address}\"\n[channels]\njoin = [\"shop\", \"cafe\"]\n\
             [[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TWITCHY_TEST_TOKEN\"\n{PATIENT}"
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Place { twitch, folder }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("data/status.sock")
    }

    fn start_bot(&self, token: &str) -> Running {
        let mut command = twitchy(&["serve", "--config", self.config().to_str().unwrap()]);
        Running::start(command.env("TWITCHY_TEST_TOKEN", token))
    }

    pub(crate) fn ask(&self) -> Finished {
        ask(&self.config(), &[])
    }
}

fn ask(config: &Path, more: &[&str]) -> Finished {
    Finished::of(&mut twitchy(&[&["status", "--config", config.to_str().unwrap()], more].concat()))
}

pub(crate) fn stop(bot: Running) {
    bot.send_signal("TERM");
    let (status, errors) = bot.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_well_says_so_until_it_has_stopped() {
    let place = Place::new().await;
    let bot = place.start_bot(TOKEN);
    bot.wait_for_error("online, 2 of 2 channels");
    let finished = place.ask();
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{}", finished.output);
    let account = finished.output.lines().find(|line| line.starts_with("mybot    online  ")).unwrap();
    assert!(account.contains("  2 of 2  "), "{account}");
    assert!(finished.output.ends_with("all is well\n"), "{}", finished.output);
    let _reads_nothing = UnixStream::connect(place.socket()).unwrap();
    let finished = ask(&place.config(), &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&finished.output).unwrap();
    assert_eq!((&json["accounts"][0]["login"], &json["accounts"][0]["phase"]), (&"mybot".into(), &"online".into()));
    assert!(!finished.output.contains(TOKEN), "{}", finished.output);

    let metadata = fs::metadata(place.socket()).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    stop(bot);
    assert!(!place.socket().exists());
    let finished = place.ask();
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""));
    assert!(finished.errors.contains("no host runs with this configuration: nobody answers at"), "{}", finished.errors);
    assert!(finished.errors.contains("start it with: twitchy serve --config"), "{}", finished.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_well_is_named() {
    let place = Place::new().await;
    let bot = place.start_bot("wrongtoken");
    bot.wait_for_error("cannot log in");
    let finished = place.ask();
    assert_eq!(finished.code, Some(1));
    let expected = "not well:\n  account mybot: cannot log in: Twitch refuses the token of mybot, and it is not used again: it has \
         expired, was revoked, or lacks the scopes chat:read and chat:edit; put a token into TWITCHY_TEST_TOKEN and \
         restart twitchy\n";
    assert!(finished.output.ends_with(expected), "{}", finished.output);
    assert!(!finished.output.contains("wrongtoken"), "{}", finished.output);
    stop(bot);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_another_account_is_not_well() {
    let place = Place::new().await;
    place.twitch.add_account("streamer", "2000", "streamerstoken");
    let bot = place.start_bot("streamerstoken");
    let told = bot.wait_for_error("cannot log in");
    assert!(told.contains("WARN") && told.contains("the token is streamer's, not mybot's"), "{told}");
    let finished = place.ask();
    assert_eq!(finished.code, Some(1), "{}", finished.output);
    let last = finished.output.lines().last().unwrap();
    assert!(last.starts_with("  account mybot: cannot log in: the token is streamer's, not mybot's: "), "{last}");
    assert!(last.contains("put a token into TWITCHY_TEST_TOKEN and restart"), "{last}");
    assert!(!finished.output.contains("streamerstoken"), "{}", finished.output);
    stop(bot);
    assert_eq!(place.twitch.messages("shop").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_bars_the_bot_is_listed_and_no_fault() {
    let place = Place::new().await;
    place.twitch.ban("cafe", "mybot").unwrap();
    let bot = place.start_bot(TOKEN);
    let told = bot.wait_for_error("1 of 2 channels, 1 cannot be joined (banned there: cafe)");
    assert!(told.contains("WARN"), "{told}");
    let finished = place.ask();
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    assert!(finished.output.contains("cafe              mybot    banned there\n"), "{}", finished.output);
    assert!(finished.output.ends_with("all is well, but 1 channel cannot be joined\n"), "{}", finished.output);
    stop(bot);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_hosts_socket_is_replaced_and_one_that_cannot_be_made_stops_nothing() {
    let place = Place::new().await;
    fs::create_dir(place.folder.path().join("data")).unwrap();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert_eq!(place.ask().code, Some(1), "nobody listens");
    let bot = place.start_bot(TOKEN);
    bot.wait_for_error("online, 2 of 2 channels");
    assert_eq!(place.ask().code, Some(0));
    stop(bot);

    let long = place.folder.path().join("long".repeat(25));
    let mut command = twitchy(&["serve", "--config", place.config().to_str().unwrap()]);
    let bot = Running::start(command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_DATA_DIR", &long));
    bot.wait_for_error("`twitchy status` will not find this host");
    bot.wait_for_error("online, 2 of 2 channels");
    let mut command = twitchy(&["status", "--config", place.config().to_str().unwrap()]);
    let finished = Finished::of(command.env("TWITCHY_DATA_DIR", &long));
    assert_eq!(finished.code, Some(1));
    assert!(finished.errors.contains("is too long for a socket"), "{}", finished.errors);
    stop(bot);
}

#[test]
fn a_file_with_a_mistake_is_asked_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, "[twitch]\nirc_servr = \"a\"\n").unwrap();
    let finished = ask(&path, &[]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.errors.contains("config.toml:2: unknown key"), "{}", finished.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_listed_with_where_the_bot_stands() {
    let place = Place::new().await;
    place.twitch.ban("cafe", "mybot").unwrap();
    let list = |more: &[&str]| {
        let config = place.config();
        Finished::of(&mut twitchy(&[&["channel", "list", "--config", config.to_str().unwrap()], more].concat()))
    };
    let absent = list(&[]);
    assert_eq!((absent.code, absent.output.as_str()), (Some(1), ""));
    assert!(absent.errors.contains("start it with: twitchy serve --config"), "{}", absent.errors);
    let mut command = twitchy(&["serve", "--config", place.config().to_str().unwrap()]);
    command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_LOG", "info,twitchy::app=debug");
    let bot = Running::start(&mut command);
    bot.wait_for_errors(["1 of 2 channels, 1 cannot be joined", "joined channel=shop"]);
    let id = place.twitch.user_id("shop");
    let expected = format!(
        "channel  id             name  account  state                           modules\n\
         cafe     not known yet        mybot    cannot be joined: banned there\n\
         shop     {id:<13}  shop  mybot    joined                          help, settings\n"
    );
    let listed = list(&[]);
    assert_eq!((listed.code, listed.output, listed.errors), (Some(0), expected, String::new()));
    let json: serde_json::Value = serde_json::from_str(&list(&["--json"]).output).unwrap();
    assert_eq!((&json["items"][1]["login"], &json["items"][1]["id"]), (&"shop".into(), &id.into()));
    stop(bot);
}

#[test]
fn a_server_that_refuses_connections_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let address = "127.0.0.1:1";
    let text = format!(
        "[twitch]\nirc_server = \"tcp://{address}\"\n[[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TWITCHY_TEST_TOKEN\"\n"
    );
    fs::write(&path, text).unwrap();
    let mut command = twitchy(&["serve", "--config", path.to_str().unwrap()]);
    let bot = Running::start(command.env("TWITCHY_TEST_TOKEN", TOKEN));
    let told = bot.wait_for_error("no connection");
    assert!(told.contains(&format!("{address}: Connection refused")), "{told}");
    assert!(told.contains("nothing listens there: look at twitch.irc_server in the configuration"), "{told}");
    let finished = ask(&path, &[]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.output.contains(&format!("no connection: {address}: Connection refused")), "{}", finished.output);
    stop(bot);
}
