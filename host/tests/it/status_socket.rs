//! `status.sock` at the level of bytes: what clients may send, and that no client can block the others.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::process::{Running, twitchy};

/// A host that cannot reach Twitch, and its socket.
struct Stage {
    socket: PathBuf,
    host: Running,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn start() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        let text = "[twitch]\nirc_server = \"tcp://127.0.0.1:1\"\n[channels]\njoin = [\"shop\"]\n\
                    [[accounts]]\nlogin = \"mybot\"\ntoken_env = \"NO_TOKEN\"\n";
        fs::write(&config, text).unwrap();
        let host = Running::start(&mut twitchy(&["serve", "--config", config.to_str().unwrap()]));
        host.wait_for_error("cannot log in");
        Stage { socket: folder.path().join("data/status.sock"), host, _folder: folder }
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).unwrap()
    }

    /// The answer to an order. Asks again if the order arrived too late, on a busy machine, and the status came back.
    fn send(&self, text: &[u8]) -> Value {
        loop {
            let mut stream = self.connect();
            // The host may already have answered and closed the connection.
            stream.write_all(text).ok();
            let answer = read_answer(&mut stream);
            if answer["uptime_seconds"].is_null() {
                return answer;
            }
        }
    }

    fn stop(self) {
        self.host.send_signal("TERM");
        let (status, errors) = self.host.finish();
        assert_eq!(status.code(), Some(0), "{errors:#?}");
    }
}

/// Reads one line only: if the host has not read all it was sent, the connection may end with an error.
fn read_answer(stream: &mut UnixStream) -> Value {
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_client_that_says_nothing_is_told_the_status_and_one_that_orders_is_answered() {
    let stage = Stage::start();
    // Older versions of the command line keep their sending side open.
    let status = read_answer(&mut stage.connect());
    assert_eq!(
        (&status["version"], &status["accounts"][0]["phase"]),
        (&env!("CARGO_PKG_VERSION").into(), &"no_token".into())
    );
    let mut closing = stage.connect();
    closing.shutdown(Shutdown::Write).unwrap();
    assert!(read_answer(&mut closing)["uptime_seconds"].is_number());

    assert_eq!(stage.send(b"{\"order\": \"list-keys\"}\n"), json!({ "answer": "keys", "items": [], "next": null }));
    let listed = stage.send(b"{\"order\": \"list-channels\"}\nand what comes after the line is not read");
    let shop = json!({ "id": null, "login": "shop", "display_name": null, "account": "mybot",
        "state": "its account: cannot log in", "modules": [] });
    assert_eq!(listed, json!({ "answer": "channels", "items": [shop], "next": null }));
    stage.stop();
}

#[test]
fn what_is_no_order_is_refused_and_changes_nothing() {
    let stage = Stage::start();
    let key =
        |more: &str| format!("{{\"order\": \"create-key\", \"name\": \"a\", \"scopes\": [\"operator\"]{more}}}\n");
    for (text, part) in [
        ("hello\n".to_owned(), "this is no order of twitchy"),
        ("{\"order\": \"sing\"}\n".to_owned(), "create-key, list-keys, revoke-key and list-channels"),
        ("[[[[[[[[\n".to_owned(), "this is no order"),
        (format!("{}\n", "[".repeat(10_000)), "this is no order"),
        (format!("{}\n", "x".repeat(20_000)), "at most 16 KiB"),
        (key(", \"unknown\": 1"), "unknown field"),
        (key(", \"role\": \"broadcaster\""), "role must be"),
        (key(", \"scopes\": []"), "duplicate field"),
        ("{\"order\": \"revoke-key\", \"id\": \"x\"}\n".to_owned(), "12 lower-case hexadecimal digits"),
    ] {
        let refused = stage.send(text.as_bytes());
        let detail = refused["detail"].as_str().unwrap_or_default();
        assert!(refused["answer"] == "refused" && detail.contains(part), "{text}: {refused}");
    }
    assert_eq!(stage.send(b"{\"order\": \"list-keys\"}\n")["items"], json!([]));
    stage.stop();
}

/// More clients than the host serves at once. Some are silent, some never end their line, and none reads.
#[test]
fn clients_that_dawdle_keep_nobody_out_for_long() {
    let stage = Stage::start();
    let mut dawdling = Vec::new();
    for number in 0..80 {
        let mut stream = stage.connect();
        if number % 2 == 0 {
            // The host may already have answered and closed the connection.
            stream.write_all(b"{\"order\":").ok();
        }
        dawdling.push(stream);
    }
    assert_eq!(stage.send(b"{\"order\": \"list-keys\"}\n")["answer"], "keys");
    drop(dawdling);
    stage.stop();
}
