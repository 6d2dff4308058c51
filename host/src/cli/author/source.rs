//! What an author names on the command line: a component, or the crate that it is built from.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use twitchy_build::project::Project;

use super::build::{build, shorten};
use crate::cli::component_file::read_component;
use crate::cli::output;

/// How often files are looked at. An author does not notice a tenth of a second.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a crate is built from, by and large. Not `Cargo.lock`: the build itself may write it.
const WATCHED: [&str; 4] = ["Cargo.toml", "build.rs", "src", "twitchy-sdk"];
/// Most files that are looked at. A link or a mistake may lead to a folder without end.
const MOST_FILES: usize = 10_000;

/// Where a module comes from.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Source {
    /// A component file.
    Component(PathBuf),
    /// The folder of a crate's manifest.
    Crate(PathBuf),
}

impl Source {
    /// A folder stands for the crate that it is in.
    ///
    /// # Errors
    /// If there is nothing at the path, or the folder is in no crate.
    pub(in crate::cli) fn find(path: &Path) -> anyhow::Result<Source> {
        let found = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        match found.is_dir() {
            true => Ok(Source::Crate(shorten(&Project::find(path)?.folder).to_owned())),
            false => Ok(Source::Component(path.to_owned())),
        }
    }

    /// The component's bytes. A crate is built first, which takes as long as its compiler.
    pub(in crate::cli) fn load(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Source::Component(file) => read_component(file),
            // The path of the current folder is empty.
            Source::Crate(folder) => {
                read_component(&build(&Path::new(".").join(folder), &|line| output::report(line))?)
            }
        }
    }

    /// Watches the files that [`Source::load`] reads.
    pub(in crate::cli) fn watch(&self) -> Watch {
        let paths = match self {
            Source::Component(file) => vec![file.clone()],
            Source::Crate(folder) => WATCHED.map(|name| folder.join(name)).into(),
        };
        let seen = look(&paths);
        Watch { paths, seen }
    }
}

/// Files that are looked at again and again: an event of the file system is lost on shared folders, and names a file that
/// an editor has replaced.
pub(in crate::cli) struct Watch {
    paths: Vec<PathBuf>,
    seen: Vec<Seen>,
}

/// A file, and what changes when it is written or replaced: the time of its last change and its length.
type Seen = (PathBuf, i64, i64, u64);

impl Watch {
    /// Returns once a file was added, written or removed, and all have then been left alone for a moment: an editor or a
    /// compiler writes a file in pieces.
    pub(in crate::cli) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = look(&self.paths);
            if now != self.seen {
                self.seen = now;
                self.settled().await;
                return;
            }
        }
    }

    async fn settled(&mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = look(&self.paths);
            if std::mem::replace(&mut self.seen, now.clone()) == now {
                return;
            }
        }
    }
}

/// The files at and below the paths, in their order. A link below them is not followed, because it may lead in a circle. A
/// file that cannot be read is skipped: it may be half way through its replacement.
fn look(paths: &[PathBuf]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut waiting: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = waiting.pop() {
        let is_named = paths.contains(&path);
        let Ok(found) = (if is_named { fs::metadata(&path) } else { fs::symlink_metadata(&path) }) else { continue };
        match found.is_dir() {
            true => waiting.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path())),
            false => seen.push((path, found.ctime(), found.ctime_nsec(), found.len())),
        }
        if seen.len() + waiting.len() > MOST_FILES {
            break;
        }
    }
    seen.sort();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_written_an_added_and_a_removed_file_are_changes() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("src");
        fs::create_dir_all(source.join("deep")).unwrap();
        fs::write(source.join("lib.rs"), "one").unwrap();
        let mut watch = Source::Crate(folder.path().to_owned()).watch();
        fs::write(source.join("lib.rs"), "other").unwrap();
        watch.changed().await;
        fs::write(source.join("deep/more.rs"), "").unwrap();
        watch.changed().await;
        fs::remove_file(source.join("lib.rs")).unwrap();
        watch.changed().await;
        for name in ["one", "other"] {
            std::os::unix::fs::symlink(folder.path(), source.join(name)).unwrap();
        }
        watch.changed().await;
        fs::write(folder.path().join("README.md"), "not built").unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(60), watch.changed()).await;
        assert!(waited.is_err(), "the crate is not built from it");
    }

    #[test]
    fn a_path_without_a_file_is_named() {
        let error = Source::find(Path::new("/nowhere/dice.wasm")).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot read /nowhere/dice.wasm: "), "{error:#}");
    }
}
