//! Files that only the host's own system user may read, written atomically.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// File extension of a file that is being written. After a crash, files with this extension may be deleted.
pub const UNFINISHED: &str = "new";

/// Whether a written file must survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The file is on disk when the call returns.
    Synced,
    /// The file may be lost, since it can be made again.
    Lazy,
}

/// Writes a temporary file and renames it, so that a reader finds the old file, the new one or none, never half of one.
pub fn write_whole(path: &Path, parts: &[&[u8]], durability: Durability) -> io::Result<()> {
    // The random part keeps concurrent writers of the same file from sharing a temporary file.
    let beside = path.with_extension(format!("{:016x}.{UNFINISHED}", getrandom::u64().map_err(io::Error::other)?));
    let mut file = private_options().create_new(true).open(&beside)?;
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| match durability {
        Durability::Synced => file.sync_all(),
        Durability::Lazy => Ok(()),
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    renamed.or_else(|error| fs::remove_file(&beside).and(Err(error)))?;
    match (durability, path.parent()) {
        // The rename is durable only once the folder is synced.
        (Durability::Synced, Some(folder)) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Options for opening a file for writing; if that creates the file, only its owner has access.
pub fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether only the file's owner has access.
pub fn is_private(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions());
    #[cfg(not(unix))]
    let mode = file.metadata().map(|_| 0)?;
    Ok(mode & 0o077 == 0)
}

/// Does nothing if the file does not exist.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Creates the folder if it is missing, and restricts access to its owner.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}
