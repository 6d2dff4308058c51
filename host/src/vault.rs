//! Seals secrets that only the host may read: the modules' secret settings, as stored in the database.
//!
//! Guarantees: sealed bytes open only with the same key, for the same channel, module and setting; the key is in a file
//! of its own, closed to others, so that the database alone reveals nothing; no error contains a secret; opened secrets
//! are zeroed when dropped. A missing or different key file is reported at the start and at each use, however long the
//! process has run. Nothing is sealed with a different key, and nothing is lost: once the right file is restored,
//! everything can be read again. Not here: storage of the sealed bytes (`store`), and permissions (`app` connects
//! callers).

pub mod error;
mod key;
pub mod secrets;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::id::{ChannelId, ModuleName};
use error::SealError;
use key::{FINGERPRINT, Key};

/// The first byte of all sealed bytes. Another way to seal gets another number.
const VERSION: u8 = 1;
const NONCE: usize = 24;
/// Version, the key's fingerprint, nonce.
const HEAD: usize = 1 + FINGERPRINT + NONCE;
/// Number of leading sealed bytes that identify the key.
pub const MARK: u32 = 1 + FINGERPRINT as u32;
/// Most bytes of a secret.
const LONGEST_SECRET: usize = 4096;

/// The owner of a secret. The secret opens for no other place, wherever in the database it is copied to.
#[derive(Clone, Copy, Debug)]
pub struct SecretId<'a> {
    pub channel: ChannelId,
    pub module: &'a ModuleName,
    pub key: &'a str,
}

/// Seals and opens. Reads the key file each time: a cached key would go on sealing after its file is lost, and after a
/// restart those secrets could not be opened.
pub struct Sealer {
    path: PathBuf,
    /// Fingerprints of the keys that sealed the stored secrets, in practice one. Only if there are none, a key may be
    /// made: beside older secrets it would replace the key that is missing.
    known_keys: Mutex<Vec<[u8; FINGERPRINT]>>,
}

impl Sealer {
    /// With the key file in `data_dir`. `marks` are the first [`MARK`] bytes of each stored secret.
    pub fn new(data_dir: &Path, marks: &[Vec<u8>]) -> Sealer {
        let known_keys = marks.iter().filter_map(|mark| mark.get(1..)?.try_into().ok()).collect();
        Sealer { path: key_path(data_dir), known_keys: Mutex::new(known_keys) }
    }

    /// Whether the key file can open all stored secrets, judged by the fingerprints. Without secrets no key is needed.
    pub fn check(&self) -> Result<(), SealError> {
        let known_keys = self.known_keys();
        if known_keys.is_empty() {
            return Ok(());
        }
        let key = Key::load(&self.path)?.ok_or_else(|| self.missing())?;
        let is_only_one = known_keys.iter().all(|print| *print == key.fingerprint());
        if is_only_one { Ok(()) } else { Err(self.wrong_key()) }
    }

    /// The sealed bytes differ each time. Their length reveals the secret's length.
    pub fn seal(&self, id: SecretId<'_>, secret: &SecretString) -> Result<Box<[u8]>, SealError> {
        let plain = secret.expose_secret().as_bytes();
        let is_long = plain.len() > LONGEST_SECRET;
        if plain.is_empty() || is_long || secret.expose_secret().contains(char::is_control) {
            return Err(SealError::Secret);
        }
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| SealError::Random(error.to_string()))?;
        let key = self.load_or_make_key()?;
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend(key.fingerprint());
        sealed.extend(nonce);
        let payload = Payload { msg: plain, aad: &id.bound() };
        let cipher = XChaCha20Poly1305::new(key.bytes().into());
        sealed.extend(cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Secret)?);
        Ok(sealed.into())
    }

    pub fn open(&self, id: SecretId<'_>, sealed: &[u8]) -> Result<SecretString, SealError> {
        let (head, body) = sealed.split_at_checked(HEAD).ok_or(SealError::Damaged)?;
        let (print, nonce) = head[1..].split_at(FINGERPRINT);
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        if head[0] != VERSION {
            return Err(SealError::Damaged);
        }
        let key = Key::load(&self.path)?.ok_or_else(|| self.missing())?;
        if key.fingerprint() != print {
            return Err(self.wrong_key());
        }
        let cipher = XChaCha20Poly1305::new(key.bytes().into());
        let payload = Payload { msg: body, aad: &id.bound() };
        let plain = cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Damaged)?;
        let plain = Zeroizing::new(plain);
        // An exact copy: shrinking `plain` could leave bytes behind that are never zeroed.
        Ok(SecretString::from(std::str::from_utf8(&plain).map_err(|_| SealError::Damaged)?))
    }

    /// Makes a key at most once, because afterwards its fingerprint is in `known_keys`. Refuses any key that is not in
    /// `known_keys`: secrets sealed with it would be lost when the right key is restored.
    fn load_or_make_key(&self) -> Result<Key, SealError> {
        let mut known_keys = self.known_keys();
        let key = match Key::load(&self.path)? {
            Some(key) => key,
            None if known_keys.is_empty() => Key::make(&self.path)?,
            None => return Err(self.missing()),
        };
        if known_keys.is_empty() {
            known_keys.push(key.fingerprint());
        }
        if known_keys.contains(&key.fingerprint()) { Ok(key) } else { Err(self.wrong_key()) }
    }

    fn known_keys(&self) -> MutexGuard<'_, Vec<[u8; FINGERPRINT]>> {
        // A panic under the lock cannot leave the list half changed.
        self.known_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong_key(&self) -> SealError {
        SealError::WrongKey { path: self.path.clone() }
    }

    fn missing(&self) -> SealError {
        SealError::KeyMissing { path: self.path.clone() }
    }
}

/// The path of the key file.
pub fn key_path(data_dir: &Path) -> PathBuf {
    data_dir.join("vault.key")
}

impl SecretId<'_> {
    /// Unique for each place, because the module's length precedes its name.
    fn bound(&self) -> Vec<u8> {
        let module = self.module.as_str().as_bytes();
        let mut bound = b"twitchy secret setting\0".to_vec();
        bound.extend(self.channel.0.to_be_bytes());
        bound.extend((module.len() as u64).to_be_bytes());
        bound.extend(module);
        bound.extend(self.key.as_bytes());
        bound
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        module: ModuleName,
    }

    impl Fixture {
        fn new() -> Fixture {
            Fixture { folder: tempfile::tempdir().unwrap(), module: "weather".parse().unwrap() }
        }

        /// A sealer without stored secrets.
        fn new_sealer(&self) -> Sealer {
            Sealer::new(self.folder.path(), &[])
        }

        /// The next process's sealer, with this secret stored.
        fn sealer(&self, sealed: &[u8]) -> Sealer {
            Sealer::new(self.folder.path(), &[mark(sealed)])
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("vault.key")
        }

        fn id(&self) -> SecretId<'_> {
            SecretId { channel: ChannelId(7), module: &self.module, key: "token" }
        }

        fn seal(&self) -> Box<[u8]> {
            self.new_sealer().seal(self.id(), &SecretString::from("hunter2")).unwrap()
        }
    }

    fn mark(sealed: &[u8]) -> Vec<u8> {
        sealed[..MARK as usize].to_vec()
    }

    fn shown(opened: Result<SecretString, SealError>) -> Result<String, String> {
        opened.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_next_process() {
        let fixture = Fixture::new();
        let sealed = fixture.seal();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(shown(fixture.sealer(&sealed).open(fixture.id(), &sealed)), Ok("hunter2".to_owned()));
        assert_ne!(fixture.seal(), sealed, "each time with other bytes");
    }

    #[test]
    fn it_opens_nowhere_else_and_only_whole() {
        let fixture = Fixture::new();
        let sealed = fixture.seal();
        let sealer = fixture.sealer(&sealed);
        let (id, other) = (fixture.id(), "weathe".parse().unwrap());
        for elsewhere in [
            SecretId { channel: ChannelId(8), ..id },
            SecretId { key: "tokem", ..id },
            SecretId { module: &other, ..id },
            // The same letters, split at another point.
            SecretId { module: &other, key: "rtoken", ..id },
        ] {
            assert!(matches!(sealer.open(elsewhere, &sealed), Err(SealError::Damaged)), "{elsewhere:?}");
        }
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(sealer.open(id, &damaged).is_err(), "byte {at}");
            assert!(sealer.open(id, &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn a_missing_key_is_reported_and_comes_back() {
        let fixture = Fixture::new();
        let (sealed, aside) = (fixture.seal(), fixture.folder.path().join("aside"));
        fs::rename(fixture.path(), &aside).unwrap();
        let sealer = fixture.sealer(&sealed);
        assert!(matches!(sealer.open(fixture.id(), &sealed), Err(SealError::KeyMissing { .. })));
        let secret = SecretString::from("other");
        assert!(matches!(sealer.seal(fixture.id(), &secret), Err(SealError::KeyMissing { .. })));
        assert!(!fixture.path().exists(), "no new key takes its place");
        fs::rename(&aside, fixture.path()).unwrap();
        assert_eq!(shown(sealer.open(fixture.id(), &sealed)), Ok("hunter2".to_owned()));
    }

    #[test]
    fn a_key_that_gets_lost_seals_no_more() {
        let fixture = Fixture::new();
        let (sealer, secret, aside) =
            (fixture.new_sealer(), SecretString::from("hunter2"), fixture.folder.path().join("aside"));
        let sealed = sealer.seal(fixture.id(), &secret).unwrap();
        fs::rename(fixture.path(), &aside).unwrap();
        assert!(matches!(sealer.seal(fixture.id(), &secret), Err(SealError::KeyMissing { .. })));
        assert!(matches!(sealer.open(fixture.id(), &sealed), Err(SealError::KeyMissing { .. })));
        assert!(!fixture.path().exists(), "no new key takes its place");
        // Containers and services often provide secrets as a link to a file.
        std::os::unix::fs::symlink(&aside, fixture.path()).unwrap();
        assert_eq!(shown(sealer.open(fixture.id(), &sealed)), Ok("hunter2".to_owned()));
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(sealer.open(fixture.id(), &sealed), Err(SealError::KeyOpen { .. })), "whatever the link's");
    }

    #[test]
    fn another_key_is_distinguished_from_damage() {
        let (fixture, other) = (Fixture::new(), Fixture::new());
        let (sealed, _) = (fixture.seal(), other.seal());
        fs::copy(other.path(), fixture.path()).unwrap();
        let opened = fixture.sealer(&sealed).open(fixture.id(), &sealed);
        assert!(matches!(opened, Err(SealError::WrongKey { .. })), "{opened:?}");
    }

    #[test]
    fn another_key_seals_nothing_and_is_reported_at_the_start() {
        let (fixture, other) = (Fixture::new(), Fixture::new());
        let (sealed, secret) = (fixture.seal(), SecretString::from("hunter3"));
        let aside = fixture.folder.path().join("aside");
        fs::rename(fixture.path(), &aside).unwrap();
        let missing = fixture.sealer(&sealed).check().unwrap_err();
        assert!(matches!(missing, SealError::KeyMissing { .. }), "{missing}");
        let others = other.seal();
        fs::copy(other.path(), fixture.path()).unwrap();
        let sealer = fixture.sealer(&sealed);
        for refused in [sealer.check().unwrap_err(), sealer.seal(fixture.id(), &secret).unwrap_err()] {
            assert!(matches!(refused, SealError::WrongKey { .. }), "{refused}");
            let text = refused.to_string();
            assert!(text.contains("restore that one from the backup; where it is lost, remove the secret"), "{text}");
        }
        // As an earlier release left the database: each of two keys has sealed some secrets.
        let both = Sealer::new(fixture.folder.path(), &[mark(&sealed), mark(&others)]);
        assert!(matches!(both.check(), Err(SealError::WrongKey { .. })));
        assert!(both.seal(fixture.id(), &secret).is_ok(), "nothing more is lost by it");
        fs::rename(&aside, fixture.path()).unwrap();
        sealer.check().unwrap();
        assert!(sealer.seal(fixture.id(), &secret).is_ok());
        // The key file is exchanged after this process has sealed the first secret.
        let sealer = fixture.new_sealer();
        sealer.seal(fixture.id(), &secret).unwrap();
        fs::copy(other.path(), fixture.path()).unwrap();
        assert!(matches!(sealer.seal(fixture.id(), &secret), Err(SealError::WrongKey { .. })));
        fixture.new_sealer().check().unwrap();
    }

    #[test]
    fn the_key_is_closed_to_others_or_not_used() {
        let fixture = Fixture::new();
        let sealed = fixture.seal();
        assert_eq!(fs::metadata(fixture.path()).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(fixture.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let opened = fixture.sealer(&sealed).open(fixture.id(), &sealed);
        assert!(matches!(opened, Err(SealError::KeyOpen { .. })), "{opened:?}");
        fs::set_permissions(fixture.path(), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(fixture.path(), "short").unwrap();
        let opened = fixture.sealer(&sealed).open(fixture.id(), &sealed);
        assert!(matches!(opened, Err(SealError::KeyDamaged { .. })), "{opened:?}");
    }

    #[test]
    fn all_who_begin_at_once_have_the_same_key() {
        let fixture = Fixture::new();
        let sealed: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| fixture.seal())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for sealed in sealed {
            assert_eq!(shown(fixture.sealer(&sealed).open(fixture.id(), &sealed)), Ok("hunter2".to_owned()));
        }
    }

    #[test]
    fn a_secret_can_be_sent() {
        let fixture = Fixture::new();
        for text in [String::new(), "x".repeat(LONGEST_SECRET + 1), "hunter2\n".to_owned(), "hunter\u{7f}2".to_owned()]
        {
            let sealed = fixture.new_sealer().seal(fixture.id(), &SecretString::from(text));
            assert!(matches!(sealed, Err(SealError::Secret)));
        }
        assert!(!fixture.path().exists());
        for text in ["x".repeat(LONGEST_SECRET), "Basic \u{fc}".to_owned()] {
            assert!(fixture.new_sealer().seal(fixture.id(), &SecretString::from(text)).is_ok());
        }
    }
}
