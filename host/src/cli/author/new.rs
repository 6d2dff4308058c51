//! `twitchy module new`: writes a project that builds and passes its own tests at once.
//!
//! Guarantees: nothing is fetched, because the SDK is embedded in this program; no file is overwritten; a failure leaves
//! nothing behind. Not here: the SDK's own code, which the host never calls.

use std::fs;
use std::io::ErrorKind;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use twitchy_commands::BUNDLED;

use crate::cli::output;
use crate::cli::table::align;
use crate::domain::id::ModuleName;

/// Files of a new project with their texts, in which [`fill_in`] replaces the names in braces.
const TEMPLATE: [(&str, &str); 6] = [
    (".gitignore", "/target/\n"),
    ("Cargo.lock", LOCK_FILE),
    ("Cargo.toml", include_str!("new/template/manifest.toml")),
    ("README.md", include_str!("new/template/readme.md")),
    ("src/lib.rs", include_str!("new/template/lib.txt")),
    ("transcripts/chat.txt", include_str!("new/template/chat.txt")),
];

/// The crates that the SDK was tested with: a first build asks the registry for no others, nor whether there are any.
const LOCK_FILE: &str = include_str!("new/template/lock.toml");

/// The folder of the SDK in a project.
const SDK: &str = "twitchy-sdk";

/// The files of the SDK with their texts.
const SDK_FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module new dice")]
pub(in crate::cli) struct New {
    /// The module's name, and that of its first command: 1 to 32 lower-case letters, digits or hyphens, beginning with a
    /// letter.
    name: ModuleName,
    /// The folder to make, instead of one with the module's name.
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        check_free(&self.name)?;
        let folder = self.path.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        write_project(&folder, &self.name).with_context(|| format!("cannot make a module in {}", folder.display()))?;
        output::print(describe(&folder, &self.name))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn check_free(name: &ModuleName) -> anyhow::Result<()> {
    if BUNDLED.iter().any(|module| module.name == name.as_str()) {
        bail!("every host has a module {name} already: choose another name");
    }
    if LOCK_FILE.contains(&format!("name = \"{name}\"\n")) {
        bail!("{name} is a library that modules are built with: choose another name");
    }
    Ok(())
}

/// Writes the project into a folder that is empty or missing. After a failure the folder is as it was.
fn write_project(folder: &Path, name: &ModuleName) -> anyhow::Result<()> {
    let was_there = check_empty(folder)?;
    if !was_there {
        fs::create_dir(folder).context("the folder cannot be made")?;
    }
    write_files(folder, name).inspect_err(|_| {
        // Best effort: what cannot be removed now could not be written either.
        remove_files(folder);
        if !was_there {
            fs::remove_dir(folder).ok();
        }
    })
}

/// Whether the folder exists, and then holds nothing.
fn check_empty(folder: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(true),
        Ok(false) => bail!("there are files in it already; --path names another folder"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotADirectory => bail!("there is a file of that name already"),
        Err(error) => Err(error).context("the folder cannot be read"),
    }
}

fn write_files(folder: &Path, name: &ModuleName) -> anyhow::Result<()> {
    for (file, text) in TEMPLATE {
        write_file(&folder.join(file), &fill_in(text, name))?;
    }
    for (file, text) in SDK_FILES {
        write_file(&folder.join(SDK).join(file), text)?;
    }
    Ok(())
}

fn remove_files(folder: &Path) {
    for (file, _) in TEMPLATE {
        fs::remove_file(folder.join(file)).ok();
    }
    for part in ["src", "transcripts", SDK] {
        fs::remove_dir_all(folder.join(part)).ok();
    }
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(path, text)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn fill_in(text: &str, name: &ModuleName) -> String {
    let library = list_words(name).chain(["module"]).collect::<Vec<_>>().join("_");
    let text = text.replace("{version}", env!("CARGO_PKG_VERSION"));
    text.replace("{module}", name.as_str()).replace("{library}", &library).replace("{type}", &name_type(name))
}

/// `MyDiceModule` for `my-dice`. The ending keeps it apart from all other types.
fn name_type(name: &ModuleName) -> String {
    let words = list_words(name).map(|word| word.split_at(1));
    words.map(|(first, rest)| first.to_ascii_uppercase() + rest).collect::<String>() + "Module"
}

/// A name is ASCII, and may have several hyphens in a row.
fn list_words(name: &ModuleName) -> impl Iterator<Item = &str> {
    name.as_str().split('-').filter(|word| !word.is_empty())
}

fn describe(folder: &Path, name: &ModuleName) -> String {
    let steps = [
        ("  twitchy module test".to_owned(), "builds it, and plays the chat in transcripts"),
        (format!("  twitchy module run '!{name} bob'"), "runs one command, and shows all that it did"),
        ("  twitchy demo --module .".to_owned(), "chats with it here; each saved change answers at once"),
    ];
    let rows = steps.map(|(step, purpose)| vec![step, purpose.to_owned()]);
    format!(
        "The module {name} is in {}, with a command !{name} that greets chatters. Next:\n\n{}",
        folder.display(),
        align(&[&format!("  cd {}", quote(folder)), ""], rows)
    )
}

/// The path as a shell reads it.
fn quote(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain =
        |character: char| character.is_alphanumeric() || [MAIN_SEPARATOR, '.', '-', '_'].contains(&character);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Transcript;

    fn name(text: &str) -> ModuleName {
        text.parse().unwrap()
    }

    #[test]
    fn every_name_in_braces_is_replaced() {
        for (file, text) in TEMPLATE {
            let text = fill_in(text, &name("my-dice"));
            assert!(
                !["{module}", "{library}", "{type}", "{version}"].iter().any(|left| text.contains(left)),
                "{file}: {text}"
            );
        }
        assert_eq!(
            fill_in("{module} {library} {type}", &name("my-2-dice-")),
            "my-2-dice- my_2_dice_module My2DiceModule"
        );
    }

    #[test]
    fn a_path_can_be_pasted_into_a_shell() {
        for (path, quoted) in
            [("games/dice", "games/dice"), ("my dice", "'my dice'"), ("it's", r"'it'\''s'"), ("$a", "'$a'")]
        {
            assert_eq!(quote(Path::new(path)), quoted);
        }
    }

    #[test]
    fn the_chat_of_a_new_project_is_a_transcript() {
        let (_, chat) = TEMPLATE.into_iter().find(|(file, _)| *file == "transcripts/chat.txt").unwrap();
        assert_eq!(Transcript::parse(&fill_in(chat, &name("dice"))).unwrap().turns.len(), 4);
    }

    #[test]
    fn the_sdk_needs_nothing_of_the_repository() {
        let find = |name: &str| SDK_FILES.iter().find(|(file, _)| *file == name).map(|(_, text)| *text);
        let manifest = find("Cargo.toml").unwrap();
        assert!(!manifest.contains("workspace") && !manifest.contains("path ="), "{manifest}");
        for file in ["src/lib.rs", "src/bindings/generated.rs", "wit/world.wit", "README.md", "LICENSE-MIT"] {
            assert!(find(file).is_some(), "{file}");
        }
    }

    #[test]
    fn files_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (full, file) = (folder.path().join("full"), folder.path().join("file"));
        fs::create_dir(&full).unwrap();
        fs::write(full.join("notes.txt"), "mine").unwrap();
        fs::write(&file, "mine").unwrap();
        for (path, reason) in [(&full, "files in it already"), (&file, "a file of that name")] {
            let error = write_project(path, &name("dice")).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let left = |path: &Path| fs::read_dir(path).unwrap().count();
        assert_eq!((left(folder.path()), left(&full)), (2, 1));
    }

    #[test]
    fn a_failure_half_way_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let left = |path: &Path| fs::read_dir(path).unwrap().count();
        assert!(write_project(&folder.path().join("missing/dice"), &name("dice")).is_err());
        assert_eq!(left(folder.path()), 0);
        write_files(folder.path(), &name("dice")).unwrap();
        assert_eq!(left(folder.path()), 7);
        remove_files(folder.path());
        assert_eq!(left(folder.path()), 0);
    }

    #[test]
    fn an_empty_folder_is_filled() {
        let folder = tempfile::tempdir().unwrap();
        write_project(folder.path(), &name("dice")).unwrap();
        assert!(folder.path().join("twitchy-sdk/src/lib.rs").is_file());
    }

    #[test]
    fn a_taken_name_is_refused() {
        for taken in ["help", "settings", "join", "balance", "twitchy-sdk", "wit-bindgen"] {
            assert!(check_free(&name(taken)).is_err(), "{taken}");
        }
        assert!(check_free(&name("dice")).is_ok());
    }
}
