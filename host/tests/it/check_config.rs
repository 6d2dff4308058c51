//! `twitchy check-config`, and starting without a configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::guests;

use crate::process::{Finished, apart, run, twitchy};

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
    let check = |command: &mut Command| Finished::of(command).output;
    assert!(check(&mut command).trim_end().ends_with("/here"));
    let elsewhere = folder.path().join("elsewhere");
    command.env("TWITCHY_DATA_DIR", &elsewhere);
    assert!(check(&mut command).trim_end().ends_with(&format!("data in {}", elsewhere.display())));
    assert!(!elsewhere.exists());
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
fn a_file_may_be_written_with_notepad() {
    assert_eq!(check(&format!("\u{feff}{GOOD}"), Some("abc")).code, Some(0));
    let finished = check(&format!("\u{feff}[twitch]\nirc_servr = 1\n{GOOD}"), Some("abc"));
    assert!(finished.errors.contains("config.toml:2: unknown key"), "{}", finished.errors);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, b"\xff\xfed\0a\0").unwrap();
    let finished = run(&["check-config", "--config", path.to_str().unwrap()]);
    let told = format!("cannot read {}: it is saved as UTF-16; save it as UTF-8\n", path.display());
    assert_eq!((finished.code, finished.errors), (Some(2), told));
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
fn values_of_the_environment_are_taken_without_what_a_file_of_them_adds() {
    let check = |variables: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, GOOD).unwrap();
        let mut command = twitchy(&["check-config", "--config", path.to_str().unwrap()]);
        command.env("TWITCHY_TEST_TOKEN", "abc").current_dir(folder.path());
        let finished = Finished::of(command.envs(variables.iter().copied()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is made");
        finished
    };
    let fine = check(&[("TWITCHY_TEST_TOKEN", " oauth:abc\r\n"), ("TWITCHY_HTTP_LISTEN", "off\n")]);
    assert_eq!((fine.code, fine.errors.as_str()), (Some(0), ""));
    for (variable, value, told) in [
        ("TWITCHY_TEST_TOKEN", "\"oauth:abc\"", "TWITCHY_TEST_TOKEN holds no access token: write it without quotes"),
        ("TWITCHY_TEST_TOKEN", "TOKEN=abc", "TWITCHY_TEST_TOKEN holds no access token: write the token alone"),
        ("TWITCHY_DATA_DIR", "\"/data\"", "TWITCHY_DATA_DIR must be a path without quotes"),
        ("TWITCHY_DATA_DIR", "'/data'", "TWITCHY_DATA_DIR must be a path without quotes"),
        ("TWITCHY_DATA_DIR", "~/data", "TWITCHY_DATA_DIR must be a path that is written out"),
        ("TWITCHY_HTTP_LISTEN", "\"off\"", "TWITCHY_HTTP_LISTEN must be an address"),
    ] {
        let finished = check(&[(variable, value)]);
        assert_eq!(finished.code, Some(2), "{variable}={value}");
        assert!(finished.errors.contains(told) && !finished.errors.contains("abc"), "{}", finished.errors);
    }
}

#[test]
fn a_configuration_that_is_no_file_starts_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, GOOD).unwrap();
    let check = |from: &str, data_dir: Option<&Path>| {
        let mut command = Command::new("sh");
        let line = format!("{from} \"$0\" check-config --config /dev/stdin");
        apart(&mut command).arg("-c").arg(line.replace("FILE", path.to_str().unwrap()));
        command.arg(env!("CARGO_BIN_EXE_twitchy")).env("TWITCHY_TEST_TOKEN", "abc");
        Finished::of(command.envs(data_dir.map(|folder| ("TWITCHY_DATA_DIR", folder))))
    };
    for from in ["<FILE", "cat FILE |"] {
        let finished = check(from, None);
        assert_eq!(finished.code, Some(2), "{from}: {}", finished.output);
        let told = "/dev/stdin is no file in a folder where relative paths could start: data_dir must be absolute";
        assert!(finished.errors.contains(told), "{}", finished.errors);
        let finished = check(from, Some(&folder.path().join("data")));
        assert_eq!(finished.code, Some(0), "{from}: {}", finished.errors);
    }
}

/// Checks that `check-config` and `serve` both fail on `text` with an error that contains `told`.
fn refuse(text: &str, prepare: impl Fn(&Path), told: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("{text}\n[twitch]\nirc_server = \"tcp://127.0.0.1:1\"\n{GOOD}")).unwrap();
    prepare(folder.path());
    let before = list_all(folder.path());
    for (subcommand, code) in [("check-config", 2), ("serve", 1)] {
        let mut command = twitchy(&[subcommand, "--config", path.to_str().unwrap()]);
        let finished = Finished::of(command.env("TWITCHY_TEST_TOKEN", "abc"));
        assert_eq!(finished.code, Some(code), "{subcommand} {told}: {}{}", finished.output, finished.errors);
        assert!(finished.errors.contains(told), "{subcommand} {told}: {}", finished.errors);
        if subcommand == "check-config" {
            assert_eq!(list_all(folder.path()), before, "a check changes nothing");
        }
    }
}

fn list_all(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            all.extend(list_all(&entry.path()));
        }
        all.push(entry.path());
    }
    all.sort();
    all
}

#[test]
fn a_data_folder_that_no_start_could_use_is_refused() {
    let nothing = |_: &Path| {};
    refuse("data_dir = \"file\"", |folder| fs::write(folder.join("file"), "").unwrap(), "file is no folder");
    let dangle = |folder: &Path| std::os::unix::fs::symlink(folder.join("gone"), folder.join("link")).unwrap();
    refuse("data_dir = \"link\"", dangle, "link is a link to a place that is not there");
    refuse("data_dir = \"/proc/twitchy\"", nothing, "cannot make the folder /proc/twitchy");
    let occupy = |folder: &Path| {
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/modules"), "").unwrap();
    };
    refuse("", occupy, "modules");
    let foreign = |folder: &Path| {
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/twitchy.sqlite"), "a diary, no database ".repeat(100)).unwrap();
    };
    refuse("", foreign, "twitchy.sqlite is damaged (file is not a database)");
}

#[test]
fn modules_that_no_start_could_load_are_refused_as_an_upload_would_be() {
    const CORE: &[u8] = b"\0asm\x01\0\0\0";
    let prepare = |folder: &Path| {
        fs::write(folder.join("text.wasm"), "hello\n").unwrap();
        fs::write(folder.join("core.wasm"), CORE).unwrap();
        fs::create_dir(folder.join("folder.wasm")).unwrap();
        fs::write(folder.join("unknown.wasm"), guests::WANTS_UNKNOWN).unwrap();
        fs::write(folder.join("echo.wasm"), guests::ECHO).unwrap();
    };
    for (load, told) in [
        ("\"text.wasm\"", "text.wasm: not a valid component: "),
        ("\"core.wasm\"", "core.wasm: not a valid component: "),
        ("\"folder.wasm\"", "folder.wasm: Is a directory"),
        ("\"unknown.wasm\"", "unknown.wasm: the module imports "),
        ("\"echo.wasm\", \"echo.wasm\"", "echo.wasm: there is another module with the name echo"),
    ] {
        refuse(&format!("modules.load = [{load}]"), prepare, told);
    }
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("modules.load = [\"text.wasm\", \"echo.wasm\", \"core.wasm\"]\n{GOOD}")).unwrap();
    let mut command = twitchy(&["check-config", "--config", path.to_str().unwrap()]);
    let finished = Finished::of(command.env("TWITCHY_TEST_TOKEN", "abc"));
    assert_eq!(finished.errors.lines().count(), 2, "all at once, and nothing of the good one: {}", finished.errors);
}

/// Parsing accepts this setting; only starting its component finds it invalid.
#[test]
fn a_variable_for_traces_that_holds_no_headers_is_refused() {
    let traces =
        "telemetry = { otlp_endpoint = \"https://collector.example\", otlp_headers_env = \"TWITCHY_TEST_UNSET\" }";
    refuse(traces, |_| {}, "cannot send traces: the variable that telemetry.otlp_headers_env names is not set");
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
    let finished = run(&[]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(2), ""));
    assert!(finished.errors.contains("twitchy demo"), "{}", finished.errors);
    let folder = tempfile::tempdir().unwrap();
    for subcommand in ["serve", "check-config", "status"] {
        let finished = Finished::of(twitchy(&[subcommand]).current_dir(folder.path()));
        assert_eq!((finished.code, finished.output.as_str()), (Some(2), ""), "{subcommand}");
        let told = "there is no config.toml: name your configuration with --config FILE, or make one as follows.\n";
        assert!(finished.errors.starts_with(told) && finished.errors.contains("config.example.toml"), "{subcommand}");
    }
}

#[test]
fn a_configuration_in_the_current_folder_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), GOOD).unwrap();
    let mut command = twitchy(&["check-config"]);
    let finished = Finished::of(command.current_dir(folder.path()).env("TWITCHY_TEST_TOKEN", "abc"));
    assert_eq!(finished.output, "config.toml is fine: mybot in #shop, data in data\n", "{}", finished.errors);
}

/// With every limit on open files, the program succeeds or reports an error, and does not panic.
#[cfg(target_os = "linux")]
#[test]
fn too_few_file_descriptors_are_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, GOOD).unwrap();
    let mut codes = Vec::new();
    for most in 10..=40 {
        let mut command = Command::new("sh");
        let line = format!("ulimit -n {most}; exec \"$0\" check-config --config \"$1\"");
        apart(&mut command).arg("-c").arg(line).arg(env!("CARGO_BIN_EXE_twitchy")).arg(&path);
        let finished = Finished::of(command.env("TWITCHY_TEST_TOKEN", "abc"));
        assert!(!finished.errors.contains("panicked"), "{most}: {}", finished.errors);
        assert_eq!(finished.code == Some(0), finished.errors.is_empty(), "{most}: {}", finished.errors);
        codes.push(finished.code);
    }
    assert!(codes.iter().all(|code| matches!(code, Some(0..=2))), "{codes:?}");
    assert!(codes[0] != Some(0) && codes.last() == Some(&Some(0)), "{codes:?}");
}
