//! Files that only the host's own system user may read, and that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The ending of a file that is being written: what a crash leaves behind bears it, and may be cleared away.
pub const UNFINISHED: &str = "new";

/// Whether a written file has to be there after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on disk when the call returns.
    Synced,
    /// It can be made anew.
    Lazy,
}

/// Writes beside the file and renames: a reader finds the old file, the new one or none, never half of one.
pub fn write_whole(path: &Path, parts: &[&[u8]], durability: Durability) -> io::Result<()> {
    // A name that nobody else who writes this file has.
    let beside = path.with_extension(format!("{:016x}.{UNFINISHED}", getrandom::u64().map_err(io::Error::other)?));
    let mut file = private_options().create_new(true).open(&beside)?;
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| match durability {
        Durability::Synced => file.sync_all(),
        Durability::Lazy => Ok(()),
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    renamed.or_else(|error| fs::remove_file(&beside).and(Err(error)))?;
    match (durability, path.parent()) {
        // The new name is the folder's to keep.
        (Durability::Synced, Some(folder)) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Options for writing a file that is closed to others where it is new.
#[cfg(unix)]
pub fn private_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).mode(0o600).clone()
}

#[cfg(not(unix))]
pub fn private_options() -> OpenOptions {
    OpenOptions::new().write(true).clone()
}

/// Makes the folder where it is missing, and closes it to others.
#[cfg(unix)]
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
