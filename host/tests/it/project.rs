//! `twitchy module new` and `build`, as authors see them, in folders outside the repository.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Finished, twitchy};

/// `twitchy module` with these words in the folder. Home and cache are the user's: the compiler and the crate registry
/// are there.
pub(crate) fn module(folder: &Path, words: &str) -> Command {
    let words: Vec<&str> = ["module"].into_iter().chain(words.split(' ')).collect();
    let mut command = twitchy(&words);
    for name in ["HOME", "XDG_CACHE_HOME"] {
        match env::var_os(name) {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(folder).env("CARGO_NET_OFFLINE", "true");
    command
}

/// A temporary folder with a new project in its folder `dice`.
pub(crate) fn new_project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Finished::of(&mut module(folder.path(), "new dice"));
    assert_eq!((made.code, made.errors.as_str()), (Some(0), ""), "{}", made.output);
    folder
}

/// Replaces a text that occurs in the file.
pub(crate) fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn a_new_module_passes_its_tests_and_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let made = Finished::of(&mut module(folder.path(), "new dice"));
    let expected = "\
The module dice is in dice, with a command !dice that greets chatters. Next:

  cd dice
  twitchy module test             builds it, and plays the chat in transcripts
  twitchy module run '!dice bob'  runs one command, and shows all that it did
  twitchy demo --module .         chats with it here; each saved change answers at once
";
    assert_eq!((made.code, made.output.as_str()), (Some(0), expected), "{}", made.errors);

    let project = folder.path().join("dice");
    let arguments = ["test", "--offline", "--locked"];
    let mut tested = Command::new(env!("CARGO"));
    // In a target folder that is shared, most crates would be there already.
    tested.args(arguments).current_dir(&project).env_remove("CARGO_TARGET_DIR");
    let tested = tested.output().unwrap();
    let errors = String::from_utf8_lossy(&tested.stderr);
    assert!(
        tested.status.success(),
        "{errors}\nIf the SDK's dependencies have changed: make a module, run its tests, and copy its Cargo.lock to \
         host/src/cli/author/new/template/lock.toml, with {{module}} for its name and {{version}} for the SDK's version"
    );
    // A generator, or any other dependency of a macro, would be compiled as well.
    assert_eq!(errors.matches("Compiling").count(), 8, "{errors}");
    assert!(!errors.contains("warning"), "{errors}");

    let built = Finished::of(&mut module(&project.join("src"), "build ../ --out ../../mine.wasm"));
    let kibibytes = fs::metadata(folder.path().join("mine.wasm")).unwrap().len().div_ceil(1024);
    assert!(built.errors.contains("Finished"), "{}", built.errors);
    assert_eq!(built.output, format!("dice 0.1.0 is in ../../mine.wasm, {kibibytes} KiB\n"));
    assert!(kibibytes < 100, "{kibibytes}");
}

#[test]
fn a_mistake_is_found_at_the_build_with_its_cure() {
    let folder = new_project();
    let project = folder.path().join("dice");
    let (manifest, source) = (project.join("Cargo.toml"), project.join("src/lib.rs"));
    for (file, from, to, expected) in [
        (&manifest, "\"cdylib\", ", "", "needs these lines:\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n"),
        (&source, "twitchy_sdk::export!", "// twitchy_sdk::export!", "needs the line `twitchy_sdk::export!(TYPE);`"),
        (&source, "Ok(answer(", "Ok(answered(", "dice did not compile: the reasons stand above\n"),
        (&source, "env!(\"CARGO_PKG_VERSION\")", "\"1.0\"", "version \"1.0\": unexpected end of input"),
        (&source, "new(\"dice\", env", "new(\"balance\", env", "Choose another name in `ModuleInfo::new`.\n"),
        (&source, "new(\"dice\", \"greets", "new(\"help\", \"greets", "Choose another word in `CommandInfo::new`"),
    ] {
        let right = fs::read(file).unwrap();
        replace(file, from, to);
        let built = Finished::of(&mut module(&project, "build"));
        assert_eq!((built.code, built.output.as_str()), (Some(1), ""), "{to}");
        assert!(built.errors.contains(expected), "{}", built.errors);
        fs::write(file, right).unwrap();
    }
    let built = Finished::of(&mut module(&project, "build"));
    assert!(built.output.starts_with("dice 0.1.0 is in target/dice.wasm, "), "{}", built.errors);
}

#[test]
fn a_file_that_is_no_component_is_not_overwritten() {
    let folder = new_project();
    let built = Finished::of(&mut module(&folder.path().join("dice"), "build --out src/lib.rs"));
    let expected = "twitchy: src/lib.rs is no WebAssembly, and is not overwritten: name another file\n";
    assert_eq!((built.code, built.errors.as_str()), (Some(1), expected));
}

#[cfg(unix)]
#[test]
fn a_link_and_a_folder_are_not_overwritten_and_nothing_is_left_beside_them() {
    let folder = new_project();
    let project = folder.path().join("dice");
    std::os::unix::fs::symlink("src/lib.rs", project.join("link.wasm")).unwrap();
    let source = fs::read_to_string(project.join("src/lib.rs")).unwrap();
    let count = || fs::read_dir(&project).unwrap().count();
    let before = count();
    for out in ["link.wasm", "transcripts"] {
        let built = Finished::of(&mut module(&project, &format!("build --out {out}")));
        let expected = format!("twitchy: {out} is no ordinary file, and is not overwritten: name another one\n");
        assert_eq!((built.code, built.errors), (Some(1), expected));
    }
    assert_eq!(fs::read_to_string(project.join("src/lib.rs")).unwrap(), source);
    assert_eq!(count(), before);
}

#[test]
fn a_folder_without_a_module_names_the_way_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let built = Finished::of(&mut module(folder.path(), "build"));
    assert_eq!(built.code, Some(1));
    assert!(built.errors.ends_with("or make one with `twitchy module new NAME`\n"), "{}", built.errors);

    let made = Finished::of(&mut module(folder.path(), "new dice"));
    assert_eq!(made.code, Some(0), "{}", made.errors);
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\nmembers = [\"dice\"]\nresolver = \"3\"\n").unwrap();
    replace(&folder.path().join("dice/Cargo.toml"), "[workspace]", "");
    let built = Finished::of(&mut module(folder.path(), "build"));
    assert!(
        built.errors.contains("is a workspace of several crates: name the folder of one that is a module"),
        "{}",
        built.errors
    );
    assert!(built.errors.trim_end().ends_with("/dice"), "{}", built.errors);
}

#[test]
fn a_name_or_a_folder_that_is_taken_is_refused() {
    let folder = new_project();
    for (words, code, expected) in [
        ("new Dice", 2, "a module's name is 1 to 32 lower-case letters, digits or hyphens, and starts with a letter"),
        ("new help", 1, "twitchy: every host has a module help already: choose another name\n"),
        ("new dice", 1, "twitchy: cannot make a module in dice: there are files in it already"),
        ("new rps --path missing/rps", 1, "twitchy: cannot make a module in missing/rps: the folder cannot be made"),
    ] {
        let made = Finished::of(&mut module(folder.path(), words));
        assert_eq!(made.code, Some(code), "{words}");
        assert!(made.errors.contains(expected), "{}", made.errors);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Makes a program that writes its environment down, and then runs `real` if `condition` holds.
#[cfg(unix)]
fn write_spy(folder: &Path, name: &str, condition: &str, real: &str) -> String {
    use std::os::unix::fs::PermissionsExt;

    let (spy, seen) = (folder.join(name), folder.join("seen"));
    let script = format!("#!/bin/sh\nenv >> {}\n{condition} && exec {real} \"$@\"\nexit 1\n", seen.display());
    fs::write(&spy, script).unwrap();
    fs::set_permissions(&spy, fs::Permissions::from_mode(0o755)).unwrap();
    spy.to_string_lossy().into_owned()
}

#[cfg(unix)]
#[test]
fn the_tools_get_no_variable_of_the_host_and_no_credential() {
    let folder = new_project();
    let cargo = write_spy(folder.path(), "cargo", "[ \"$1\" != build ]", env!("CARGO"));
    let rustc = write_spy(folder.path(), "rustc", "true", "rustc");
    let mut command = module(&folder.path().join("dice"), "build");
    command.env("CARGO", cargo).env("RUSTC", rustc).env("CARGO_TERM_COLOR", "never");
    for name in [
        "TWITCHY_API_KEY",
        "TWITCHY_TOKEN",
        "TWITCHY_URL",
        "MY_BOT_TOKEN",
        "CARGO_REGISTRY_TOKEN",
        "GH_PAT",
        "DATABASE_URL",
    ] {
        command.env(name, "withheld");
    }
    let built = Finished::of(&mut command);
    assert!(built.errors.contains("dice did not compile"), "{}", built.errors);
    let seen = fs::read_to_string(folder.path().join("seen")).unwrap();
    assert!(seen.matches("CARGO_TERM_COLOR=never").count() >= 3, "cargo and rustc are started: {seen}");
    assert!(!seen.contains("withheld") && !seen.contains("TWITCHY_"), "{seen}");
}

#[cfg(unix)]
#[test]
fn a_missing_tool_is_named_with_the_line_that_installs_it() {
    let folder = new_project();
    for (variable, tool) in [("CARGO", "cargo"), ("RUSTC", "rustc")] {
        let mut command = module(&folder.path().join("dice"), "build");
        let built = Finished::of(command.env(variable, "/nowhere/tool"));
        let expected = format!(
            "twitchy: this machine has no working {tool} (No such file or directory (os error 2)), and modules are written \
             in Rust: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh\n"
        );
        assert_eq!((built.code, built.errors), (Some(1), expected));
    }
}
