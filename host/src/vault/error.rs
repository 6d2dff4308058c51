//! What can go wrong with a sealed secret and its key.

use std::path::PathBuf;

/// What a secret is. It stands in headers: the line break that was copied with it would be found out only by whoever sends it.
pub const SECRET_TEXT: &str = "1 to 4096 bytes without line breaks or other control characters";

/// The other way out of a missing key.
const LOST: &str = "where it is lost, remove the secret settings by the API, start again, and enter them anew";

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("{} is missing: restore it from the backup, what was sealed with it is still there; {LOST}", path.display())]
    KeyMissing { path: PathBuf },
    #[error("{} is not the key that the stored secrets were sealed with: restore that one from the backup; {LOST}", path.display())]
    OtherKey { path: PathBuf },
    #[error("{} may be read by others: close it with chmod 600", path.display())]
    KeyOpen { path: PathBuf },
    #[error("{} is no key: restore it from the backup", path.display())]
    KeyDamaged { path: PathBuf },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    /// Damaged, or moved here from another channel, module or setting.
    #[error("what was sealed does not open")]
    Damaged,
    /// It is too long, nothing, or cannot be sent.
    #[error("a secret is {SECRET_TEXT}")]
    Secret,
    #[error("no randomness: {0}")]
    Random(String),
}
