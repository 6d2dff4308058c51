//! The uploaded components, unchanged: one file each, named after its digest.
//!
//! They are files rather than rows, because they are large, never change and are rarely read. All functions block, so
//! async code calls them from a thread that may block.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::domain::id::ModuleDigest;
use crate::domain::trouble::Trouble;
use crate::store::files::{Durability, UNFINISHED, create_private_folder, remove, write_whole};

const ENDING: &str = "wasm";
/// The file that is written to find out whether the folder accepts files.
const TRIAL: &str = "trial";
/// Larger than any accepted component. A larger file was not written by this host.
const MOST_BYTES: u64 = 64 << 20;

/// The folder of uploaded components.
#[derive(Debug)]
pub struct Components {
    folder: PathBuf,
    trouble: Trouble,
}

/// Why a component's bytes cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadComponentError {
    #[error("component {0} is not there")]
    Missing(ModuleDigest),
    /// The disk or another program changed the file.
    #[error("component {0} is damaged")]
    Damaged(ModuleDigest),
    #[error("component {digest}: {error}")]
    File { digest: ModuleDigest, error: io::Error },
}

impl Components {
    /// Creates the folder if it is missing, and restricts access to its owner.
    pub fn open(folder: &Path) -> io::Result<Components> {
        create_private_folder(folder)?;
        Ok(Components { folder: folder.to_owned(), trouble: Trouble::default() })
    }

    /// Saves `bytes`, whose digest is `digest`. They are on disk when this returns; after a crash the file is there
    /// whole or not at all.
    pub fn save(&self, digest: ModuleDigest, bytes: &[u8]) -> io::Result<()> {
        self.trouble.note(write_whole(&self.path(digest), &[bytes], Durability::Synced))
    }

    /// Why the last save failed; `None` once a save has succeeded.
    pub fn save_error(&self) -> Option<Arc<str>> {
        self.trouble.reason()
    }

    /// Writes a file and removes it, to find out whether the folder accepts components again.
    pub fn try_to_save(&self) -> io::Result<()> {
        let path = self.folder.join(TRIAL);
        self.trouble.note(write_whole(&path, &[TRIAL.as_bytes()], Durability::Synced).and_then(|()| remove(&path)))
    }

    /// The component's bytes, checked against the digest.
    pub fn load(&self, digest: ModuleDigest) -> Result<Vec<u8>, LoadComponentError> {
        let mut bytes = Vec::new();
        let read = File::open(self.path(digest)).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LoadComponentError::Missing(digest)),
            Err(error) => Err(LoadComponentError::File { digest, error }),
            Ok(_) if ModuleDigest(Sha256::digest(&bytes).into()) != digest => Err(LoadComponentError::Damaged(digest)),
            Ok(_) => Ok(bytes),
        }
    }

    /// Does nothing if the file does not exist.
    pub fn delete(&self, digest: ModuleDigest) -> io::Result<()> {
        remove(&self.path(digest))
    }

    /// Whether the component's file exists. Its contents are not checked.
    pub fn has(&self, digest: ModuleDigest) -> bool {
        self.path(digest).exists()
    }

    /// The digests of all stored components, in no order.
    pub fn list(&self) -> io::Result<Vec<ModuleDigest>> {
        let digest = |path: &PathBuf| path.file_stem()?.to_str()?.parse().ok();
        Ok(self.list_files(ENDING)?.iter().filter_map(digest).collect())
    }

    /// Removes files that a crash left half written, and returns their number. Must not be called during an upload.
    pub fn remove_unfinished(&self) -> io::Result<usize> {
        let unfinished = self.list_files(UNFINISHED)?;
        unfinished.iter().try_for_each(|path| remove(path))?;
        Ok(unfinished.len())
    }

    fn list_files(&self, ending: &str) -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == ending)).collect())
    }

    fn path(&self, digest: ModuleDigest) -> PathBuf {
        self.folder.join(format!("{digest}.{ENDING}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"\0asm\x0d\0\x01\0";

    fn digest() -> ModuleDigest {
        ModuleDigest(Sha256::digest(BYTES).into())
    }

    /// A folder with one saved component.
    fn saved() -> (tempfile::TempDir, Components) {
        let folder = tempfile::tempdir().unwrap();
        let components = Components::open(&folder.path().join("modules")).unwrap();
        components.save(digest(), BYTES).unwrap();
        (folder, components)
    }

    #[test]
    fn what_was_saved_is_loaded_until_it_is_deleted() {
        let (_folder, components) = saved();
        assert_eq!(components.load(digest()).unwrap(), BYTES);
        components.save(digest(), BYTES).unwrap();
        components.delete(digest()).unwrap();
        components.delete(digest()).unwrap();
        assert!(matches!(components.load(digest()), Err(LoadComponentError::Missing(missing)) if missing == digest()));
    }

    #[test]
    fn a_changed_file_is_damaged() {
        let (_folder, components) = saved();
        for bad in [&b""[..], &BYTES[..7], b"\0asm\x0d\0\x01\x01"] {
            fs::write(components.path(digest()), bad).unwrap();
            assert!(matches!(components.load(digest()), Err(LoadComponentError::Damaged(_))), "{bad:?}");
        }
    }

    #[test]
    fn half_written_files_are_removed_and_nothing_else() {
        let (_folder, components) = saved();
        let other = ModuleDigest([1; 32]);
        components.save(other, b"other").unwrap();
        for name in ["0123.new".to_owned(), "notes.txt".to_owned(), "mine.wasm".to_owned(), format!("{other}.0a.new")] {
            fs::write(components.folder.join(name), "").unwrap();
        }
        let mut listed = components.list().unwrap();
        listed.sort();
        let mut expected = [digest(), other];
        expected.sort();
        assert_eq!(listed, expected);
        assert!(components.has(other) && !components.has(ModuleDigest([2; 32])));
        assert_eq!(components.remove_unfinished().unwrap(), 2);
        let names = fs::read_dir(&components.folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        let [own, other] = [digest(), other].map(|digest| format!("{digest}.wasm"));
        let mut kept = [own, other, "mine.wasm".to_owned(), "notes.txt".to_owned()];
        kept.sort();
        assert_eq!(names, kept);
    }

    #[test]
    fn a_folder_that_takes_nothing_is_reported_until_it_takes_something() {
        let (folder, components) = saved();
        assert_eq!(components.save_error(), None);
        let (path, aside) = (&components.folder, folder.path().join("aside"));
        fs::rename(path, &aside).unwrap();
        assert!(components.save(ModuleDigest([1; 32]), b"other").is_err());
        assert!(components.try_to_save().is_err());
        assert!(components.save_error().unwrap().contains("No such file or directory"));
        fs::rename(&aside, path).unwrap();
        components.try_to_save().unwrap();
        assert_eq!(components.save_error(), None);
        assert_eq!(fs::read_dir(path).unwrap().count(), 1, "nothing is left of the trial");
    }

    #[test]
    #[cfg(unix)]
    fn folder_and_files_are_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, components) = saved();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&components.folder), mode(&components.path(digest()))), (0o700, 0o600));
    }
}
