//! Mistakes that `twitchy module build` finds in a crate.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::author::Author;
use super::catalogue::Catalogue;
use crate::process::Finished;
use crate::project::{module, replace};

const WORDS: &str = "module build";

pub(super) fn make_mistakes(catalogue: &mut Catalogue, author: &Author) {
    catalogue.open_chapter("The tools: `twitchy module build`");
    catalogue.add("No cargo", "Rust is not installed.", WORDS, &build_without_cargo(author));
    let no_target = "The Rust compiler has no standard library for `wasm32-unknown-unknown`, and there is no network.";
    catalogue.add("No target", no_target, WORDS, &build_without_target(author));

    catalogue.open_chapter("The crate: `twitchy module build`");
    catalogue.add("No crate", "The folder has no Cargo.toml.", WORDS, &build_at_home(author));
    catalogue.add("Several crates", "The folder is a workspace.", WORDS, &build_workspace(author));
    for (heading, done, file, from, to) in [
        ("A Cargo.toml that is no TOML", "A bracket is missing.", "Cargo.toml", "[package]", "[package"),
        (
            "No crate type",
            "The Cargo.toml has no `[lib] crate-type`.",
            "Cargo.toml",
            "crate-type = [\"cdylib\", \"rlib\"]\n",
            "",
        ),
        (
            "A forgotten `export!`",
            "The source has no line `twitchy_sdk::export!(DiceModule);`.",
            "src/lib.rs",
            "twitchy_sdk::export!(DiceModule);",
            "",
        ),
        (
            "Code that does not compile",
            "A function is called by a wrong name. The compiler's excerpt from the source is left out here.",
            "src/lib.rs",
            "Ok(answer(",
            "Ok(answered(",
        ),
    ] {
        let finished = author.mistake(file, from, to, &["build"]);
        assert_eq!(finished.code, Some(1), "{heading}: {finished:?}");
        catalogue.add(heading, done, WORDS, &finished);
    }
}

fn build_without_cargo(author: &Author) -> Finished {
    author.finish(author.command(&["build"]).env("PATH", "").env_remove("CARGO").env_remove("RUSTC"))
}

/// With a compiler that has no other target than the machine's own, and a rustup that reaches no server.
fn build_without_target(author: &Author) -> Finished {
    let compiler = format!(
        "case \"$*\" in *target-libdir*) echo /nowhere ;; *) PATH='{}' exec '{}' \"$@\" ;; esac",
        env::var("PATH").unwrap(),
        env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
    );
    let rustup = "echo \"error: could not download file from 'https://static.rust-lang.org/dist'\" >&2; exit 1";
    let tools = author.home.join("tools");
    fs::create_dir(&tools).unwrap();
    for (name, script) in [("rustc", compiler.as_str()), ("rustup", rustup)] {
        let program = tools.join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut command = author.command(&["build"]);
    command.env("PATH", &tools).env("CARGO", env!("CARGO")).env_remove("RUSTC");
    author.finish(command.env("XDG_CACHE_HOME", author.home.join(".cache")))
}

fn build_at_home(author: &Author) -> Finished {
    author.finish(&mut module(&author.home, "build"))
}

/// Puts the module into a workspace with another one, and out of it again.
fn build_workspace(author: &Author) -> Finished {
    let coin = author.home.join("coin");
    fs::create_dir_all(coin.join("src")).unwrap();
    fs::write(coin.join("src/lib.rs"), "").unwrap();
    fs::write(coin.join("Cargo.toml"), "[package]\nname = \"coin\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n").unwrap();
    let workspace = author.home.join("Cargo.toml");
    fs::write(&workspace, "[workspace]\nresolver = \"3\"\nmembers = [\"coin\", \"dice\"]\n").unwrap();
    let manifest = author.home.join("dice/Cargo.toml");
    let right = fs::read(&manifest).unwrap();
    replace(&manifest, "[workspace]", "");
    let finished = build_at_home(author);
    fs::write(&manifest, right).unwrap();
    fs::remove_file(&workspace).unwrap();
    finished
}
