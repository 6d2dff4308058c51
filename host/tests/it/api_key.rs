//! `twitchy api-key`, and the door of the API.

use std::fs;
use std::path::Path;

use crate::process::{Finished, Running, twitchy};

/// A host without a Twitch: its API answers all the same.
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

#[test]
fn the_first_key_is_made_on_the_database_and_makes_the_others_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, CONFIG).unwrap();
    let made = run(&config, "create --name first --scope operator --expires 90d");
    assert_eq!((made.code, made.errors.as_str()), (Some(0), ""));
    let first = made.output.trim();
    assert!(first.starts_with("twk_") && first.len() == 81, "{first}");

    let host = start(&config, "127.0.0.1:0");
    let told = host.wait_for_error("the API answers at");
    let url = told.split_once("answers at ").unwrap().1.split(';').next().unwrap().to_owned();
    let refused = run(&config, "list");
    assert!(refused.code == Some(1) && refused.errors.contains("--url http://127.0.0.1:8080"), "{}", refused.errors);

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
