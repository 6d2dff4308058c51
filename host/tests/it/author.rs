//! `twitchy module check` and `diff`, as authors see them.

use std::fs;

use tests::guests;

use crate::process::{Finished, twitchy};

/// Runs `twitchy module` with these words, in a folder that holds these files.
pub(crate) fn module(words: &str, files: &[(&str, &[u8])]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let words: Vec<&str> = ["module"].into_iter().chain(words.split(' ')).collect();
    Finished::of(twitchy(&words).current_dir(folder.path()))
}

/// The component with another text of the same length in place of `from`.
pub(crate) fn replaced(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at: Vec<usize> = (0..component.len()).filter(|&at| component[at..].starts_with(from.as_bytes())).collect();
    assert_eq!(at.len(), 1, "{from} occurs once");
    let mut bytes = component.to_vec();
    bytes[at[0]..at[0] + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

/// `text` with `N` in place of each number that depends on the compiler or the machine.
fn without_figures(text: &str) -> String {
    let is_figure = |word: &&str| word.parse::<u64>().is_ok();
    text.lines()
        .map(|line| {
            let words = line.split(' ').collect::<Vec<_>>();
            let measured = line.contains(" KiB of ") || line.starts_with("~ bytes");
            let show = |word: &&str| if measured && is_figure(word) { "N".to_owned() } else { (*word).to_owned() };
            words.iter().map(show).collect::<Vec<_>>().join(" ") + "\n"
        })
        .collect()
}

#[test]
fn a_sound_component_is_shown_as_hosts_creators_and_chatters_will_see_it() {
    let finished = module("check fetches.wasm", &[("fetches.wasm", guests::FETCHES)]);
    let expected = "\
a host would accept fetches.wasm
fetches 0.1.0: a guest of the tests
N KiB of N MiB, size class small, checked in N ms

it asks for  granted by  so that it can
http         operator    ask the web hosts that it names
log          nobody      write lines to its log
storage      creator     keep data of its own in the channel
and to reach api.example.com, other.example.com

command          for       cooldown  what it does
!fetch URL...    everyone  0s        asks for each
!post URL        everyone  0s        posts, and counts
!post-count URL  everyone  0s        posts the count

setting  kind    default  what it does
token    secret           opens the API
set in chat by !settings set fetches KEY VALUE; a secret, by the API only
";
    assert_eq!(without_figures(&finished.output), expected, "{}", finished.errors);
    assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""));
}

#[test]
fn the_verdict_is_there_for_programs_too() {
    let finished = module("check --json counter.wasm", &[("counter.wasm", guests::COUNTER)]);
    let shown: serde_json::Value = serde_json::from_str(&finished.output).unwrap();
    assert_eq!((&shown["name"], &shown["commands"][0]["name"]), (&"counter".into(), &"count".into()));
}

#[test]
fn a_refusal_has_its_code_and_its_cure() {
    let finished = module("check moon.wasm", &[("moon.wasm", guests::WANTS_UNKNOWN)]);
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""));
    assert_eq!(
        finished.errors,
        "twitchy: a host would refuse moon.wasm (unknown_import): the module imports \"tests:moon/tides@0.1.0\", which this \
         host does not offer\nBuild for wasm32-unknown-unknown, as `twitchy module build` does, and use only the SDK to reach \
         out of the module.\n"
    );
}

#[test]
fn a_name_or_a_word_that_is_taken_is_found_before_the_upload() {
    let misdeed = "misbehaves in info by way of 0";
    for (way, expected) in [
        (
            "misbehaves in info by way of a",
            "twitchy: a host would refuse misbehaves-in-info: the word settings belongs to the module settings of this \
             host\nChoose another word in `CommandInfo::new` or `alias`.\n",
        ),
        (
            "misbehaves in info by way of b",
            "twitchy: a host would refuse balance: the name balance belongs to a module of this host\nChoose another \
             name in `ModuleInfo::new`.\n",
        ),
    ] {
        let component = replaced(guests::MISBEHAVES_IN_INFO, misdeed, way);
        let finished = module("check dice.wasm", &[("dice.wasm", &component)]);
        assert_eq!((finished.code, finished.errors.as_str()), (Some(1), expected));
    }
}

#[test]
fn a_difference_shows_what_chat_gets_and_what_creators_are_asked() {
    let files: [(&str, &[u8]); 2] = [("old.wasm", guests::COUNTER), ("new.wasm", guests::FETCHES)];
    let finished = module("diff old.wasm new.wasm", &files);
    let expected = "\
counter 0.1.0 -> fetches 0.1.0
~ bytes: N -> N
~ capabilities: log, storage -> http, log, storage
~ web hosts: none -> api.example.com, other.example.com
- !count
- !count-get
+ !fetch: asks for each; for everyone; usage URL...
+ !post: posts, and counts; for everyone; usage URL
+ !post-count: posts the count; for everyone; usage URL
+ setting token: opens the API; secret

These are two modules: each is enabled and granted by itself.
";
    assert_eq!(without_figures(&finished.output), expected, "{}", finished.errors);
}

#[test]
fn a_version_that_asks_for_more_names_the_consent_and_one_that_does_not_says_so() {
    let older = |from, to| replaced(guests::COUNTER, from, to);
    let (sound, fewer) = (guests::COUNTER.to_vec(), older("count-get", "count-old"));
    let finished = module("diff a.wasm b.wasm", &[("a.wasm", &fewer), ("b.wasm", &sound)]);
    let expected = "\
counter 0.1.0 -> counter 0.1.0
+ !count-get: tells the count; for everyone; usage [key]
- !count-old

Both have the same version, and a host refuses other bytes under a version that it has: raise `version` in Cargo.toml.

Channels that run 0.1.0 stay on it until their creator accepts that
- it answers to the word count-get
";
    assert_eq!(finished.output, expected, "{}", finished.errors);
    let finished = module("diff a.wasm a.wasm", &[("a.wasm", &sound)]);
    assert_eq!(finished.output, "counter 0.1.0 -> counter 0.1.0\n\nThese are the same bytes.\n");
}
