//! Mistakes that `twitchy module check` finds in a component, as a host does at the upload.

use std::fs;

use tests::guests;
use wasmtime::Engine;

use super::catalogue::Catalogue;
use crate::process::{Finished, twitchy};

const WORDS: &str = "module check dice.wasm";

pub(super) fn make_mistakes(catalogue: &mut Catalogue) {
    catalogue.open_chapter("The file: `twitchy module check`");
    let missing = check(None);
    catalogue.add("A missing file", "There is no such file.", WORDS, &missing);
    let mut add = |heading: &str, done: &str, component: &[u8]| {
        catalogue.add(heading, done, WORDS, &check(Some(component)));
    };
    add("No WebAssembly", "The file is a text.", b"fn main() {}");
    add("A core module", "The file is what cargo leaves in its target folder.", b"\0asm\x01\0\0\0");
    let machine_code = Engine::default().precompile_component(guests::ECHO).unwrap();
    add("Machine code", "The file is a `.cwasm`, compiled for one kind of machine.", &machine_code);
    add("Too large", "The file has more than 16 MiB.", &vec![0; (16 << 20) + 1]);
    let end = guests::ECHO.len() / 2;
    add("Half a file", "The copy of the file was interrupted.", &guests::ECHO[..end]);

    catalogue.open_chapter("The contract: `twitchy module check`");
    let mut add = |heading: &str, done: &str, component: &[u8]| {
        catalogue.add(heading, done, WORDS, &check(Some(component)));
    };
    add("No export", "The component does not export the contract's `module`.", b"\0asm\x0d\0\x01\0");
    add(
        "Another version of the contract",
        "The SDK is made for a contract that this program does not know.",
        &replaced(guests::ECHO, "command/module@0.1.0", "command/module@0.2.0"),
    );
    add(
        "Other types",
        "The WIT of the contract was changed: a role has another name.",
        &replaced(guests::ECHO, "moderator", "moderatox"),
    );
    add("An unknown import", "The module imports an interface that is not in the contract.", guests::WANTS_UNKNOWN);
    add(
        "WASI",
        "The module is built for wasm32-wasip2, whose standard library imports interfaces of WASI.",
        &replaced(guests::WANTS_UNKNOWN, "tests:moon/tides@0.1.0", "wasi:cli/stdout@0.2.12"),
    );

    catalogue.open_chapter("What `info` does: `twitchy module check`");
    let mut add = |heading: &str, done: &str, misdeed: char| {
        catalogue.add(heading, done, WORDS, &check(Some(&misbehaving(misdeed))));
    };
    add("A panic in `info`", "`info` panics.", '2');
    add("An endless `info`", "`info` has a loop without an end.", '1');
    add("A huge allocation in `info`", "`info` pushes to a list without an end.", '3');
    add("A huge answer of `info`", "A summary has two million characters.", '4');
    let reads = check(Some(guests::READS_IN_INFO));
    catalogue.add("A capability in `info`", "`info` reads the storage.", WORDS, &reads);

    catalogue.open_chapter("What `info` returns: `twitchy module check`");
    let mut add = |heading: &str, done: &str, misdeed: char| {
        catalogue.add(heading, done, WORDS, &check(Some(&misbehaving(misdeed))));
    };
    add("A bad version", "The version is a word.", '9');
    add("A bad name", "The module's name has a capital letter.", '8');
    add("A reserved name", "The module has the name of a bundled one.", 'b');
    add("A reserved word", "A command has a word of a bundled module.", 'a');
    add("A duplicate word", "Two commands have the same word, in capital and in small letters.", '6');
    add("A bad word", "A command's word has an invisible character in it.", '7');
    add("A long text", "A command's usage has 700 characters.", 'd');
    add("Too many commands", "The module has 33 commands.", '5');
    add("A bad default", "The default of a setting is beyond the setting's own range.", 'c');
}

/// Checks a file with these bytes, or one that is not there.
fn check(component: Option<&[u8]>) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    if let Some(component) = component {
        fs::write(folder.path().join("dice.wasm"), component).unwrap();
    }
    let words: Vec<&str> = WORDS.split(' ').collect();
    let finished = Finished::of(twitchy(&words).current_dir(folder.path()));
    assert_eq!((finished.code, finished.output.as_str()), (Some(1), ""), "{}", finished.errors);
    finished
}

/// The guest that misbehaves in this way when it is asked for its `info`.
fn misbehaving(misdeed: char) -> Vec<u8> {
    let by_way_of = "misbehaves in info by way of ";
    replaced(guests::MISBEHAVES_IN_INFO, &format!("{by_way_of}0"), &format!("{by_way_of}{misdeed}"))
}

/// The component with another text of the same length in each place of `from`: a name of the contract is in the component
/// several times.
fn replaced(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = component.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} is not in the component");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}
