//! Compiled modules on disk, so that a start need not compile them again.
//!
//! Loading machine code is running it. So a file is believed only with a keyed checksum of ours over its bytes and its
//! name; it is read once, into memory, and those very bytes are checked and loaded. Whatever does not fit is compiled
//! anew. The folder and the key are closed to other users; whoever can read the key can write the binary as well.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::domain::id::ModuleDigest;

const KEY_FILE: &str = "artefact.key";
const KEY_LENGTH: usize = 32;
const MAC_LENGTH: usize = 32;
const ENDING: &str = "cwasm";
/// Of a file that is being written.
const UNFINISHED: &str = "new";
/// Files that are kept. Each version of a module leaves one, and nobody but us clears them away.
const MOST_FILES: usize = 256;

/// The folder of compiled modules.
pub(super) struct ArtefactCache {
    folder: PathBuf,
    key: [u8; KEY_LENGTH],
}

impl ArtefactCache {
    pub(super) fn open(folder: &Path) -> io::Result<ArtefactCache> {
        create_private_folder(folder)?;
        let key = load_or_make_key(&folder.join(KEY_FILE))?;
        let cache = ArtefactCache { folder: folder.to_owned(), key };
        cache.remove_oldest(MOST_FILES)?;
        Ok(cache)
    }

    /// The compiled module, where a file of ours has it.
    pub(super) fn load(&self, engine: &Engine, digest: ModuleDigest) -> Option<Component> {
        let name = file_name(engine, digest);
        let file = fs::read(self.folder.join(&name)).ok()?;
        let code = self.check(&name, &file).or_else(|| {
            tracing::warn!(artefact = name, "a compiled module is damaged or not ours, compiling again");
            None
        })?;
        load_checked(engine, code).map_err(|error| tracing::warn!(artefact = name, error = format!("{error:#}"))).ok()
    }

    /// Keeps a compiled module. Not being able to costs the next start some time, and nothing else.
    pub(super) fn save(&self, engine: &Engine, digest: ModuleDigest, component: &Component) {
        let name = file_name(engine, digest);
        let saved = component.serialize().map_err(io::Error::other).and_then(|code| self.write(&name, &code));
        let saved = saved.and_then(|()| self.remove_oldest(MOST_FILES));
        if let Err(error) = saved {
            tracing::warn!(artefact = name, %error, "a compiled module was not kept");
        }
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mac = self.mac(name, code).finalize().into_bytes();
        write_private(&self.folder.join(name), &[&mac, code])
    }

    fn check<'a>(&self, name: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = file.split_at_checked(MAC_LENGTH)?;
        self.mac(name, code).verify_slice(mac).is_ok().then_some(code)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length is good for HMAC");
        // The name is part of it: a good file under another name is another module's code.
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }

    fn remove_oldest(&self, kept: usize) -> io::Result<()> {
        let is_ours = |path: &PathBuf| path.extension().is_some_and(|ending| ending == ENDING || ending == UNFINISHED);
        let paths = fs::read_dir(&self.folder)?.flatten().map(|entry| entry.path()).filter(is_ours);
        // One that has just gone needs no clearing away.
        let mut files: Vec<_> =
            paths.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
        files.sort();
        let surplus = files.len().saturating_sub(kept);
        files.iter().take(surplus).try_for_each(|(_, path)| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }
}

/// Names the bytes and the compiler: another version of either is another file. The hash need not be the same for
/// ever, since a file that nobody asks for is only compiled again.
fn file_name(engine: &Engine, digest: ModuleDigest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.{ENDING}", hasher.finish())
}

#[expect(unsafe_code, reason = "the one place where a compiled artefact is loaded")]
fn load_checked(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what this host's own engine wrote, as the keyed checksum over these very bytes in memory says.
    unsafe { Component::deserialize(engine, code) }
}

/// A key that others could read, or that is damaged, is replaced: what it signed is compiled again. The file is locked
/// meanwhile, so that two who begin at once get the same one.
fn load_or_make_key(path: &Path) -> io::Result<[u8; KEY_LENGTH]> {
    let mut file = private_options().read(true).create(true).truncate(false).open(path)?;
    file.lock()?;
    let mut bytes = Vec::with_capacity(KEY_LENGTH + 1);
    (&file).take(KEY_LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    if let (true, Ok(key)) = (is_private(&file), bytes.try_into()) {
        return Ok(key);
    }
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    make_private(&file)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&key)?;
    Ok(key)
}

/// Writes beside the file and renames: a reader finds the old file, the new one or none, never half of one.
fn write_private(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    // A name that nobody else who writes this file has. What a crash leaves behind is cleared away with the old files.
    let beside = path.with_extension(format!("{:016x}.{UNFINISHED}", getrandom::u64().map_err(io::Error::other)?));
    let mut file = private_options().create_new(true).open(&beside)?;
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| fs::rename(&beside, path));
    written.or_else(|error| fs::remove_file(&beside).and(Err(error)))
}

#[cfg(unix)]
fn private_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).mode(0o600).clone()
}

#[cfg(not(unix))]
fn private_options() -> OpenOptions {
    OpenOptions::new().write(true).clone()
}

#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_private(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &File) -> bool {
    true
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component there is: the header alone.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const DIGEST: ModuleDigest = ModuleDigest([7; 32]);

    struct Fixture {
        folder: tempfile::TempDir,
        engine: Engine,
        cache: ArtefactCache,
    }

    impl Fixture {
        /// A cache that holds one module.
        fn new() -> Fixture {
            let folder = tempfile::tempdir().unwrap();
            let engine = Engine::default();
            let cache = ArtefactCache::open(&folder.path().join("artefacts")).unwrap();
            let component = Component::from_binary(&engine, COMPONENT).unwrap();
            cache.save(&engine, DIGEST, &component);
            Fixture { folder, engine, cache }
        }

        fn file(&self) -> PathBuf {
            self.cache.folder.join(file_name(&self.engine, DIGEST))
        }

        fn loads(&self) -> bool {
            self.cache.load(&self.engine, DIGEST).is_some()
        }

        fn reopen(&self) -> ArtefactCache {
            ArtefactCache::open(&self.folder.path().join("artefacts")).unwrap()
        }
    }

    #[test]
    fn what_was_saved_is_loaded_by_the_next_process() {
        let fixture = Fixture::new();
        assert!(fixture.loads());
        assert!(fixture.reopen().load(&fixture.engine, DIGEST).is_some());
    }

    #[test]
    fn every_byte_counts() {
        let fixture = Fixture::new();
        let good = fs::read(fixture.file()).unwrap();
        for place in (0..good.len()).step_by(good.len() / 64) {
            let mut damaged = good.clone();
            damaged[place] ^= 1;
            fs::write(fixture.file(), damaged).unwrap();
            assert!(!fixture.loads(), "byte {place}");
        }
        for length in [0, 31, 32, 100, good.len() - 1] {
            fs::write(fixture.file(), &good[..length]).unwrap();
            assert!(!fixture.loads(), "{length} bytes");
        }
        fs::write(fixture.file(), good).unwrap();
        assert!(fixture.loads());
    }

    #[test]
    fn a_good_file_under_another_modules_name_is_not_loaded() {
        let fixture = Fixture::new();
        let other = ModuleDigest([8; 32]);
        fs::copy(fixture.file(), fixture.cache.folder.join(file_name(&fixture.engine, other))).unwrap();
        assert!(fixture.cache.load(&fixture.engine, other).is_none());
    }

    #[test]
    fn another_hosts_key_opens_nothing() {
        let fixture = Fixture::new();
        fs::remove_file(fixture.cache.folder.join(KEY_FILE)).unwrap();
        assert!(fixture.reopen().load(&fixture.engine, DIGEST).is_none());
    }

    #[test]
    fn a_file_that_is_saved_again_is_whole_again() {
        let fixture = Fixture::new();
        fs::write(fixture.file(), b"damaged").unwrap();
        assert!(!fixture.loads());
        let component = Component::from_binary(&fixture.engine, COMPONENT).unwrap();
        fixture.cache.save(&fixture.engine, DIGEST, &component);
        assert!(fixture.loads());
    }

    #[test]
    #[cfg(unix)]
    fn folder_and_files_are_closed_to_others_and_an_open_key_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let fixture = Fixture::new();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let key = fixture.cache.folder.join(KEY_FILE);
        assert_eq!(mode(&fixture.cache.folder), 0o700);
        assert_eq!(mode(&key), 0o600);
        assert_eq!(mode(&fixture.file()), 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let reopened = fixture.reopen();
        assert_ne!(reopened.key, fixture.cache.key);
        assert_eq!(mode(&key), 0o600);
    }

    #[test]
    fn all_who_begin_at_once_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let open = || ArtefactCache::open(folder.path()).unwrap().key;
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_damaged_key_is_replaced() {
        let fixture = Fixture::new();
        for bad in [&b"short"[..], &[7; 33], &[]] {
            fs::write(fixture.cache.folder.join(KEY_FILE), bad).unwrap();
            let key = fixture.reopen().key;
            assert_eq!(fixture.reopen().key, key);
        }
    }

    #[test]
    fn a_host_that_never_restarts_does_not_fill_the_disk() {
        let fixture = Fixture::new();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        for number in 0..MOST_FILES + 10 {
            let file = File::create(fixture.cache.folder.join(format!("{number}.{ENDING}"))).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        let component = Component::from_binary(&fixture.engine, COMPONENT).unwrap();
        fixture.cache.save(&fixture.engine, DIGEST, &component);
        assert!(fixture.loads());
        // And the key.
        assert_eq!(fs::read_dir(&fixture.cache.folder).unwrap().count(), MOST_FILES + 1);
    }

    #[test]
    fn old_files_make_room() {
        let fixture = Fixture::new();
        fixture.cache.remove_oldest(0).unwrap();
        assert!(!fixture.loads());
    }
}
