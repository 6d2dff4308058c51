//! The documentation of the SDK shows how each public function is called. The examples themselves run as doctests.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed, and says where")]

use std::fs;
use std::path::Path;

/// Functions that an example of the same file does not call: `file: function`.
fn list_without_example(file: &str, source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let comments = source.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
    });
    let comments: String = comments.flat_map(|line| [line, "\n"]).collect();
    // Every second part lies between the marks of an example.
    let examples: String = comments.split("```").skip(1).step_by(2).collect();
    let own = source.lines().filter_map(|line| line.trim().strip_prefix("pub fn ")?.split(['(', '<']).next());
    let hosts = source.split("pub use crate::host::").skip(1).flat_map(|import| {
        let (_, names) = import.split(';').next().unwrap().split_once("::").unwrap();
        names.trim_matches(['{', '}']).split([',', '\n']).map(str::trim).filter(|name| !name.is_empty())
    });
    let is_called = |name: &str| {
        examples.match_indices(name).any(|(at, _)| {
            let before = examples[..at].ends_with([':', '.']) || examples[..at].ends_with(char::is_whitespace);
            before && !examples[at + name.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
        })
    };
    own.chain(hosts).filter(|name| !is_called(name)).map(|name| format!("{file}: {name}")).collect()
}

#[test]
fn every_public_function_is_called_in_an_example() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(&sources).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut missing = Vec::new();
    let mut count = 0;
    for path in files.chain([sources.join("testing/host.rs")]) {
        let file = path.strip_prefix(&sources).unwrap().to_string_lossy().replace('\\', "/");
        // Not for authors: these are hidden from the documentation.
        if ["arena.rs", "bindings.rs", "host.rs", "panics.rs"].contains(&file.as_str()) {
            continue;
        }
        missing.extend(list_without_example(&file, &fs::read_to_string(path).unwrap()));
        count += 1;
    }
    assert!(count > 20, "the sources are elsewhere");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_function_without_an_example_is_found() {
    let source = "/// ```\n/// shown(5);\n/// ```\npub fn shown(it: u8) {}\n/// unshown(5)\npub fn unshown() {}\n\
                  pub use crate::host::clock::{now, later};\n//! ```\n//! clock::now();\n//! ```\n#[cfg(test)]\npub fn test() {}";
    assert_eq!(list_without_example("a.rs", source), ["a.rs: unshown", "a.rs: later"]);
}
