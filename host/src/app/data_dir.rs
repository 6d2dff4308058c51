//! The data folder with the database and the modules.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::domain::ports::{Clock, SoleProcess};
use crate::store::Store;

/// Opens the database. Makes its folder if it is missing, closed to other users.
pub fn open_store(data_dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Store> {
    check_folder(data_dir)?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .with_context(|| format!("cannot make the folder {}", data_dir.display()))?;
    Store::open(&database_path(data_dir), clock, Arc::new(SoleProcess)).context("cannot open the database")
}

pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join("twitchy.sqlite")
}

/// Whether [`open_store`] could open the store, and whether the folders beside it can be used. Changes nothing.
///
/// # Errors
/// For the operator to read.
pub(super) fn check_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    // The other folders are made below it.
    for folder in [data_dir, &data_dir.join("modules"), &data_dir.join("cache")] {
        check_folder(folder)?;
    }
    Store::check(&database_path(data_dir)).context("cannot open the database")
}

/// Whether the folder can be written to, or can be made.
pub(super) fn check_folder(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => bail!("{shown} is no folder"),
        // A file without a name: the one test that works for all system users and file systems, and leaves nothing.
        Ok(_) => match tempfile::tempfile_in(folder) {
            Ok(_) => Ok(()),
            Err(error) => bail!("cannot write to the folder {shown}: {}", error.kind()),
        },
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context(format!("cannot use {shown}")),
        Err(_) if folder.is_symlink() => bail!("{shown} is a link to a place that is not there"),
        Err(_) => {
            let parent = folder.parent().with_context(|| format!("there is no folder {shown}"))?;
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            check_folder(parent).with_context(|| format!("cannot make the folder {shown}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(folder: &Path) -> String {
        check_folder(folder).map_or_else(|error| format!("{error:#}"), |()| "fine".to_owned())
    }

    #[test]
    fn a_folder_is_there_or_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        assert_eq!(outcome(folder.path()), "fine");
        assert_eq!(outcome(&below("data/of/the/bot")), "fine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
        fs::write(below("file"), "").unwrap();
        assert!(outcome(&below("file")).ends_with("file is no folder"));
        let below_file = outcome(&below("file/data"));
        assert!(below_file.starts_with("cannot use ") && below_file.contains("ot a directory"), "{below_file}");
        std::os::unix::fs::symlink(below("gone"), below("link")).unwrap();
        assert!(outcome(&below("link")).ends_with("link is a link to a place that is not there"));
        assert!(outcome(&below("link/data")).contains("link is a link to a place"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_the_kernel_keeps_folders_none_can_be_made() {
        for folder in ["/proc/twitchy", "/sys/twitchy/data", "/proc"] {
            let outcome = outcome(Path::new(folder));
            assert!(outcome.contains("cannot write to the folder /"), "{outcome}");
        }
    }
}
