//! Reads components that an author or an operator names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};

/// Most bytes to read of a file; more than any host accepts.
const MOST_READ: u64 = 64 << 20;

/// Reads the whole file into memory.
///
/// # Errors
/// If the file cannot be read, or is larger than 64 MiB.
pub(super) fn read_component(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        ensure!(!file.is_dir(), "it is a folder: name the file whose path `twitchy module build` prints for it");
        File::open(file).map_err(explain)?.take(MOST_READ + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_READ {
            bail!("it is larger than {} MiB, which no host takes", MOST_READ >> 20);
        }
        Ok(bytes)
    };
    read().with_context(|| format!("cannot read {}", file.display()))
}

/// Adds the cure to the error of a file that is not there.
fn explain(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::NotFound {
        return anyhow!("{error}\n`twitchy module build` prints the path of the component that it makes.");
    }
    error.into()
}
