//! The log of `twitchy serve`, with readers that are slow, stop reading, or close the pipe.

use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use fake_twitch::{DeliveredMessage, FakeTwitch, Settings};
use tempfile::TempDir;
use tests::guests;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::broadcast::Receiver;

use crate::process::{Finished, apart, twitchy};
use crate::serve::{TOKEN, config};

/// A bot in `#shop` with an API. Its standard output and error are one pipe, of which the test holds both ends.
struct Stage {
    twitch: FakeTwitch,
    heard: Receiver<DeliveredMessage>,
    bot: Bot,
    address: String,
    key: String,
    reader: BufReader<PipeReader>,
    writer: PipeWriter,
    _folder: TempDir,
}

/// A process that is killed on drop, so that a failed test leaves none behind.
struct Bot(Option<Child>);

/// Keeps the pipe full from now on, by writing until its reader is closed.
fn fill_pipe(writer: &PipeWriter) {
    let mut writer = writer.try_clone().unwrap();
    thread::spawn(move || while writer.write_all(&[b'\n'; 4096]).is_ok() {});
}

impl Bot {
    /// Sends SIGTERM, and waits until the process has ended.
    fn terminate(&mut self) -> ExitStatus {
        let mut child = self.0.take().unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        child.wait().unwrap()
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Stage {
    /// Starts the bot with the log level trace. Returns when it has logged the API's address.
    async fn start() -> Stage {
        let twitch = FakeTwitch::new(&Settings::default());
        let server = twitch.listen().await.unwrap();
        twitch.add_account("mybot", "1000", TOKEN);
        twitch.add_channel("shop");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, config(&server.to_string())).unwrap();
        let path = path.to_str().unwrap();
        let key =
            Finished::of(&mut twitchy(&["api-key", "create", "--config", path, "--name", "op", "--scope", "operator"]));
        let (reader, writer) = pipe().unwrap();
        let mut command = twitchy(&["serve", "--config", path]);
        command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_LOG", "trace").env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0");
        let command = command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap());
        let bot = Bot(Some(command.stderr(writer.try_clone().unwrap()).spawn().unwrap()));
        let mut reader = BufReader::new(reader);
        let address = loop {
            let mut line = String::new();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the bot has ended");
            if let Some((_, told)) = line.split_once("the API answers at http://") {
                break told.split(';').next().unwrap().to_owned();
            }
        };
        let heard = twitch.subscribe();
        let key = key.output.trim().to_owned();
        Stage { twitch, heard, bot, address, key, reader, writer, _folder: folder }
    }

    /// Checks that the bot answers in chat, its API answers, and an upload succeeds.
    async fn check_that_it_works(&mut self) {
        self.twitch.until_joined("mybot", "shop").await;
        self.twitch.say("shop", "shop", "!help").unwrap();
        while self.heard.recv().await.unwrap().from != "mybot" {}
        let answer = self.request("GET /healthz", b"").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let uploaded = self.request("POST /api/v1/modules", guests::FLOODS_LOG).await;
        assert!(uploaded.starts_with("HTTP/1.1 201"), "{uploaded}");
    }

    async fn request(&self, line: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let (address, key, length) = (&self.address, &self.key, body.len());
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: application/wasm\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let mut stage = Stage::start().await;
    fill_pipe(&stage.writer);
    stage.check_that_it_works().await;
    assert_eq!(stage.bot.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_reader_has_gone_holds_nobody_up() {
    let mut stage = Stage::start().await;
    stage.reader = BufReader::new(pipe().unwrap().0);
    stage.check_that_it_works().await;
    let metrics = stage.request("GET /metrics", b"").await;
    let lost = metrics.lines().find_map(|line| line.strip_prefix("twitchy_log_lines_lost_total "));
    assert!(lost.is_some_and(|lost| lost.parse::<f64>().unwrap() > 0.0), "{metrics}");
    assert_eq!(stage.bot.terminate().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_what_waited() {
    let mut stage = Stage::start().await;
    stage.check_that_it_works().await;
    let mut reader = std::mem::replace(&mut stage.reader, BufReader::new(pipe().unwrap().0));
    stage.writer = pipe().unwrap().1;
    let reading = thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    assert_eq!(stage.bot.terminate().code(), Some(0));
    let text = reading.join().unwrap().unwrap();
    assert!(text.contains("ready; now the accounts connect") && text.ends_with(" stopped\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_json_is_an_object_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("[log]\nformat = \"json\"\n{}", config("127.0.0.1:1"))).unwrap();
    // The data folder cannot be made, so that the start fails; the reason must be a JSON record as well.
    let mut command = twitchy(&["serve", "--config", path.to_str().unwrap()]);
    command.env("TWITCHY_TEST_TOKEN", TOKEN).env("TWITCHY_DATA_DIR", path.join("below-a-file"));
    let finished = Finished::of(command.env("TWITCHY_LOG", "trace"));
    assert_eq!(finished.code, Some(1));
    let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let records: Vec<_> = finished.errors.lines().map(record).collect();
    assert!(records.iter().all(|record| record["level"].is_string() && record["timestamp"].is_string()));
    let last = records.last().unwrap();
    assert!(last["message"].as_str().unwrap().contains("below-a-file"), "{last}");
}

/// Some supervisors start a program with the streams closed that they do not use.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_standard_error_is_no_reason_not_to_start() {
    let twitch = FakeTwitch::new(&Settings::default());
    let server = twitch.listen().await.unwrap();
    twitch.add_account("mybot", "1000", TOKEN);
    twitch.add_channel("shop");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, config(&server.to_string())).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" serve --config \"$1\" 2>&- >&-", env!("CARGO_BIN_EXE_twitchy")]).arg(&path);
    let mut bot = Bot(Some(apart(&mut command).env("TWITCHY_TEST_TOKEN", TOKEN).spawn().unwrap()));
    twitch.until_joined("mybot", "shop").await;
    assert_eq!(bot.terminate().code(), Some(0));
}

#[test]
fn a_demo_whose_chat_nobody_reads_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("chat.txt");
    fs::write(&script, "alice> !help\n... 1h\n").unwrap();
    for arguments in [&["demo", "--fresh", "--script", script.to_str().unwrap()][..], &["demo", "--fresh"]] {
        let (_reader, writer) = pipe().unwrap();
        fill_pipe(&writer);
        let mut command = twitchy(arguments);
        command.env("TWITCHY_LOG", "twitchy=debug").stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut demo = Bot(Some(child));
        // After this line the demo handles signals, and has something to print.
        assert!(errors.lines().map(Result::unwrap).any(|line| line.contains("the stage is set")));
        let code = demo.terminate().code();
        assert!(matches!(code, Some(0 | 143)), "{arguments:?}: {code:?}");
    }
}
