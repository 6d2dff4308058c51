//! What can go wrong with a sealed secret and its key.

use std::path::PathBuf;

/// Describes a valid secret. Secrets go into headers: a line break copied by mistake would only show on sending.
pub const SECRET_TEXT: &str = "1 to 4096 bytes without line breaks or other control characters";

/// What to do if the key is lost for good.
const LOST: &str = "where it is lost, remove the secret settings by the API, start again, and enter them anew";

/// Why sealing or opening failed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("{} is missing: restore it from the backup, what was sealed with it is still there; {LOST}", path.display())]
    KeyMissing { path: PathBuf },
    #[error("{} is not the key that the stored secrets were sealed with: restore that one from the backup; {LOST}", path.display())]
    WrongKey { path: PathBuf },
    #[error("{} may be read by others: close it with chmod 600", path.display())]
    KeyOpen { path: PathBuf },
    #[error("{} is no key: restore it from the backup", path.display())]
    KeyDamaged { path: PathBuf },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    /// Damaged, or copied from another channel, module or setting.
    #[error("what was sealed does not open")]
    Damaged,
    /// The secret is empty, too long, or cannot be sent.
    #[error("a secret is {SECRET_TEXT}")]
    Secret,
    #[error("no randomness: {0}")]
    Random(String),
}
