//! `twitchy demo`.

use std::fs;

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
    assert!(finished.errors.contains("chat.txt:3: before the name stand only"), "{}", finished.errors);
}

#[test]
fn what_is_kept_is_there_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let play = |script: &str| {
        let path = folder.path().join("chat.txt");
        fs::write(&path, script).unwrap();
        let finished = run(&["demo", "--state", state.to_str().unwrap(), "--script", path.to_str().unwrap()]);
        assert_eq!(finished.code, Some(0), "{}", finished.errors);
        finished.output
    };
    let first = play("broadcaster shop> !settings prefix ?\nbob> ?join\n");
    assert!(first.contains("twitchy> @shop prefix is now ?\n"), "{first}");
    let second = play("alice> ?balance\nalice> !balance\n#bob\nalice> !balance\n");
    let expected = "alice> ?balance\ntwitchy> @alice you have 120 points\nalice> !balance\n\
                    alice> !balance\ntwitchy> @alice you have 0 points\n";
    assert_eq!(second, expected);
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
    demo.wait_for_output("before the name stand only");
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
