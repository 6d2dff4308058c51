//! `twitchy api-key`, and access to the API with its keys.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fake_twitch::{FakeTwitch, Settings};
use twitchy::app::uid::describe_own_uid;
use twitchy::domain::audit::{Actor, AuditFilter};
use twitchy::domain::ports::{SoleProcess, SystemClock};
use twitchy::store::Store;

use crate::process::{Finished, Running, twitchy};
use crate::serve::{self, TOKEN};

/// A host that cannot reach Twitch: its API answers all the same.
const CONFIG: &str =
    "[twitch]\nirc_server = \"tcp://127.0.0.1:1\"\n[[accounts]]\nlogin = \"mybot\"\ntoken_env = \"NO_TOKEN\"\n";

fn run(config: &Path, line: &str) -> Finished {
    let arguments: Vec<&str> = line.split(' ').collect();
    Finished::of(twitchy(&["api-key"]).args(arguments).arg("--config").arg(config))
}

fn ask(url: &str, key: &str, line: &str) -> Finished {
    let arguments: Vec<&str> = line.split(' ').collect();
    Finished::of(twitchy(&["api-key"]).args(arguments).args(["--url", url]).env("TWITCHY_API_KEY", key))
}

fn start(config: &Path, listen: &str) -> Running {
    Running::start(twitchy(&["serve", "--config", config.to_str().unwrap()]).env("TWITCHY_HTTP_LISTEN", listen))
}

/// The note printed with a new key if the configuration has no API.
const OFF: &str = "this key is shown this once; it opens the API, which http.listen switches off here\n";

#[test]
fn the_first_key_is_made_on_the_database_and_makes_the_others_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, CONFIG).unwrap();
    let made = run(&config, "create --name first --scope operator --expires 90d");
    assert_eq!((made.code, made.errors.as_str()), (Some(0), OFF));
    let first = made.output.trim();
    assert!(first.starts_with("twk_") && first.len() == 81, "{first}");

    let host = start(&config, "127.0.0.1:0");
    let told = host.wait_for_error("the API answers at");
    let url = told.split_once("answers at ").unwrap().1.split(';').next().unwrap().to_owned();
    let made = ask(&url, first, "create --name shop --scope channel:100 --role moderator");
    assert_eq!((made.code, made.errors.as_str()), (Some(0), ""));
    let second = made.output.trim().to_owned();
    let forbidden = ask(&url, &second, "list");
    assert!(forbidden.code == Some(1) && forbidden.errors.contains("(forbidden)"), "{}", forbidden.errors);
    let wrong = ask(&url, first, "create --name shop --scope shop");
    assert!(wrong.errors.contains("scopes: must be"), "{}", wrong.errors);
    let revoked = ask(&url, first, &format!("revoke {}", &second[4..16]));
    assert_eq!(revoked.output.trim(), format!("{} is revoked", &second[4..16]));
    let listed = ask(&url, first, "list");
    assert!(listed.output.contains("revoked") && listed.output.contains("channel:100"), "{}", listed.output);
    for secret in [&first[17..], &second[17..]] {
        assert!(!listed.output.contains(secret));
    }
    host.send_signal("TERM");
    let (status, errors) = host.finish();
    assert_eq!(status.code(), Some(0));
    assert!(errors.iter().all(|line| !line.contains(&first[17..]) && !line.contains(&second[17..])));
    let listed = run(&config, "list --json");
    assert!(
        listed.output.contains("\"revoked_at\"") && listed.output.contains("\"last_used_at\""),
        "{}",
        listed.output
    );
}

#[test]
fn a_port_that_is_taken_is_told_with_the_key_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, CONFIG).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = start(&config, &taken.local_addr().unwrap().to_string());
    let told = host.wait_for_error("cannot listen on");
    assert!(told.contains("change http.listen") && told.contains("in use"), "{told}");
    assert_eq!(host.finish().0.code(), Some(1));
    let wrong =
        Finished::of(twitchy(&["check-config", "--config", config.to_str().unwrap()]).env("TWITCHY_HTTP_LISTEN", "x"));
    assert!(wrong.errors.contains("TWITCHY_HTTP_LISTEN must be an address"), "{}", wrong.errors);
}

/// The API's URL in the log line `told`, with the port that the system chose.
fn url_in(told: &str) -> String {
    told.split_once("answers at ").unwrap().1.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_host_makes_lists_and_revokes_keys_without_one() {
    let twitch = FakeTwitch::new(&Settings::default());
    let address = twitch.listen().await.unwrap();
    twitch.add_account("mybot", "1000", TOKEN);
    twitch.add_channel("shop");
    let id = twitch.user_id("shop");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, serve::config(&address.to_string())).unwrap();
    let mut command = twitchy(&["serve", "--config", config.to_str().unwrap()]);
    command.env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0").env("TWITCHY_LOG", "info,twitchy::app=debug");
    let host = Running::start(command.env("TWITCHY_TEST_TOKEN", TOKEN));
    let [url, _] = host.wait_for_errors(["the API answers at", "joined channel=shop"]);
    let url = url_in(&url);

    let made = run(&config, "create --name first --scope operator");
    let told = format!("this key is shown this once; the API answers at {url}\n");
    assert_eq!((made.code, made.errors), (Some(0), told));
    let first = made.output.trim();
    let scope = |key: &str| {
        let keys: serde_json::Value = serde_json::from_str(&run(&config, "list --json").output).unwrap();
        let keys = keys["items"].as_array().unwrap().clone();
        keys.iter().find(|shown| shown["id"] == key[4..16]).unwrap()["scopes"].clone()
    };
    // A scope may name a channel by login, over the socket and over the API.
    let over_socket = run(&config, "create --name shop --scope channel:shop").output;
    let over_api = ask(&url, first, "create --name shop --scope channel:#Shop").output;
    for made in [&over_socket, &over_api] {
        assert_eq!(scope(made), serde_json::json!([format!("channel:{id}")]));
    }
    for refused in [
        run(&config, "create --name cafe --scope channel:cafe"),
        ask(&url, first, "create --name cafe --scope channel:cafe"),
    ] {
        assert!(refused.code == Some(1) && refused.output.is_empty(), "{}", refused.output);
        let told = "there is no channel #cafe: the host";
        assert!(
            refused.errors.contains(told) && refused.errors.contains(&format!("#shop ({id})")),
            "{}",
            refused.errors
        );
    }
    let second = over_socket.trim();
    assert_eq!(run(&config, &format!("revoke {}", &second[4..16])).output, format!("{} is revoked\n", &second[4..16]));
    assert!(ask(&url, second, "list").errors.contains("(invalid_key)"));

    host.send_signal("TERM");
    let (status, errors) = host.finish();
    assert_eq!(status.code(), Some(0), "{errors:#?}");
    assert!(errors.iter().all(|line| [first, second].iter().all(|key| !line.contains(&key[17..]))), "{errors:#?}");
    // The audit records the system user.
    let store =
        Store::open(&folder.path().join("data/twitchy.sqlite"), Arc::new(SystemClock), Arc::new(SoleProcess)).unwrap();
    let lines = store
        .host
        .list_audit(&AuditFilter { action: Some("revoke-key".into()), ..AuditFilter::default() }, None, 10)
        .await;
    let by: Vec<Actor> = lines.unwrap().into_iter().map(|line| line.stamp.by).collect();
    assert_eq!(by, [Actor::CommandLine { system_user: Some(describe_own_uid().into()) }]);
    store.close().await.unwrap();
}

#[test]
fn a_host_that_cannot_be_asked_is_told_with_the_address_of_its_api() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (folder.path().join("config.toml"), folder.path().join("long".repeat(25)));
    fs::write(&config, CONFIG).unwrap();
    let mut command = twitchy(&["serve", "--config", config.to_str().unwrap()]);
    let host = Running::start(command.env("TWITCHY_DATA_DIR", &data));
    host.wait_for_error("cannot log in");
    let mut list = twitchy(&["api-key", "list", "--config", config.to_str().unwrap()]);
    let refused = Finished::of(list.env("TWITCHY_DATA_DIR", &data).env("TWITCHY_HTTP_LISTEN", "0.0.0.0:8123"));
    assert_eq!((refused.code, refused.output.as_str()), (Some(1), ""));
    assert!(refused.errors.contains("a host holds the database, and nobody answers at"), "{}", refused.errors);
    assert!(refused.errors.contains("TWITCHY_API_KEY: --url http://127.0.0.1:8123"), "{}", refused.errors);
}
