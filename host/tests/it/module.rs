//! `twitchy module`, on a host that is killed and restarted.

use std::fs;
use std::path::PathBuf;

use tests::guests;

use crate::process::{Finished, PATIENT, Running, twitchy};

const CONFIG: &str =
    "[twitch]\nirc_server = \"tcp://127.0.0.1:1\"\n[[accounts]]\nlogin = \"mybot\"\ntoken_env = \"NO_TOKEN\"\n";

/// The configuration and data of a host, and an operator's API key.
pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: PathBuf,
    pub(crate) key: String,
}

/// The running host of a [`Stage`].
pub(crate) struct Host {
    pub(crate) running: Running,
    pub(crate) url: String,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        fs::write(&config, format!("data_dir = \"data\"\n{CONFIG}{PATIENT}")).unwrap();
        let made = Finished::of(
            twitchy(&["api-key", "create", "--name", "op", "--scope", "operator"]).arg("--config").arg(&config),
        );
        assert_eq!(made.code, Some(0), "{}", made.errors);
        Stage { folder, config, key: made.output.trim().to_owned() }
    }

    /// Starts the program without waiting for its API, as it may fail to start.
    pub(crate) fn start_program(&self) -> Running {
        let mut command = twitchy(&["serve", "--config", self.config.to_str().unwrap()]);
        Running::start(command.env("TWITCHY_HTTP_LISTEN", "127.0.0.1:0"))
    }

    pub(crate) fn start(&self) -> Host {
        let running = self.start_program();
        let told = running.wait_for_error("the API answers at");
        let url = told.split_once("answers at ").unwrap().1.split(';').next().unwrap().to_owned();
        Host { running, url }
    }

    fn module(&self, host: &Host, line: &str) -> Finished {
        module(&host.url, &self.key, line)
    }

    /// Runs `twitchy module LINE`, which must succeed, and returns its output.
    pub(crate) fn ask(&self, host: &Host, line: &str) -> String {
        let finished = self.module(host, line);
        assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{line}");
        finished.output
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn list_components(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("data/modules")).unwrap();
        // Only names are read: an unfinished file may be renamed before a look at the file itself.
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn module(url: &str, key: &str, line: &str) -> Finished {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = twitchy(&["module"]);
    Finished::of(command.args(arguments).args(["--url", url]).env("TWITCHY_API_KEY", key))
}

/// The guest `echo` patched to another version.
fn echo(version: &str) -> Vec<u8> {
    let (old, new) = (b"0.1.0a guest", format!("{version}a guest"));
    let mut bytes = guests::ECHO.to_vec();
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    bytes
}

#[test]
fn a_module_is_pushed_shown_rolled_back_and_outlives_the_host() {
    let stage = Stage::new();
    let host = stage.start();
    let (first, second) = (stage.write("one.wasm", guests::ECHO), stage.write("two.wasm", &echo("0.2.0")));
    let pushed = stage.ask(&host, &format!("push {first}"));
    assert_eq!(pushed, "one.wasm is echo 0.1.0 now, on in no channel\nit asks for nothing that needs a grant\n");
    assert_eq!(stage.ask(&host, &format!("push {first}")), "echo 0.1.0 is there already: these very bytes\n");
    stage.ask(&host, &format!("push {second}"));
    let listed = stage.ask(&host, "list");
    let line = listed.lines().find(|line| line.starts_with("echo")).unwrap();
    assert_eq!(line.split_whitespace().take(3).collect::<Vec<_>>(), ["echo", "0.2.0", "uploaded"], "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("help") && line.contains("bundled")), "{listed}");
    let shown = stage.ask(&host, "show echo --version 0.1.0");
    assert!(shown.contains("version 0.1.0: a guest of the tests") && shown.contains("echo-args"), "{shown}");
    assert_eq!(stage.ask(&host, "rollback echo"), "echo is back on 0.1.0, everywhere\n");
    let refused = stage.module(&host, "rollback echo");
    assert!(refused.code == Some(1) && refused.errors.contains("(nothing_before)"), "{}", refused.errors);
    let refused = stage.module(&host, &format!("push {}", stage.write("bad.wasm", b"hello")));
    assert!(refused.code == Some(1) && refused.errors.contains("(invalid_component)"), "{}", refused.errors);

    // The next host finds a component that the database does not know, and an unfinished one.
    let mut kept = stage.list_components();
    assert_eq!(kept.len(), 2, "{kept:?}");
    host.running.send_signal("KILL");
    drop(host);
    let unknown = format!("{}.wasm", "ab".repeat(32));
    for name in [&unknown, &format!("{}.0.new", "cd".repeat(32))] {
        fs::write(stage.folder.path().join("data/modules").join(name), b"left").unwrap();
    }
    let host = stage.start();
    kept.push(unknown);
    kept.sort();
    assert_eq!(stage.list_components(), kept, "the half is removed");
    let module: serde_json::Value = serde_json::from_str(&stage.ask(&host, "show echo --json")).unwrap();
    assert_eq!((&module["module"]["latest"], &module["version"]["version"]), (&"0.1.0".into(), &"0.1.0".into()));
    assert!(module["module"]["versions"][1]["withdrawn_at"].is_string(), "{module}");
    assert_eq!(stage.ask(&host, &format!("push {first}")), "echo 0.1.0 is there already: these very bytes\n");
}

/// A host killed at any moment of an upload has the version or not, and accepts the same bytes after a restart.
#[test]
fn a_host_that_is_killed_during_an_upload_has_the_version_or_not() {
    let stage = Stage::new();
    let mut host = stage.start();
    for (number, kill) in ["begun", "half saved", "saved"].into_iter().enumerate() {
        let file = stage.write("echo.wasm", &echo(&format!("0.2.{number}")));
        let mut command = twitchy(&["module", "push", &file, "--url", &host.url]);
        let push = Running::start(command.env("TWITCHY_API_KEY", &stage.key));
        wait_until(&stage, number, kill);
        host.running.send_signal("KILL");
        drop((push, host));
        host = stage.start();
        let again = stage.module(&host, &format!("push {file}"));
        assert_eq!((again.code, again.errors.as_str()), (Some(0), ""), "{kill}");
        assert_eq!(stage.list_components().len(), number + 1, "{kill}");
        let shown: serde_json::Value = serde_json::from_str(&stage.ask(&host, "show echo --json")).unwrap();
        assert_eq!(shown["module"]["versions"].as_array().map(Vec::len), Some(number + 1), "{kill}");
    }
}

/// Waits until the upload has reached `moment`, judging by the files; it may have got further.
fn wait_until(stage: &Stage, before: usize, moment: &str) {
    let is_there = || match moment {
        "begun" => true,
        "half saved" => stage.list_components().len() > before,
        _ => stage.list_components().iter().filter(|name| name.ends_with(".wasm")).count() > before,
    };
    while !is_there() {
        std::thread::yield_now();
    }
}

/// A running demo with its API; the bot has joined `#shop` and `#cafe`.
pub(crate) struct Demo {
    pub(crate) running: Running,
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Demo {
    pub(crate) fn start() -> Demo {
        let running = Running::start(&mut twitchy(&["demo", "--fresh", "--api=127.0.0.1:0"]));
        let told = running.wait_for_output("export TWITCHY_URL=");
        let (url, key) = told.split_once("TWITCHY_URL=").unwrap().1.split_once(" TWITCHY_API_KEY=").unwrap();
        Demo { url: url.to_owned(), key: key.to_owned(), running }
    }

    pub(crate) fn ask(&self, line: &str) -> String {
        let finished = module(&self.url, &self.key, line);
        assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{line}");
        finished.output
    }

    /// Runs `twitchy module LINE`, which must fail with the exit code `code`, and returns its errors.
    fn refuse(&self, line: &str, code: i32) -> String {
        let finished = module(&self.url, &self.key, line);
        assert_eq!((finished.code, finished.output.as_str()), (Some(code), ""), "{line}");
        finished.errors
    }

    /// Uploads a guest and enables it in `#shop`.
    pub(crate) fn enable(&self, name: &str, bytes: &[u8], flags: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guest.wasm");
        fs::write(&path, bytes).unwrap();
        self.ask(&format!("push {}", path.to_str().unwrap()));
        self.ask(&format!("enable {name} --channel shop{flags}"));
    }

    pub(crate) fn command(&self, line: &[&str]) -> std::process::Command {
        let mut command = twitchy(line);
        command.env("TWITCHY_URL", &self.url).env("TWITCHY_API_KEY", &self.key);
        command
    }

    pub(crate) fn run(&self, line: &[&str]) -> Finished {
        Finished::of(&mut self.command(line))
    }

    /// Runs a command line, which must fail with the exit code 1, and returns its errors.
    pub(crate) fn fail(&self, line: &[&str]) -> String {
        let finished = self.run(line);
        assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""), "{line:?}: {}", finished.errors);
        finished.errors
    }
}

#[test]
fn channels_are_named_by_login_and_versions_tried_out_withdrawn_and_restored() {
    let (demo, folder) = (Demo::start(), tempfile::tempdir().unwrap());
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (first, second) = (write("one.wasm", guests::ECHO), write("two.wasm", &echo("0.2.0")));
    demo.ask(&format!("push {first}"));
    assert_eq!(demo.ask("enable echo --channel #Cafe"), "echo 0.1.0 answers in #cafe\n");
    let listed = demo.ask("list --channel cafe");
    assert!(listed.lines().any(|line| line.split_whitespace().eq(["echo", "answers", "0.1.0"])), "{listed}");
    let shown = demo.ask("show echo --channel cafe");
    assert!(shown.starts_with("echo 0.1.0 answers in #cafe\n\nset up"), "{shown}");
    demo.refuse("show echo --channel cafe --version 0.1.0", 2);
    let told = demo.refuse(&format!("push {second} --canary den"), 1);
    assert!(told.contains("no channel #den") && told.contains("#shop ("), "{told}");

    let pushed = demo.ask(&format!("push {second} --canary cafe,shop"));
    assert!(pushed.starts_with("two.wasm is echo 0.2.0 now\necho 0.2.0 is tried out in "), "{pushed}");
    // A channel of the canary that was pinned and follows the latest version again gets the canary's version.
    assert_eq!(demo.ask("enable echo --channel cafe --version 0.1.0"), "echo 0.1.0 answers in #cafe\n");
    let turned = demo.ask("enable echo --channel cafe --version latest --grant all");
    assert_eq!(turned, "echo 0.2.0 answers in #cafe\n");
    let again = demo.ask(&format!("push {second} --canary cafe"));
    assert!(again.ends_with("to try it out: twitchy module canary set echo 0.2.0 --channel cafe\n"), "{again}");
    let set = demo.ask("canary set echo 0.2.0 --channel shop");
    assert!(set.ends_with("; the latest of all others is 0.1.0\n") && !set.contains(','), "{set}");
    assert_eq!(demo.ask("canary drop echo"), "the canary of echo is withdrawn; the latest is 0.1.0\n");
    assert!(demo.refuse("canary promote echo", 1).contains("(no_canary)"));

    assert_eq!(demo.ask("restore echo 0.2.0"), "echo 0.2.0 is on the air again; the latest is 0.2.0\n");
    demo.ask("canary set echo 0.2.0 --channel shop,cafe");
    assert_eq!(demo.ask("canary promote echo"), "the canary of echo is promoted; the latest is 0.2.0\n");
    let told = demo.refuse("withdraw echo 0.2.0", 1);
    assert!(told.contains("of the host's channels") && told.contains("(in_use)"), "{told}");
    assert!(told.contains("--force on the command line"), "{told}");
    assert_eq!(demo.ask("delete echo 0.2.0 --force"), "echo 0.2.0 is withdrawn; the latest is 0.1.0\n");
    let gone = demo.ask("withdraw echo --all --force --json");
    assert!(serde_json::from_str::<serde_json::Value>(&gone).unwrap()["latest"].is_null(), "{gone}");
    assert_eq!(demo.ask("disable echo --channel cafe"), "echo is off in #cafe\n");
    for line in ["withdraw echo", "withdraw echo 0.2.0 --all", "canary set echo 0.2.0", "enable echo --channel a/b"] {
        demo.refuse(line, 2);
    }
}

#[test]
fn what_withdrawing_does_is_explained() {
    let help = Finished::of(&mut twitchy(&["module", "withdraw", "--help"]));
    assert_eq!(help.code, Some(0));
    for part in [
        "until `restore`",
        "each falls back to the nearest version",
        "module rollback NAME",
        "Refused while a channel runs",
    ] {
        assert!(help.output.contains(part), "{part}: {}", help.output);
    }
}
