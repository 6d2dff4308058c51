//! `twitchy module run` and `test`, as authors see them.

use std::fs;
use std::path::Path;

use tests::guests;

use crate::author::module;
use crate::process::{Finished, Running, twitchy};

/// The output with `N` in place of each measured number.
fn without_figures(text: &str) -> String {
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let show = |(at, word): (usize, &str), line: &str| {
        let next = line.split(' ').nth(at + 1).unwrap_or_default();
        let is_measured = is_number(word) && ["ms", "s", "KiB"].contains(&next);
        if is_measured { "N".to_owned() } else { word.to_owned() }
    };
    text.lines()
        .map(|line| {
            let words: Vec<String> = line.split(' ').enumerate().map(|word| show(word, line)).collect();
            // The blanks before a number depend on its width.
            let is_measured = words.iter().any(|word| word == "N");
            let words = words.into_iter().filter(|word| !is_measured || !word.is_empty());
            words.collect::<Vec<_>>().join(" ") + "\n"
        })
        .collect()
}

/// Runs `twitchy module run` with this component and these words.
fn run(component: &[u8], words: &str) -> Finished {
    module(&format!("run own.wasm {words}"), &[("own.wasm", component)])
}

#[test]
fn a_run_shows_replies_changes_host_calls_and_what_it_used() {
    let finished = run(guests::COUNTER, "!count");
    let expected = "\
alice>      !count
bot>        @alice count is 1

changes     writes 1 byte to count
host calls N ms storage.add
used N ms of N ms of processor time
N KiB of 16 MiB of memory
            1 of 100 host calls
N ms of N s until the answer
";
    assert_eq!(without_figures(&finished.output), expected, "{}", finished.errors);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
}

#[test]
fn a_panic_names_its_line_and_the_exit_code_tells_of_it() {
    let finished = run(guests::TRAPS, "!traps");
    assert_eq!(finished.code, Some(1), "{}", finished.errors);
    let line = "log         error: panicked: this guest panics on purpose, called by alice (tests/guests/traps/src/lib.rs:14)\n";
    assert!(finished.output.contains(line), "{}", finished.output);
    assert!(finished.output.contains("advice      This is a panic: the line above says where."), "{}", finished.output);
}

#[test]
fn an_endless_call_ends_at_its_limit_and_says_so() {
    let finished = run(guests::LOOPS_FOREVER, "!loops-forever");
    assert_eq!(finished.code, Some(1), "{}", finished.errors);
    for part in
        ["broke off: the module used up its processor time\n", "advice      It loops, or does too much for one call.\n"]
    {
        assert!(finished.output.contains(part), "{}", finished.output);
    }
}

#[test]
fn silence_is_explained() {
    let finished = run(guests::COUNTER, "!cuont");
    let expected = "alice>      !cuont\n(nothing: unknown word; counter answers to !count, !count-get)\n";
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), expected));
    let finished = run(guests::COUNTER, "count");
    let expected = "alice>      count\n(nothing: talk; counter answers to !count, !count-get)\n";
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), expected));
    let finished = module("run own.wasm", &[("own.wasm", guests::COUNTER)]);
    let expected = "twitchy: own.wasm is a file: say the message too, as in twitchy module run own.wasm '!roll'\n";
    assert_eq!((finished.code, finished.errors.as_str()), (Some(2), expected));
}

#[test]
fn state_is_kept_where_it_is_said_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.wasm"), guests::COUNTER).unwrap();
    let run = |words: &[&str]| {
        let words: Vec<&str> = ["module", "run", "own.wasm", "!count"].iter().chain(words).copied().collect();
        Finished::of(twitchy(&words).current_dir(folder.path())).output.lines().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(run(&[]), "bot>        @alice count is 1");
    assert_eq!(run(&["--state", "kept"]), "bot>        @alice count is 1");
    assert_eq!(run(&["--state", "kept", "--as", "mod bob"]), "bot>        @bob count is 2");
    assert_eq!(run(&[]), "bot>        @alice count is 1");
    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/cat.png"), "").unwrap();
    let words = ["module", "run", "own.wasm", "!count", "--state", "photos"];
    let finished = Finished::of(twitchy(&words).current_dir(folder.path()));
    let expected = "twitchy: photos holds other files, and no state of a rehearsal: name a folder of its own\n";
    assert_eq!((finished.code, finished.errors.as_str()), (Some(1), expected));
}

#[test]
fn a_chatter_owns_what_is_said() {
    let words = ["module", "run", "own.wasm", "!charge 5", "--balance", "alice 7"];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.wasm"), guests::TRANSFERS).unwrap();
    let finished = Finished::of(twitchy(&words).current_dir(folder.path()));
    assert!(finished.output.contains("bot>        @alice left: 2\n"), "{}{}", finished.output, finished.errors);
    let words = ["module", "run", "own.wasm", "!charge 5", "--balance", "7"];
    let finished = Finished::of(twitchy(&words).current_dir(folder.path()));
    assert!(finished.errors.contains("expected a name and an amount, such as alice 5"), "{}", finished.errors);
    assert_eq!(finished.code, Some(2));
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let answer = |words: &str| run(guests::ASKS_RANDOM_AND_TIME, words).output.lines().nth(1).unwrap().to_owned();
    // The time comes last.
    let numbers = |words: &str| answer(words).rsplit_once(' ').unwrap().0.to_owned();
    let three = "!asks-random-and-time --seed 3";
    assert_eq!(numbers(three), numbers(three));
    assert_ne!(numbers(three), numbers("!asks-random-and-time --seed 4"));
}

#[test]
fn the_web_answers_only_where_it_is_asked_for() {
    let finished = run(guests::FETCHES, "!fetch https://api.example.com/x");
    assert_eq!(finished.code, Some(2), "a message is one argument: {}", finished.output);
    let transcript = "\
#shop   web: https://api.example.com/x 200 hello there
alice>      !fetch https://api.example.com/x
bot>        @alice 200 hello there
alice>      !fetch https://other.example.com/y
bot>        @alice HttpError::Unreachable(\"nothing answers https://other.example.com/y here\")
alice>      !fetch https://elsewhere.example/z
bot>        @alice HttpError::NotGranted(\"elsewhere.example\")
";
    let files: [(&str, &[u8]); 2] = [("own.wasm", guests::FETCHES), ("web.txt", transcript.as_bytes())];
    let finished = module("test own.wasm web.txt", &files);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{}", finished.output);
}

#[test]
fn a_run_is_repeated_when_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.wasm");
    fs::write(&file, guests::COUNTER).unwrap();
    let running =
        Running::start(twitchy(&["module", "run", "own.wasm", "!count", "--watch"]).current_dir(folder.path()));
    running.wait_for_output("count is 1");
    running.wait_for_error("waiting for a change");
    fs::write(&file, guests::ECHO).unwrap();
    running.wait_for_output("(nothing: unknown word; echo answers to !echo, !echo-args)");
    running.send_signal("INT");
    assert_eq!(running.finish().0.code(), Some(130));
}

const WRONG: &str = "\
#shop   seed: 3
alice>      !count
bot>        @alice count is 1
// The second call of a chatter.
alice>      !count-get count            (nothing: cooldown)
";

const RIGHT: &str = "\
#shop   seed: 3
alice>      !count
bot>        @alice count is 1
// The second call of a chatter.
alice>      !count-get count
bot>        @alice count is 1
";

fn folder_with(transcript: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.wasm"), guests::COUNTER).unwrap();
    fs::create_dir(folder.path().join("chats")).unwrap();
    fs::write(folder.path().join("chats/first.txt"), transcript).unwrap();
    folder
}

fn play_in(folder: &Path, words: &[&str]) -> Finished {
    let words: Vec<&str> = ["module", "test", "own.wasm", "chats"].iter().chain(words).copied().collect();
    Finished::of(twitchy(&words).current_dir(folder))
}

#[test]
fn a_wrong_transcript_prints_itself_corrected_and_is_written_only_where_that_is_said() {
    let folder = folder_with(WRONG);
    let finished = play_in(folder.path(), &[]);
    let expected = format!(
        "WRONG   chats/first.txt:5\nthis is what happens:\n\n{RIGHT}\n1 of 1 transcripts are wrong; --update writes down \
         what happens\n"
    );
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), expected.as_str()), "{}", finished.errors);
    assert_eq!(fs::read_to_string(folder.path().join("chats/first.txt")).unwrap(), WRONG);
    let finished = play_in(folder.path(), &["--update"]);
    assert_eq!(finished.output, "updated chats/first.txt\n1 of 1 transcripts are right\n");
    assert_eq!(fs::read_to_string(folder.path().join("chats/first.txt")).unwrap(), RIGHT);
    let finished = play_in(folder.path(), &[]);
    assert_eq!(
        (finished.code, finished.output.as_str()),
        (Some(0), "ok      chats/first.txt\n1 of 1 transcripts are right\n")
    );
}

#[test]
fn a_transcript_that_makes_no_sense_is_named_with_its_line() {
    for (transcript, expected) in [
        ("alice> !count\n", "the first line names the channel, such as #shop\n"),
        ("#shop\nking alice> !count\n", "line 2: before the name stand only sub, vip, mod"),
        ("#shop   set: sides=20\nalice> !count\n", "counter has no settings, and so no sides\n"),
        ("#shop\n", "nobody says anything in it\n"),
        ("#shop   random: 3\nalice> !cuont\n", "1 of the numbers of `random` are left: no call draws them\n"),
    ] {
        let folder = folder_with(transcript);
        fs::write(folder.path().join("chats/second.txt"), "#shop\nalice> !cuont (nothing)\n").unwrap();
        let finished = play_in(folder.path(), &[]);
        assert_eq!((finished.code, finished.errors.as_str()), (Some(1), ""));
        let (first, rest) = (format!("WRONG   chats/first.txt: {expected}"), "ok      chats/second.txt\n");
        assert!(finished.output.starts_with(&first) && finished.output.contains(rest), "{}", finished.output);
    }
}
