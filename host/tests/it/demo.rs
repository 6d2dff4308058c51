//! `twitchy demo`.

use std::fs;
use std::path::Path;

use crate::process::{Running, run, twitchy};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/demo/first-chat.txt");
const EXPECTED: &str = include_str!("../../../tests/demo/first-chat.expected.txt");

#[test]
fn a_script_prints_the_whole_chat_and_nothing_else() {
    let finished = run(&["demo", "--fresh", "--script", SCRIPT]);
    assert_eq!(finished.output, EXPECTED, "{}", finished.errors);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
}

#[test]
fn a_wrong_line_is_named_before_anything_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.txt");
    fs::write(&path, "alice> !balance\n\nking dan> !balance\n").unwrap();
    let finished = run(&["demo", "--fresh", "--script", path.to_str().unwrap()]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(2), ""));
    assert!(
        finished.errors.contains("chat.txt:3: before the name stand only sub, vip, mod or broadcaster"),
        "{}",
        finished.errors
    );
}

/// Plays a script on a state that is kept in `folder`.
fn play(folder: &Path, script: &str) -> String {
    let (state, path) = (folder.join("state"), folder.join("chat.txt"));
    fs::write(&path, script).unwrap();
    let finished = run(&["demo", "--state", state.to_str().unwrap(), "--script", path.to_str().unwrap()]);
    assert_eq!(finished.code, Some(0), "{}", finished.errors);
    finished.output
}

#[test]
fn what_is_kept_is_there_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = play(folder.path(), "broadcaster shop> !settings prefix ?\nbob> ?join\n");
    assert!(first.contains("twitchy> @shop prefix is now ?\n"), "{first}");
    let second = play(folder.path(), "alice> ?balance\nalice> !balance\n#bob\nalice> !balance\n");
    let expected = "alice> ?balance\ntwitchy> @alice you have 120 points\nalice> !balance\n\
                    alice> !balance\ntwitchy> @alice you have 0 points\n";
    assert_eq!(second, expected);
}

/// Its Twitch begins anew with it, so nothing of any limit is used up.
#[test]
fn a_demo_that_was_killed_answers_at_once_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = Running::start(&mut twitchy(&["demo", "--state", folder.path().join("state").to_str().unwrap()]));
    killed.wait_for_output("/help");
    killed.type_line("alice> !balance");
    killed.wait_for_output("twitchy>");
    drop(killed);
    let script = folder.path().join("chat.txt");
    fs::write(&script, "alice> !balance\n").unwrap();
    let state = folder.path().join("state");
    let finished = run(&["demo", "--state", state.to_str().unwrap(), "--script", script.to_str().unwrap()]);
    assert_eq!(finished.errors, "");
    assert_eq!(finished.output, "alice> !balance\ntwitchy> @alice you have 120 points\n");
}

#[test]
fn a_channel_that_was_left_stays_left_although_it_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let first = play(folder.path(), "#cafe\nbroadcaster cafe> !leave\nalice> !balance\n");
    let left = "cafe> !leave\ntwitchy> @cafe I'm leaving your channel; to have me back, type !join in a channel where I am\n\
                alice> !balance\n";
    assert_eq!(first, left);
    let second = play(folder.path(), "#cafe\nalice> !balance\n#shop\ncafe> !join\n#cafe\nalice> !balance\n");
    assert!(second.starts_with("alice> !balance\ncafe> !join\ntwitchy> @cafe I'm on my way"), "{second}");
    assert!(second.ends_with("alice> !balance\ntwitchy> @alice you have 120 points\n"), "{second}");
}

#[test]
fn typed_lines_are_answered_without_a_terminal_too() {
    let mut demo = Running::start(&mut twitchy(&["demo", "--fresh"]));
    demo.wait_for_output("/help");
    demo.type_line("alice> !balance");
    let answer = demo.wait_for_output("twitchy>");
    assert!(answer.starts_with("twitchy> @alice you have 120 points   ("), "{answer}");
    assert!(answer.ends_with("ms)"), "{answer}");
    demo.type_line("I think 5 > 3");
    assert_eq!(demo.wait_for_output("think"), "alice> I think 5 > 3");
    demo.type_line("king dan> hi");
    demo.wait_for_output("before the name stand only sub, vip, mod or broadcaster");
    demo.type_line("/quit");
    let (status, errors) = demo.finish();
    assert_eq!((status.code(), errors.join("\n").as_str()), (Some(0), ""));
}

#[test]
fn a_signal_ends_the_prompt() {
    let demo = Running::start(&mut twitchy(&["demo", "--fresh"]));
    demo.wait_for_output("/help");
    demo.send_signal("TERM");
    let (status, errors) = demo.finish();
    assert_eq!((status.code(), errors.join("\n").as_str()), (Some(0), ""));
}
