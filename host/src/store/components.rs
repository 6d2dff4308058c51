//! The uploaded components as they were brought: one file each, named after its digest.
//!
//! They are files and no rows because they are large, never change and are read once in a while. Everything here blocks:
//! async code asks from a thread that may wait.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::{Durability, UNFINISHED, create_private_folder, write_whole};
use crate::domain::id::ModuleDigest;

const ENDING: &str = "wasm";
/// More than any component has. What is larger was not written here.
const MOST_BYTES: u64 = 64 << 20;

/// The folder of uploaded components.
#[derive(Debug)]
pub struct Components {
    folder: PathBuf,
}

/// Why a component's bytes are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadComponentError {
    #[error("component {0} is not there")]
    Missing(ModuleDigest),
    /// The disk, or whoever else writes there, has changed it.
    #[error("component {0} is damaged")]
    Damaged(ModuleDigest),
    #[error("component {digest}: {error}")]
    File { digest: ModuleDigest, error: io::Error },
}

impl Components {
    /// Makes the folder where it is missing, and closes it to others.
    pub fn open(folder: &Path) -> io::Result<Components> {
        create_private_folder(folder)?;
        Ok(Components { folder: folder.to_owned() })
    }

    /// Keeps `bytes`, whose digest is `digest`. When this returns they are on disk; after a crash they are there whole or
    /// not at all.
    pub fn save(&self, digest: ModuleDigest, bytes: &[u8]) -> io::Result<()> {
        write_whole(&self.path(digest), &[bytes], Durability::Synced)
    }

    /// The component's bytes, which have that digest still.
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

    /// Nothing happens where it is not there.
    pub fn delete(&self, digest: ModuleDigest) -> io::Result<()> {
        remove(&self.path(digest))
    }

    /// Removes what nobody will ask for: files that a crash left half written, and components that were saved without
    /// their version having been noted. Returns how many. To be called when no upload is under way.
    pub fn remove_orphans(&self, known: &HashSet<ModuleDigest>) -> io::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if is_orphan(&path, known) {
                remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn path(&self, digest: ModuleDigest) -> PathBuf {
        self.folder.join(format!("{digest}.{ENDING}"))
    }
}

/// Of what somebody else has put into the folder, nothing is.
fn is_orphan(path: &Path, known: &HashSet<ModuleDigest>) -> bool {
    let digest = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    match path.extension().and_then(|ending| ending.to_str()) {
        Some(ENDING) => digest.is_some_and(|digest| !known.contains(&digest)),
        Some(UNFINISHED) => true,
        _ => false,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"\0asm\x0d\0\x01\0";

    fn digest() -> ModuleDigest {
        ModuleDigest(Sha256::digest(BYTES).into())
    }

    /// A folder that holds one component.
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
    fn orphans_are_removed_and_nothing_else() {
        let (_folder, components) = saved();
        let other = ModuleDigest([1; 32]);
        components.save(other, b"other").unwrap();
        for name in ["0123.new".to_owned(), "notes.txt".to_owned(), "mine.wasm".to_owned(), format!("{other}.0a.new")] {
            fs::write(components.folder.join(name), "").unwrap();
        }
        assert_eq!(components.remove_orphans(&[digest()].into()).unwrap(), 3);
        let names = fs::read_dir(&components.folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        let mut kept = [format!("{}.wasm", digest()), "mine.wasm".to_owned(), "notes.txt".to_owned()];
        kept.sort();
        assert_eq!(names, kept);
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
