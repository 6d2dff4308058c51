//! `kill -9` at the worst moments: the next start finds the old state or the new one, and no leftovers.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use fake_twitch::{FakeTwitch, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::guests;

use crate::process::{Finished, Running, twitchy};
use crate::serve::{TOKEN, config};

/// A data folder in which hosts are started and killed one after another.
struct DataFolder {
    twitch: FakeTwitch,
    folder: TempDir,
    config: PathBuf,
    key: String,
}

/// A host that runs on a [`DataFolder`].
struct RunningHost {
    host: Running,
    api: ApiAccess,
}

/// A host's API: its address, and a key for it.
#[derive(Clone)]
pub(crate) struct ApiAccess {
    pub(crate) address: String,
    pub(crate) key: String,
}

impl DataFolder {
    async fn new() -> DataFolder {
        let twitch = FakeTwitch::new(&Settings::default());
        let address = twitch.listen().await.unwrap();
        twitch.add_account("mybot", "1000", TOKEN);
        twitch.add_channel("shop");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, format!("http.burst = 100000\nlimits.enforce = false\n{}", config(&address.to_string())))
            .unwrap();
        let line = ["api-key", "create", "--name", "first", "--scope", "operator", "--config", path.to_str().unwrap()];
        let made = Finished::of(twitchy(&line).env("TWITCHY_DATA_DIR", folder.path()));
        assert_eq!(made.code, Some(0), "{}", made.errors);
        DataFolder { twitch, config: path, key: made.output.trim().to_owned(), folder }
    }

    /// Starts the next host. Returns when its API answers and Twitch has its join.
    async fn start_host(&self) -> RunningHost {
        let mut command = twitchy(&["serve", "--config", self.config.to_str().unwrap()]);
        command.env("TWITCHY_DATA_DIR", self.folder.path()).env("TWITCHY_TEST_TOKEN", TOKEN);
        let mut host = Running::start(command.env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0"));
        let told = host.wait_for_error("the API answers at http://");
        let address = told.split_once("http://").unwrap().1.split(';').next().unwrap().to_owned();
        host.meanwhile(self.twitch.until_joined("mybot", "shop")).await;
        RunningHost { host, api: ApiAccess { address, key: self.key.clone() } }
    }

    /// The names of the component files, including unfinished ones.
    fn list_files(&self) -> BTreeSet<String> {
        let files = fs::read_dir(self.folder.path().join("modules")).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl RunningHost {
    fn kill(self) {
        self.host.send_signal("KILL");
        assert_eq!(self.host.finish().0.code(), None, "a signal has ended it");
    }

    fn end(self) {
        self.host.send_signal("TERM");
        assert_eq!(self.host.finish().0.code(), Some(0));
    }
}

impl ApiAccess {
    fn send(&self, line: &str, content_type: &str, body: &[u8]) -> std::io::Result<(u16, Value)> {
        let mut stream = self.begin(line, content_type, body.len())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
        // A truncated answer counts as no answer.
        status.zip(body).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }

    /// Connects, and sends the head of a request.
    fn begin(&self, line: &str, content_type: &str, length: usize) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIf-Match: *\r\nConnection: close\r\n\
             Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n",
            self.address, self.key
        )?;
        Ok(stream)
    }

    pub(crate) fn ask(&self, line: &str) -> Value {
        self.change(line, &Value::Null)
    }

    fn change(&self, line: &str, body: &Value) -> Value {
        let (status, answer) = self.send(line, "application/json", body.to_string().as_bytes()).unwrap();
        assert!(status < 300, "{line}: {status} {answer:#}");
        answer
    }

    fn find_channel(&self) -> String {
        // The host learns the channel from Twitch a moment after the join.
        loop {
            let channels = self.ask("GET /api/v1/channels");
            match channels["items"][0]["id"].as_str() {
                Some(id) => return format!("/api/v1/channels/{id}"),
                None => thread::yield_now(),
            }
        }
    }

    /// The versions of `echo` that the host knows, each with its digest.
    fn list_versions(&self) -> Vec<(String, String)> {
        let (status, module) = self.send("GET /api/v1/modules/echo", "application/json", b"").unwrap();
        if status == 404 {
            return Vec::new();
        }
        let versions = module["versions"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        versions.map(|version| (text(&version["version"]), text(&version["digest"]))).collect()
    }
}

/// The guest `echo` patched to another version, and that version. `number` is below 90, which keeps the length.
fn echo(number: usize) -> (String, Vec<u8>) {
    let version = format!("{}.{}.0", 1 + number / 10, number % 10);
    let (mut bytes, old) = (guests::ECHO.to_vec(), b"0.1.0a guest");
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + version.len()].copy_from_slice(version.as_bytes());
    (version, bytes)
}

const UPLOAD: &str = "POST /api/v1/modules";
const WASM: &str = "application/wasm";

/// When the host is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    HalfSent,
    /// The component is being compiled, or has just been.
    Sent,
    /// The component's file exists, perhaps unfinished.
    FileBegun,
    /// The component's file is complete; the version's row may not exist yet.
    FileThere,
    Answered,
}

/// Starts to upload a component and returns at `moment`. The thread returns whether the upload was answered.
fn upload_until(data: &DataFolder, api: &ApiAccess, moment: Moment, component: Vec<u8>) -> JoinHandle<bool> {
    let before = data.list_files();
    if matches!(moment, Moment::HalfSent) {
        let mut stream = api.begin(UPLOAD, WASM, component.len()).unwrap();
        stream.write_all(&component[..component.len() / 2]).unwrap();
        return thread::spawn(move || stream.read_to_end(&mut Vec::new()).is_ok_and(|length| length > 0));
    }
    let (api, (begun, begins)) = (api.clone(), channel());
    let uploading = thread::spawn(move || {
        begun.send(()).unwrap();
        api.send(UPLOAD, WASM, &component).is_ok_and(|(status, _)| status == 201)
    });
    begins.recv().unwrap();
    let has_come = || match moment {
        Moment::FileBegun => data.list_files() != before,
        Moment::FileThere => data.list_files().difference(&before).any(|file| file.ends_with(".wasm")),
        Moment::Answered => uploading.is_finished(),
        Moment::HalfSent | Moment::Sent => true,
    };
    while !has_come() && !uploading.is_finished() {
        thread::yield_now();
    }
    uploading
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_upload_dies_of_the_version_is_there_whole_or_not_at_all() {
    let data = DataFolder::new().await;
    let moments = [Moment::FileThere, Moment::FileBegun, Moment::Sent, Moment::HalfSent, Moment::Answered];
    let mut answered = BTreeSet::new();
    let mut tried = BTreeSet::new();
    for (number, moment) in moments.into_iter().cycle().take(3 * moments.len()).enumerate() {
        let running = data.start_host().await;
        let (version, component) = echo(number);
        tried.insert(version.clone());
        let uploading = upload_until(&data, &running.api, moment, component);
        running.kill();
        if uploading.join().unwrap() {
            answered.insert(version);
        }
        let running = data.start_host().await;
        let versions = running.api.list_versions();
        let names: BTreeSet<String> = versions.iter().map(|(version, _)| version.clone()).collect();
        assert!(answered.is_subset(&names), "{moment:?}: what was answered is kept: {answered:?}, {names:?}");
        assert!(names.is_subset(&tried), "{moment:?}: {names:?}");
        let files: BTreeSet<String> = versions.iter().map(|(_, digest)| format!("{digest}.wasm")).collect();
        assert_eq!(data.list_files(), files, "{moment:?}: each version has its file, and no other file is there");
        running.kill();
    }
    assert!(!answered.is_empty());
    let running = data.start_host().await;
    let channel = running.api.find_channel();
    for (version, _) in running.api.list_versions() {
        running.api.change(&format!("PUT {channel}/modules/echo"), &json!({ "enabled": true, "version": version }));
        let call = json!({ "arguments": version, "chatter": { "id": "42", "login": "alice" } });
        let answer = running.api.change(&format!("POST {channel}/commands/echo"), &call);
        assert_eq!(answer["replies"][0]["text"], version);
    }
    running.end();
}

/// Two states of a module in a channel that differ in version and all commands' settings.
fn states() -> [Value; 2] {
    [
        json!({ "enabled": true, "version": "1.0.0", "commands": {
            "echo": { "role": "vip", "cooldown": "5s", "aliases": ["say"] }
        } }),
        json!({ "enabled": true, "version": "latest", "commands": {
            "echo": { "role": "moderator", "chatter_cooldown": "7s", "aliases": ["tell", "speak"] },
            "echo-args": { "cooldown": "9s" }
        } }),
    ]
}

/// The part of `module`, as the API returns it, that is comparable to [`states`].
fn shown(module: &Value) -> Value {
    json!({ "enabled": module["enabled"], "version": module["version"], "commands": module["commands"] })
}

/// Puts the two states in turn until the host is gone. The receiver gets the number of each answered request.
fn put_states_in_turn(api: &ApiAccess, line: String) -> (JoinHandle<()>, Receiver<usize>) {
    let ((answered, answers), api) = (channel(), api.clone());
    let putting = thread::spawn(move || {
        for number in 0.. {
            let body = states()[number % 2].to_string();
            match api.send(&line, "application/json", body.as_bytes()) {
                Ok((200, _)) => answered.send(number).unwrap(),
                Ok((status, answer)) => panic!("{status} {answer:#}"),
                Err(_) => return,
            }
        }
    });
    (putting, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_enabling_dies_of_the_channel_has_the_old_state_or_the_new_one() {
    let data = DataFolder::new().await;
    let mut running = data.start_host().await;
    for number in [0, 1] {
        let (status, answer) = running.api.send(UPLOAD, WASM, &echo(number).1).unwrap();
        assert_eq!(status, 201, "{answer:#}");
    }
    let path = format!("{}/modules/echo", running.api.find_channel());
    for round in 0..8 {
        let (putting, answers) = put_states_in_turn(&running.api, format!("PUT {path}"));
        // The kill hits the next request, which has got further in each round.
        let mut last = 0;
        (0..=round).for_each(|_| last = answers.recv().unwrap());
        (0..round * 50).for_each(|_| thread::yield_now());
        running.kill();
        putting.join().unwrap();
        last = answers.try_iter().last().unwrap_or(last);
        running = data.start_host().await;
        let found = running.api.ask(&format!("GET {path}"));
        let possible = [&states()[last % 2], &states()[(last + 1) % 2]];
        assert!(possible.contains(&&shown(&found)), "round {round}: {found:#}");
        let call = json!({ "arguments": "hi", "chatter": { "id": "42", "login": "alice" } });
        for words in states().iter().map(|state| &state["commands"]["echo"]["aliases"]) {
            for word in words.as_array().unwrap() {
                let line =
                    format!("POST {}", path.replace("modules/echo", &format!("commands/{}", word.as_str().unwrap())));
                let (status, _) = running.api.send(&line, "application/json", call.to_string().as_bytes()).unwrap();
                let is_word = found["commands"]["echo"]["aliases"] == *words;
                // This chatter's role is too low for an existing word; a word of the other state is unknown.
                assert_eq!(status, if is_word { 403 } else { 404 }, "round {round}: {word}");
            }
        }
    }
    running.end();
}
