//! The folder of the demo's state: kept from run to run, or removed at the end of this one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::app::data_dir::database_path;
use crate::config::environment;
use crate::store::lock_database;

pub(super) enum State {
    /// The demo's own folder in the home folder.
    Own(PathBuf),
    /// The folder of `--state`.
    Named(PathBuf),
    /// A temporary folder, removed on drop.
    Fresh(TempDir),
}

impl State {
    /// A script plays on a fresh state unless `--state` names a folder: otherwise two runs would print different chats.
    pub(super) fn choose(named: Option<&Path>, is_fresh: bool) -> anyhow::Result<State> {
        if let Some(folder) = named {
            return Ok(State::Named(folder.to_owned()));
        }
        if is_fresh {
            let folder = tempfile::Builder::new().prefix("twitchy-demo-").tempdir();
            return Ok(State::Fresh(folder.context("cannot make a folder for the demo")?));
        }
        let own = environment::find_demo_state_dir();
        own.map(State::Own).context("there is no home folder to keep the state in: say --state DIR or --fresh")
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            State::Own(path) | State::Named(path) => path,
            State::Fresh(folder) => folder.path(),
        }
    }

    /// One sentence for the user: what is kept, and where.
    pub(super) fn describe(&self) -> String {
        match self {
            State::Own(folder) => format!(
                "What the bot learns, and who is a moderator, is kept in {};\n\
                 --fresh leaves that aside for one run, and --reset deletes it.",
                folder.display()
            ),
            State::Named(folder) => {
                format!("What the bot learns, and who is a moderator, is kept in {}.", folder.display())
            }
            State::Fresh(_) => "Nothing of this run is kept.".to_owned(),
        }
    }

    /// Deletes the saved state and returns a sentence that lists it. Deletes only the demo's own folder: a named one
    /// may hold other files.
    pub(super) fn reset(&self) -> anyhow::Result<String> {
        let State::Own(folder) = self else { bail!("--reset deletes nothing but the demo's own folder") };
        reset(folder)
    }
}

fn reset(folder: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot delete {}", folder.display());
    let metadata = match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(format!("Nothing was kept in {}.", folder.display()));
        }
        metadata => metadata.with_context(cannot)?,
    };
    if !metadata.is_dir() {
        bail!("{} is no folder but a link or a file, and is not deleted", folder.display());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        names.push(entry.with_context(cannot)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    // The lock fails if another demo runs in the folder, which would lose its files.
    let _lock = lock_database(&database_path(folder)).context("end the other demo first")?;
    fs::remove_dir_all(folder).with_context(cannot)?;
    Ok(format!("Deleted {}, with {}.", folder.display(), names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_says_what_it_deletes_and_deletes_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let own = parent.path().join("demo");
        fs::create_dir_all(own.join("modules")).unwrap();
        fs::write(own.join("twitchy.sqlite"), "").unwrap();
        fs::write(parent.path().join("precious"), "").unwrap();
        let told = reset(&own).unwrap();
        assert_eq!(told, format!("Deleted {}, with modules, twitchy.sqlite.", own.display()));
        assert!(!own.exists() && parent.path().join("precious").exists());
        assert_eq!(reset(&own).unwrap(), format!("Nothing was kept in {}.", own.display()));
    }

    #[test]
    fn a_link_and_a_named_folder_are_not_deleted() {
        let parent = tempfile::tempdir().unwrap();
        let (real, link) = (parent.path().join("real"), parent.path().join("demo"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(reset(&link).unwrap_err().to_string().contains("is no folder but a link"));
        assert!(State::Named(real.clone()).reset().is_err());
        assert!(real.exists());
    }

    #[test]
    fn a_folder_in_use_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock_database(&database_path(folder.path())).unwrap();
        let error = format!("{:#}", reset(folder.path()).unwrap_err());
        assert!(error.starts_with("end the other demo first: ") && error.contains("in use"), "{error}");
        assert!(folder.path().exists());
        drop(lock);
    }
}
