//! Mistakes that show when a command is called, or when a channel enables the module.

use std::fs;

use tests::guests;

use super::author::Author;
use super::catalogue::Catalogue;
use crate::module::Demo;
use crate::process::{Finished, twitchy};

/// After this line of a new module's `respond` a mistake can be made.
const ARGUMENTS_END: &str = "arguments.end()?;\n";

/// Columns before what stands in a row of the report.
const COLUMN: usize = 12;

pub(super) fn make_mistakes(catalogue: &mut Catalogue, author: &Author) {
    break_calls(catalogue, author);
    ask_for_too_much(catalogue, author);
    enable_without_grants(catalogue);
}

fn break_calls(catalogue: &mut Catalogue, author: &Author) {
    catalogue.open_chapter("A call that breaks: `twitchy module run`");
    let panic = author.mistake(
        "src/lib.rs",
        ARGUMENTS_END,
        &format!("{ARGUMENTS_END}        let name = Some(name.unwrap());\n"),
        &["run", "!dice"],
    );
    add(catalogue, "A panic", "`respond` calls `name.unwrap()`, and there is no name.", "!dice", panic);
    for (heading, done, component, message) in [
        ("An endless loop", "`respond` never returns.", guests::LOOPS_FOREVER, "!loops-forever"),
        ("A deep recursion", "A function calls itself without an end.", guests::OVERFLOWS_STACK, "!overflows-stack"),
        ("A huge allocation", "`respond` fills a list without an end.", guests::GRABS_MEMORY, "!grabs-memory"),
        (
            "An oversize reply",
            "The reply has 4 MiB. (The SDK would shorten it: this module makes its answer without.)",
            guests::HUGE_REPLY,
            "!huge-reply",
        ),
        (
            "Too many replies",
            "The call answers with a thousand replies, made without the SDK too.",
            guests::FLOODS_REPLIES,
            "!floods-replies",
        ),
        ("Too many host calls", "A call saves 100,000 values.", guests::FLOODS_STORAGE, "!floods-storage"),
    ] {
        add(catalogue, heading, done, message, run(component, message));
    }
}

fn ask_for_too_much(catalogue: &mut Catalogue, author: &Author) {
    catalogue.open_chapter("A call that is refused something: `twitchy module run`");
    let mut add_statement = |heading: &str, done: &str, statement: &str| {
        let to = format!("{ARGUMENTS_END}        {statement}\n");
        let finished = author.mistake("src/lib.rs", ARGUMENTS_END, &to, &["run", "!dice"]);
        add(catalogue, heading, done, "!dice", finished);
    };
    add_statement(
        "Full storage",
        "The call saves ten values of 60,000 bytes. A module has 256 KiB and 1,000 keys in each channel, unless \
         the operator says otherwise.",
        "for number in 0..10 { twitchy_sdk::storage::save(&number.to_string(), vec![b'x'; 60_000])?; }",
    );
    add_statement(
        "A web host that `info` does not name",
        "The call asks `https://api.example.com`, and `info` has no `http_host(\"api.example.com\")`.",
        "twitchy_sdk::http::get(\"https://api.example.com/\")?;",
    );
    let finished = run(guests::TRANSFERS, "!charge 5");
    add(
        catalogue,
        "A refused payment",
        "The chatter has less than the call charges. In a transcript, `balances: alice 5` gives her something.",
        "!charge 5",
        finished,
    );
}

fn enable_without_grants(catalogue: &mut Catalogue) {
    catalogue.open_chapter("A channel: `twitchy module enable`");
    let demo = Demo::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fetches.wasm");
    fs::write(&file, guests::FETCHES).unwrap();
    demo.ask(&format!("push {}", file.display()));
    let words = ["module", "enable", "fetches", "--channel", "shop"];
    let errors = demo.fail(&words);
    let finished = Finished { code: Some(1), output: String::new(), errors };
    catalogue.add(
        "A missing grant",
        "The channel has not granted what the module asks for.",
        &words.join(" "),
        &finished,
    );
}

fn run(component: &[u8], message: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dice.wasm"), component).unwrap();
    Finished::of(twitchy(&["module", "run", "dice.wasm", message]).current_dir(folder.path()))
}

fn add(catalogue: &mut Catalogue, heading: &str, done: &str, message: &str, finished: Finished) {
    let file = if message == "!dice" { "" } else { " dice.wasm" };
    let finished = Finished { output: without_figures(&finished.output), ..finished };
    catalogue.add(heading, done, &format!("module run{file} '{message}'"), &finished);
}

/// Leaves out the rows that depend on the machine or the compiler: times, what the call used, and the stack's functions.
fn without_figures(report: &str) -> String {
    let mut kept = String::new();
    let mut heading = "";
    for line in report.lines() {
        let (begin, row) = line.split_at_checked(COLUMN).unwrap_or((line, ""));
        heading = if begin.trim().is_empty() { heading } else { begin.trim() };
        if !["host calls", "used"].contains(&heading) && !row.starts_with("  in ") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.trim_end().to_owned() + "\n"
}
