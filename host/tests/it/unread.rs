//! Output without a reader: `| true`, `| head -1`, or a pipe that was closed before the program wrote anything.

use std::fs;
use std::io::{BufRead, BufReader, pipe};
use std::process::{Command, Stdio};

use crate::process::{Finished, Running, twitchy};

const CONFIG: &str = "[twitch]\nirc_server = \"tcp://127.0.0.1:1\"\n[[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TWITCHY_TEST_TOKEN\"\n";

/// Runs a program whose standard output is a pipe without a reader. Returns its exit code and its standard error.
fn run_unread(command: &mut Command) -> (Option<i32>, String) {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let output = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Without a reader, each subcommand has the same exit code and standard error as with one.
#[test]
fn a_subcommand_that_nobody_reads_ends_as_if_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, CONFIG).unwrap();
    let config = config.to_str().unwrap();
    let made =
        Finished::of(&mut twitchy(&["api-key", "create", "--config", config, "--name", "op", "--scope", "operator"]));
    let mut serve = twitchy(&["serve", "--config", config]);
    let host = Running::start(serve.env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0").env("TWITCHY_TEST_TOKEN", "abc"));
    let told = host.wait_for_error("the API answers at");
    let url = told.split_once("answers at ").unwrap().1.split(';').next().unwrap().to_owned();

    let lines: [&[&str]; 9] = [
        &["--help"],
        &["module", "push", "--help"],
        &["check-config", "--config", config],
        &["status", "--config", config],
        &["status", "--config", config, "--json"],
        &["api-key", "list", "--config", config],
        &["api-key", "list", "--config", config, "--json"],
        &["module", "list"],
        &["module", "show", "help", "--json"],
    ];
    for line in lines {
        let command = || {
            let mut command = twitchy(line);
            command
                .env("TWITCHY_TEST_TOKEN", "abc")
                .env("TWITCHY_API_KEY", made.output.trim())
                .env("TWITCHY_URL", &url);
            command
        };
        let read = Finished::of(&mut command());
        assert!(!read.output.is_empty(), "{line:?}: {}", read.errors);
        assert_eq!(run_unread(&mut command()), (read.code, read.errors), "{line:?}");
    }
}

#[test]
fn a_script_of_the_demo_ends_when_nobody_reads_on() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("chat.txt");
    // More than a pipe holds, so that the program is still writing when the reader has gone.
    fs::write(&script, format!("alice> {}\n", "a".repeat(400)).repeat(1000)).unwrap();
    let line = ["demo", "--fresh", "--script", script.to_str().unwrap()];
    assert_eq!(run_unread(&mut twitchy(&line)), (Some(0), String::new()));

    let mut child = twitchy(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("alice> aaa"), "{first}");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

/// The prompt's input stays open, so that only the closed output can end the demo.
#[test]
fn a_prompt_of_the_demo_ends_when_nobody_reads() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let (_typed, typing) = pipe().map(|(read, write)| (write, read)).unwrap();
    let mut command = twitchy(&["demo", "--fresh"]);
    let output = command.stdin(typing).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
