//! The status of a host whose disk cannot be written. For Linux only, where a running process's limit on file sizes can
//! be changed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::process::{Running, twitchy};
use crate::status::{Place, TOKEN, stop};

/// The answer to a probe's request of `path`.
fn probe(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Limits the size of the process's files, so that each write fails as on a broken disk. `None` lifts the limit.
fn limit_files(bot: &Running, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(bot.id()).unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_not_well_until_it_takes_something() {
    let place = Place::new().await;
    let serve = twitchy(&[]);
    let mut command = Command::new("sh");
    // A write beyond the limit sends SIGXFSZ, which would end the process before it could report the failure.
    command.args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\""]).arg(serve.get_program());
    command.arg(place.config());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut bot = Running::start(command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0"));
    let told = bot.wait_for_error("the API answers at");
    let address = told.split_once("http://").unwrap().1.split(';').next().unwrap().to_owned();
    bot.wait_for_error("online, 2 of 2 channels");
    assert_eq!(place.ask().code, Some(0));
    assert!(probe(&address, "/readyz").starts_with("HTTP/1.1 200"));

    let mut heard = place.twitch.subscribe();
    let mut ask = async |bot: &mut Running, text: &str| {
        place.twitch.say("shop", "shop", text).unwrap();
        loop {
            let message = bot.meanwhile(heard.recv()).await.unwrap();
            if message.from == "mybot" {
                return message.text;
            }
        }
    };
    limit_files(&bot, Some(1));
    assert!(!ask(&mut bot, "!settings prefix ?").await.contains("prefix is now"));
    let finished = place.ask();
    let expected =
        "not well:\n  database: changes cannot be written: disk I/O error; make room on the disk of data_dir";
    assert!(finished.code == Some(1) && finished.output.contains(expected), "{}", finished.output);
    let answer = probe(&address, "/readyz");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Changes cannot be written."), "{answer}");
    assert!(probe(&address, "/healthz").starts_with("HTTP/1.1 200"));

    limit_files(&bot, None);
    assert_eq!(ask(&mut bot, "!settings prefix ~").await, "prefix is now ~");
    let finished = place.ask();
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    assert!(probe(&address, "/readyz").starts_with("HTTP/1.1 200"));
    stop(bot);
}
