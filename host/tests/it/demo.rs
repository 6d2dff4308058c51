//! `twitchy demo`.

use std::fs;
use std::path::Path;
use std::process::Command;

use tests::guests;

use crate::author::replaced;
use crate::process::{Finished, Running, run, twitchy};

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

/// Plays a script with the state folder `folder/state`, and returns the printed chat.
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
                    (no answer: talk; commands begin with ? here, such as ?help)\n\
                    alice> !balance\ntwitchy> @alice you have 0 points\n";
    assert_eq!(second, expected);
}

/// The new demo has a new fake Twitch, so the messages sent before the kill must not count towards its rate limits.
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
    let silence = "alice> !balance\n(no answer: twitchy is not here; go to #shop, where cafe> !join calls it here)\n";
    let left =
        "cafe> !leave\ntwitchy> @cafe I'm leaving your channel; to have me back, type !join in a channel where I am\n";
    assert_eq!(first, [left, silence].concat());
    let state = folder.path().join("state");
    let demo = Running::start(&mut twitchy(&["demo", "--state", state.to_str().unwrap()]));
    demo.wait_for_output("You are in #shop; twitchy sits in #shop.");
    demo.send_signal("TERM");
    demo.finish();
    let second = play(folder.path(), "#cafe\nalice> !balance\n#shop\ncafe> !join\n#cafe\nalice> !balance\n");
    assert!(second.starts_with(&format!("{silence}cafe> !join\ntwitchy> @cafe I'm on my way")), "{second}");
    assert!(second.ends_with("alice> !balance\ntwitchy> @alice you have 120 points\n"), "{second}");
}

#[test]
fn typed_lines_are_answered_without_a_terminal_too() {
    let mut demo = Running::start(&mut twitchy(&["demo", "--fresh"]));
    demo.wait_for_output("/help");
    demo.type_line("alice> !balance");
    let answer = demo.wait_for_output("twitchy>");
    assert!(answer.starts_with("twitchy> @alice you have 120 points   ("), "{answer}");
    assert!(answer.ends_with("s)"), "{answer}");
    demo.type_line("I think 5 > 3");
    assert_eq!(demo.wait_for_output("think"), "alice> I think 5 > 3");
    demo.type_line("king dan> hi");
    demo.wait_for_output("before the name stand only sub, vip, mod or broadcaster");
    demo.type_line("/quit");
    let (status, errors) = demo.finish();
    assert_eq!((status.code(), errors.join("\n").as_str()), (Some(0), ""));
}

#[test]
fn a_module_that_is_being_written_answers_anew_whenever_it_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.wasm");
    fs::write(&file, guests::COUNTER).unwrap();
    let mut demo = Running::start(&mut twitchy(&["demo", "--fresh", "--module", file.to_str().unwrap()]));
    demo.wait_for_output("(counter 0.1.0 answers to !count, !count-get now, after ");
    demo.type_line("alice> !count");
    demo.wait_for_output("count is 1");
    fs::write(&file, b"no module").unwrap();
    demo.wait_for_output("it is no WebAssembly");
    demo.type_line("!count");
    demo.wait_for_output("count is 2");
    fs::write(&file, replaced(guests::COUNTER, "count-get", "count-now")).unwrap();
    demo.wait_for_output("(counter 0.1.0 answers to !count, !count-now now, after ");
    demo.type_line("!count-now");
    demo.wait_for_output("count is 2");
    fs::write(&file, guests::COUNTER).unwrap();
    demo.wait_for_output("(counter 0.1.0 answers to !count, !count-get now, after ");
    demo.type_line("/quit");
    assert_eq!(demo.finish().0.code(), Some(0));
}

#[test]
fn a_script_plays_against_a_module_of_ones_own_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.wasm"), guests::COUNTER).unwrap();
    fs::write(folder.path().join("chat.txt"), "mod alice> !count\n").unwrap();
    let words = ["demo", "--fresh", "--module", "own.wasm", "--script", "chat.txt"];
    let finished = Finished::of(twitchy(&words).current_dir(folder.path()));
    assert_eq!(finished.output, "alice> !count\ntwitchy> @alice count is 1\n", "{}", finished.errors);
    fs::remove_file(folder.path().join("own.wasm")).unwrap();
    let finished = Finished::of(twitchy(&words).current_dir(folder.path()));
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""));
    assert!(finished.errors.starts_with("twitchy: cannot read own.wasm: "), "{}", finished.errors);
}

#[test]
fn a_signal_ends_the_prompt() {
    let demo = Running::start(&mut twitchy(&["demo", "--fresh"]));
    demo.wait_for_output("/help");
    demo.send_signal("TERM");
    let (status, errors) = demo.finish();
    assert_eq!((status.code(), errors.join("\n").as_str()), (Some(0), ""));
}

#[test]
fn each_silence_is_explained_in_one_line_and_talk_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let script = "\
heidi> !settings
alice> hello everybody
alice> !blance
balance> balance
alice> /me !balance
#bob
alice> good morning
bob> !balance
#shop
alice> twitchy
shop> !settings disable balance
alice> !balance
shop> !settings mute 10m
alice> !help
";
    let expected = "\
heidi> !settings
(no answer: role; !settings is for moderators, such as mod heidi>)
alice> hello everybody
alice> !blance
(no answer: unknown word; nothing here answers to !blance, and !help lists what does)
balance> balance
(no answer: talk; commands begin with ! here, such as !help)
alice> /me !balance
(no answer: talk; a /me calls no command)
alice> good morning
bob> !balance
(no answer: twitchy is not here; go to #shop, where bob> !join calls it here)
alice> twitchy
(no answer: talk; commands begin with ! here, such as !help)
shop> !settings disable balance
twitchy> @shop balance is now off
alice> !balance
(no answer: unknown word; the module balance has it, but is off here; shop> !settings enable balance turns it on)
shop> !settings mute 10m
twitchy> @shop silent for 10m; !settings mute off ends it
alice> !help
(no answer: muted; shop> !settings mute off ends it)
";
    assert_eq!(play(folder.path(), script), expected);
}

#[test]
fn moderators_are_appointed_with_an_answer_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let first =
        play(folder.path(), "#alice\nalice> /mod @twitchy\n#shop\nshop> /unmod twitchy\nshop> /unmod twitchy\n");
    let told = "(twitchy is a moderator of #alice now)\n(twitchy is no moderator of #shop any more)\n\
                (twitchy is no moderator of #shop)\n";
    assert_eq!(first, told);
    let second = play(folder.path(), "#alice\nalice> /mod twitchy\n#shop\nshop> /mod twitchy\n");
    assert_eq!(second, "(twitchy is a moderator of #alice already)\n(twitchy is a moderator of #shop now)\n");
}

/// The demo, with its default state folder below `home`.
fn demo_at(home: &Path, arguments: &[&str]) -> Command {
    let mut command = twitchy(&[&["demo"], arguments].concat());
    command.env("HOME", home).env("XDG_DATA_HOME", home.join("data"));
    command
}

#[test]
fn a_reset_deletes_what_was_kept_and_says_so_and_scripts_and_fresh_runs_leave_it_alone() {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join("data/twitchy/demo");
    let script = home.path().join("chat.txt");
    fs::write(&script, "\u{feff}shop> !settings prefix $\nalice> $balance\n").unwrap();
    let mut demo = Running::start(&mut demo_at(home.path(), &[]));
    demo.wait_for_output(&format!("is kept in {};", own.display()));
    demo.type_line("shop> !settings prefix ?");
    demo.wait_for_output("prefix is now ?");
    demo.type_line("/help");
    demo.wait_for_output("  alice> ?balance ");
    demo.type_line("/hlep");
    demo.wait_for_output("(there is no /hlep here; did you mean /help?)");
    let refused = Finished::of(&mut demo_at(home.path(), &["--reset"]));
    assert!(refused.errors.starts_with("twitchy: end the other demo first: "), "{}", refused.errors);
    demo.type_line("/quit now");
    assert_eq!(demo.finish().0.code(), Some(0));

    let played = Finished::of(&mut demo_at(home.path(), &["--script", script.to_str().unwrap()]));
    assert!(played.output.ends_with("alice> $balance\ntwitchy> @alice you have 120 points\n"), "{played:?}");
    let fresh = Finished::of(&mut demo_at(home.path(), &["--fresh"]));
    assert!(
        fresh.output.contains("\nTry !balance,") && fresh.output.contains("Nothing of this run is kept."),
        "{fresh:?}"
    );
    let kept = Finished::of(&mut demo_at(home.path(), &[]));
    assert!(kept.output.contains("\nTry ?balance,"), "{kept:?}");

    let reset = Finished::of(&mut demo_at(home.path(), &["--reset"]));
    let told = format!("Deleted {}, with ", own.display());
    assert!(reset.output.starts_with(&told) && reset.output.contains("twitchy.sqlite"), "{reset:?}");
    assert!(reset.output.contains("\nTry !balance,"), "{reset:?}");
}

#[test]
fn a_folder_that_was_named_is_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let finished = run(&["demo", "--reset", "--state", folder.path().to_str().unwrap()]);
    assert_eq!(finished.code, Some(2));
    assert!(finished.errors.contains("'--reset' cannot be used with '--state <DIR>'"), "{}", finished.errors);
    assert!(folder.path().exists());
}
