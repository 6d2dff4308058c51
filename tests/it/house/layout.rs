//! Rules about the layout of folders and files.

use super::source::{Finding, Source};

/// The files and folders allowed at the top of the repository.
const TOP_LEVEL: [&str; 21] = [
    "Cargo.toml",
    "Cargo.lock",
    "clippy.toml",
    "rustfmt.toml",
    "Dockerfile",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "host",
    "guest-sdk",
    "commands",
    "wit",
    "tests",
    ".gitignore",
    ".cargo",
    ".ci",
    ".github",
];

/// Folders at the top that are not part of the repository.
const NOT_KEPT: [&str; 2] = [".git", "target"];
/// The ending of components, which an author builds there with twitchy-build as the README says.
const COMPONENT: &str = ".wasm";

/// The names at the top of the repository that do not belong there.
pub(super) fn list_strangers(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_known = |name: &str| TOP_LEVEL.contains(&name) || NOT_KEPT.contains(&name) || name.ends_with(COMPONENT);
    names.filter(|name| !is_known(name)).collect()
}

/// A file with the `mod` list of a folder begins with a doc comment about the folder.
pub(super) fn a_parent_file_tells_what_it_promises(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.path.starts_with("tests/guests/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if source.stem() == "mod" {
        findings.push(source.finding(1, "a folder's parent file is named after it: `chat.rs`, not `chat/mod.rs`"));
    }
    let is_parent = source.program().any(|(_, line)| {
        let words = line.code.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        words.starts_with("mod ") && words.ends_with(';')
    });
    if is_parent && !source.lines().next().is_some_and(|(_, line)| line.text.starts_with("//!")) {
        findings.push(source.finding(1, "a parent file begins with a doc comment: what it promises, what is absent"));
    }
    let reexports =
        source.lines().filter(|(_, line)| source.path == "host/src/lib.rs" && line.code.contains("pub use "));
    findings.extend(reexports.map(|(number, _)| source.finding(number, "the crate's root re-exports nothing")));
    findings
}

/// Elsewhere a reader could not guess the file of a method, and what is private would be open to a whole folder.
pub(super) fn a_types_methods_are_in_its_file(source: &Source) -> Vec<Finding> {
    if !source.is_host() {
        return Vec::new();
    }
    let is_declared = |name: &str| {
        source.program().any(|(_, line)| {
            let declares = |keyword| line.bare.split_once(keyword).is_some_and(|(_, rest)| first_name(rest) == name);
            ["struct ", "enum ", "union ", "trait "].into_iter().any(declares)
        })
    };
    let impls = source.program().filter_map(|(number, line)| Some((number, name_of_impl(&line.bare)?)));
    let rule = |name| format!("the methods of `{name}` are in the file that declares it");
    impls.filter(|(_, name)| !is_declared(name)).map(|(number, name)| source.finding(number, rule(name))).collect()
}

/// The type that a line begins to give methods to.
fn name_of_impl(code: &str) -> Option<&str> {
    let rest = code.trim_start().strip_prefix("impl")?;
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0 && c != '>'
    });
    let type_of = rest[end?..].trim_start();
    (code.ends_with('{') && !type_of.contains(" for ")).then(|| first_name(type_of)).filter(|name| !name.is_empty())
}

fn first_name(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::source::objections;
    use super::*;

    #[test]
    fn a_method_far_from_its_type_is_found() {
        let check = |text| objections(a_types_methods_are_in_its_file, "host/src/a.rs", text);
        let found = ["host/src/a.rs:1: the methods of `A` are in the file that declares it"];
        for wrong in ["impl A {", "impl<T: Into<B>> A<T> {", "impl A {\n}\n#[cfg(test)]\nmod sample {\nstruct A;\n}"] {
            assert_eq!(check(wrong), found, "{wrong}");
        }
        for right in [
            "struct A;\nimpl A {",
            "pub enum A<T> {\n}\nimpl<T: Into<B>> A<T> {",
            "impl Display for A {",
            "impl<T> From<T> for A {",
            "fn a() -> impl Iterator<Item = u8> {",
            "#[cfg(test)]\nmod sample {\n    impl A {",
        ] {
            assert_eq!(check(right), Vec::<String>::new(), "{right}");
        }
    }

    #[test]
    fn a_stranger_at_the_top_is_found() {
        let names = ["host", "scripts", "target", "notes.md", "hug-module.wasm"].map(str::to_owned).into_iter();
        assert_eq!(list_strangers(names), ["scripts", "notes.md"]);
    }

    #[test]
    fn a_parent_file_without_a_word_is_found() {
        let check = |path, text| objections(a_parent_file_tells_what_it_promises, path, text);
        assert_eq!(check("host/src/a.rs", "pub mod b;").len(), 1);
        assert_eq!(check("host/src/a.rs", "//! All of it.\n\npub mod b;").len(), 0);
        assert_eq!(check("host/src/a.rs", "fn a() {}").len(), 0);
        assert_eq!(check("host/src/a/mod.rs", "//! All of it.").len(), 1);
        assert_eq!(check("host/src/lib.rs", "//! All of it.\n\npub use a::b;").len(), 1);
    }
}
