//! `twitchy check-config`, and starting without a configuration.

use std::fs;

use crate::process::{Finished, run, twitchy};

fn check(text: &str, token: Option<&str>) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, text).unwrap();
    let mut command = twitchy(&["check-config", "--config", path.to_str().unwrap()]);
    if let Some(token) = token {
        command.env("TWITCHY_TEST_TOKEN", token);
    }
    Finished::of(&mut command)
}

const GOOD: &str = "\
[channels]
join = [\"shop\"]
[[accounts]]
login = \"mybot\"
token_env = \"TWITCHY_TEST_TOKEN\"
";

#[test]
fn a_good_file_is_summed_up() {
    let finished = check(GOOD, Some("oauth:abc"));
    assert_eq!(finished.code, Some(0), "{}", finished.errors);
    assert!(finished.output.contains("is fine: mybot in #shop"), "{}", finished.output);
}

#[test]
fn the_environment_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("data_dir = \"here\"\n{GOOD}")).unwrap();
    let mut command = twitchy(&["check-config", "--config", path.to_str().unwrap()]);
    command.env("TWITCHY_TEST_TOKEN", "abc");
    let check = |command: &mut std::process::Command| Finished::of(command).output;
    assert!(check(&mut command).trim_end().ends_with("/here"));
    command.env("TWITCHY_DATA_DIR", "/elsewhere");
    assert!(check(&mut command).trim_end().ends_with("data in /elsewhere"));
}

#[test]
fn an_api_that_others_reach_without_encryption_is_warned_of() {
    let check = |public_url: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, format!("http.public_url = \"{public_url}\"\n{GOOD}")).unwrap();
        let mut command = twitchy(&["check-config", "--config", path.to_str().unwrap()]);
        Finished::of(command.env("TWITCHY_TEST_TOKEN", "abc").env("TWITCHY_HTTP_LISTEN", "0.0.0.0:8080"))
    };
    assert!(check("auto").errors.contains("keys may travel in plain text"));
    assert_eq!(check("https://bot.example").errors, "");
}

#[test]
fn all_mistakes_are_told_with_their_lines() {
    let finished = check(&format!("[twitch]\nirc_servr = \"a\"\n[limits]\nwindow = 30\n{GOOD}"), Some("abc"));
    assert_eq!(finished.code, Some(2));
    let lines: Vec<&str> = finished.errors.lines().collect();
    assert!(lines[0].ends_with("config.toml:2: unknown key \"irc_servr\" in [twitch], did you mean \"irc_server\"?"));
    assert!(lines[1].contains("config.toml:4: limits.window must be a time"), "{lines:?}");
}

#[test]
fn a_missing_token_is_a_mistake_and_a_token_is_never_shown() {
    let finished = check(GOOD, None);
    assert_eq!(finished.code, Some(2));
    assert_eq!(finished.errors, "account mybot: the environment variable TWITCHY_TEST_TOKEN is not set\n");
    let finished = check(GOOD, Some("oauth:not a token"));
    assert_eq!(finished.code, Some(2));
    assert!(!finished.errors.contains("not a token"), "{}", finished.errors);
}

#[test]
fn a_module_that_is_not_there_is_a_mistake() {
    let finished = check(&format!("modules.load = [\"dice.wasm\"]\n{GOOD}"), Some("abc"));
    assert_eq!(finished.code, Some(2));
    assert!(finished.errors.contains("dice.wasm: No such file"), "{}", finished.errors);
}

#[test]
fn starting_without_a_file_tells_the_first_steps() {
    for arguments in [&[][..], &["serve"]] {
        let finished = run(arguments);
        assert_eq!((finished.code, finished.output.as_str()), (Some(2), ""));
        assert!(finished.errors.contains("twitchy demo"), "{}", finished.errors);
    }
}
