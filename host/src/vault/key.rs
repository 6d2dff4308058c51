//! The key file: 32 random bytes, closed to others.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use sha2::{Digest, Sha256};

use super::error::SealError;
use crate::store::files::is_private;

/// 32 bytes that are zeroed when dropped.
type KeyBytes = SecretBox<[u8; 32]>;

/// Bytes of a key's fingerprint, which identifies the key and reveals nothing of it.
pub(super) const FINGERPRINT: usize = 8;

pub(super) struct Key {
    bytes: KeyBytes,
    fingerprint: [u8; FINGERPRINT],
}

impl Key {
    /// `None` if there is no file.
    pub(super) fn load(path: &Path) -> Result<Option<Key>, SealError> {
        let failed = |error| SealError::File { path: path.to_owned(), error };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !is_private(&file).map_err(failed)? {
            return Err(SealError::KeyOpen { path: path.to_owned() });
        }
        let mut bytes = KeyBytes::default();
        let is_whole = match file.read_exact(bytes.expose_secret_mut()) {
            Ok(()) => file.read(&mut [0]).map_err(failed)? == 0,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(failed(error)),
        };
        if !is_whole {
            return Err(SealError::KeyDamaged { path: path.to_owned() });
        }
        Ok(Some(Key::of(bytes)))
    }

    /// Writes a temporary file, syncs it and gives it the name: a crash leaves a whole key or none. Concurrent callers
    /// all get the first key that got the name.
    pub(super) fn make(path: &Path) -> Result<Key, SealError> {
        let failed = |error| SealError::File { path: path.to_owned(), error };
        let mut bytes = KeyBytes::default();
        getrandom::fill(bytes.expose_secret_mut()).map_err(|error| SealError::Random(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        // A temporary file is closed to others from the moment of its creation.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(bytes.expose_secret()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        match file.persist_noclobber(path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
        // The name survives a power cut only once the folder is synced.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Key::load(path)?.ok_or_else(|| SealError::KeyMissing { path: path.to_owned() })
    }

    fn of(bytes: KeyBytes) -> Key {
        let digest = Sha256::new().chain_update(b"twitchy vault key\0").chain_update(bytes.expose_secret()).finalize();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT]);
        Key { bytes, fingerprint }
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        self.bytes.expose_secret()
    }

    pub(super) fn fingerprint(&self) -> [u8; FINGERPRINT] {
        self.fingerprint
    }
}
