//! Compiled modules on disk, so that a start need not compile them again.
//!
//! Loading machine code means running it. So each file has a keyed checksum over its bytes and its name. The file is
//! read into memory once, and those very bytes are checked and loaded. If the check fails, the module is compiled
//! again. The folder and the key are closed to other users; whoever can read the key could replace the host's binary as
//! well.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::domain::id::ModuleDigest;
use crate::domain::manifest::SizeClass;
use crate::domain::trouble::Trouble;
use crate::store::files::{
    Durability, UNFINISHED, create_private_folder, is_private, private_options, remove, write_whole,
};

const KEY_FILE: &str = "artefact.key";
const KEY_LENGTH: usize = 32;
const MAC_LENGTH: usize = 32;
const ENDING: &str = "cwasm";
/// Most files that are kept. Each version of a module leaves one, and only this cache deletes them. The limit suffices
/// for a thousand modules of the usual quarter of a megabyte, with two versions of each and two releases of the host.
/// The operator sets the limit of bytes.
const MOST_FILES: usize = 4096;

/// The folder of compiled modules.
pub(crate) struct ArtefactCache {
    folder: PathBuf,
    key: [u8; KEY_LENGTH],
    limit: DiskUsage,
    /// An upper bound of the folder's contents, because inspecting all files at each write would be slow. Writers hold
    /// the lock, so that clearing never deletes a half-written file.
    usage: Mutex<DiskUsage>,
    trouble: Trouble,
}

/// Files and bytes on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct DiskUsage {
    files: usize,
    bytes: u64,
}

impl DiskUsage {
    fn fits(self, limit: DiskUsage) -> bool {
        self.files <= limit.files && self.bytes <= limit.bytes
    }

    fn plus(self, bytes: u64) -> DiskUsage {
        DiskUsage { files: self.files + 1, bytes: self.bytes.saturating_add(bytes) }
    }

    /// The room that is kept beyond the limit: clearing too much spares the next writes an inspection of the folder.
    fn after_clearing(self) -> DiskUsage {
        DiskUsage { files: self.files / 4 * 3, bytes: self.bytes / 4 * 3 }
    }
}

/// A compiled module, and the size of its code in memory.
pub(crate) struct Artefact {
    pub(crate) component: Component,
    pub(crate) code_bytes: usize,
}

impl ArtefactCache {
    /// Opens the folder. While the files have more than `most_bytes`, those used longest ago are deleted.
    pub(crate) fn open(folder: &Path, most_bytes: u64) -> io::Result<ArtefactCache> {
        create_private_folder(folder)?;
        let key = load_or_make_key(&folder.join(KEY_FILE))?;
        let limit = DiskUsage { files: MOST_FILES, bytes: most_bytes };
        let usage = Mutex::new(remove_oldest(folder, limit, None)?);
        Ok(ArtefactCache { folder: folder.to_owned(), key, limit, usage, trouble: Trouble::default() })
    }

    /// Loads the compiled module; `None` if there is no valid file.
    pub(crate) fn load(&self, engine: &Engine, size: SizeClass, digest: ModuleDigest) -> Option<Artefact> {
        let name = file_name(engine, size, digest);
        let path = self.folder.join(&name);
        let file = fs::read(&path).ok()?;
        let code = self.check(&name, &file).or_else(|| {
            tracing::warn!(artefact = name, "a compiled module is damaged or not ours, compiling again");
            None
        })?;
        let loaded = load_own(engine, code);
        let loaded = loaded.map_err(|error| tracing::warn!(artefact = name, error = format!("{error:#}"))).ok();
        mark_as_used(&path);
        loaded
    }

    /// Saves a compiled module. A failure only means that the next start compiles the module again.
    pub(crate) fn save(&self, engine: &Engine, size: SizeClass, digest: ModuleDigest, code: &[u8]) {
        let name = file_name(engine, size, digest);
        if let Err(error) = self.trouble.note(self.write(&name, code)) {
            tracing::warn!(artefact = name, %error, "a compiled module was not kept");
        }
    }

    /// Why the last compiled module could not be saved; `None` once a save has succeeded.
    pub(crate) fn save_error(&self) -> Option<Arc<str>> {
        self.trouble.reason()
    }

    /// Whether saving this code would delete other files.
    pub(crate) fn is_full_with(&self, code: &[u8]) -> bool {
        let usage = *self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        !usage.plus((MAC_LENGTH + code.len()) as u64).fits(self.limit)
    }

    /// Marks the file of a module in memory as used: it is read only once, and would be deleted as if it were unused.
    pub(crate) fn touch(&self, engine: &Engine, size: SizeClass, digest: ModuleDigest) {
        mark_as_used(&self.folder.join(file_name(engine, size, digest)));
    }

    /// Deletes the module's file, if there is one.
    pub(crate) fn remove(&self, engine: &Engine, size: SizeClass, digest: ModuleDigest) {
        // If this fails, the file is deleted later, as an old one.
        fs::remove_file(self.folder.join(file_name(engine, size, digest))).ok();
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mac = self.mac(name, code).finalize().into_bytes();
        let path = self.folder.join(name);
        // Poisoning is ignored: after a panic the count is at worst too high.
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        write_whole(&path, &[&mac, code], Durability::Lazy)?;
        *usage = usage.plus((mac.len() + code.len()) as u64);
        if !usage.fits(self.limit) {
            *usage = remove_oldest(&self.folder, self.limit, Some(&path))?;
        }
        Ok(())
    }

    fn check<'a>(&self, name: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = file.split_at_checked(MAC_LENGTH)?;
        self.mac(name, code).verify_slice(mac).is_ok().then_some(code)
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length is good for HMAC");
        // The name is included: a valid file under another name would be another module's code.
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }
}

/// If the files exceed the limit, deletes those used longest ago, but never `kept`. Returns what remains.
fn remove_oldest(folder: &Path, limit: DiskUsage, kept: Option<&Path>) -> io::Result<DiskUsage> {
    let is_ours = |path: &PathBuf| path.extension().is_some_and(|ending| ending == ENDING || ending == UNFINISHED);
    let paths = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(is_ours);
    // A file that has disappeared meanwhile needs no deletion.
    let look = |path: PathBuf| {
        let file = fs::metadata(&path).ok()?;
        Some((file.modified().ok()?, file.len(), path))
    };
    let mut files: Vec<_> = paths.filter_map(look).collect();
    let all = files.iter().fold(DiskUsage::default(), |room, (_, bytes, _)| room.plus(*bytes));
    if all.fits(limit) {
        return Ok(all);
    }
    files.sort();
    let (mut room, limit) = (all, limit.after_clearing());
    // `kept` was just written, but a wrong clock may make it look old.
    for (_, bytes, path) in files.iter().filter(|(_, _, path)| kept != Some(path.as_path())) {
        if room.fits(limit) {
            break;
        }
        remove(path)?;
        room = DiskUsage { files: room.files - 1, bytes: room.bytes - bytes };
    }
    Ok(room)
}

/// Sets the file's time to its last use, so that an old module that is called daily outlives a new one that is not.
fn mark_as_used(path: &Path) {
    let marked = File::options().write(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = marked {
        tracing::debug!(%error, "a compiled module could not be marked as used");
    }
}

/// A file's name identifies the component, the compiler and the size class. The size class matters because a component
/// that the large class accepts may exceed the small class's limits. The hash may change between releases: an unknown
/// file is only compiled again.
fn file_name(engine: &Engine, size: SizeClass, digest: ModuleDigest) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    size.hash(&mut hasher);
    format!("{digest}-{:016x}.{ENDING}", hasher.finish())
}

/// Loads machine code that this host's own compiler has written, in this process or in a child. A hostile component
/// that has taken over the child could forge the code: see SECURITY.md.
#[expect(unsafe_code, reason = "the one place where a compiled artefact is loaded")]
pub(crate) fn load_own(engine: &Engine, code: &[u8]) -> wasmtime::Result<Artefact> {
    // SAFETY: this host's own compiler wrote `code`: it comes straight from the compiler, or the keyed checksum over
    // these very bytes in memory proves it.
    let component = unsafe { Component::deserialize(engine, code) }?;
    Ok(Artefact { component, code_bytes: code.len() })
}

/// Loads the key. A key that others could read, or that is damaged, is replaced, so that everything it signed is
/// compiled again. The file is locked meanwhile, so that two processes that start at once get the same key.
fn load_or_make_key(path: &Path) -> io::Result<[u8; KEY_LENGTH]> {
    let mut file = private_options().read(true).create(true).truncate(false).open(path)?;
    file.lock()?;
    let mut bytes = Vec::with_capacity(KEY_LENGTH + 1);
    (&file).take(KEY_LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    if let (true, Ok(key)) = (is_private(&file).unwrap_or(false), bytes.try_into()) {
        return Ok(key);
    }
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The smallest component: only a header.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const DIGEST: ModuleDigest = ModuleDigest([7; 32]);
    const PLENTY: u64 = 1 << 30;

    fn compiled(engine: &Engine) -> Vec<u8> {
        engine.precompile_component(COMPONENT).unwrap()
    }

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
            let cache = ArtefactCache::open(&folder.path().join("artefacts"), PLENTY).unwrap();
            cache.save(&engine, SizeClass::Small, DIGEST, &compiled(&engine));
            Fixture { folder, engine, cache }
        }

        fn file(&self) -> PathBuf {
            self.path(DIGEST)
        }

        fn path(&self, digest: ModuleDigest) -> PathBuf {
            self.cache.folder.join(file_name(&self.engine, SizeClass::Small, digest))
        }

        fn save(&self, digest: ModuleDigest) {
            self.cache.save(&self.engine, SizeClass::Small, digest, &compiled(&self.engine));
        }

        /// Sets the file's last use to so many seconds ago.
        fn age(&self, digest: ModuleDigest, seconds: u64) {
            let at = SystemTime::now() - Duration::from_secs(seconds);
            File::options().write(true).open(self.path(digest)).unwrap().set_modified(at).unwrap();
        }

        fn loads(&self) -> bool {
            self.cache.load(&self.engine, SizeClass::Small, DIGEST).is_some()
        }

        fn reopen(&self) -> ArtefactCache {
            ArtefactCache::open(&self.folder.path().join("artefacts"), PLENTY).unwrap()
        }
    }

    #[test]
    fn what_was_saved_is_loaded_by_the_next_process() {
        let fixture = Fixture::new();
        assert!(fixture.loads());
        assert!(fixture.reopen().load(&fixture.engine, SizeClass::Small, DIGEST).is_some());
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
        fs::copy(fixture.file(), fixture.cache.folder.join(file_name(&fixture.engine, SizeClass::Small, other)))
            .unwrap();
        assert!(fixture.cache.load(&fixture.engine, SizeClass::Small, other).is_none());
    }

    #[test]
    fn another_hosts_key_opens_nothing() {
        let fixture = Fixture::new();
        fs::remove_file(fixture.cache.folder.join(KEY_FILE)).unwrap();
        assert!(fixture.reopen().load(&fixture.engine, SizeClass::Small, DIGEST).is_none());
    }

    #[test]
    fn a_file_that_is_saved_again_is_whole_again() {
        let fixture = Fixture::new();
        fs::write(fixture.file(), b"damaged").unwrap();
        assert!(!fixture.loads());
        fixture.cache.save(&fixture.engine, SizeClass::Small, DIGEST, &compiled(&fixture.engine));
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
        let open = || ArtefactCache::open(folder.path(), PLENTY).unwrap().key;
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
        fixture.cache.usage.lock().unwrap().files = MOST_FILES;
        for number in 0..MOST_FILES {
            let file = File::create(fixture.cache.folder.join(format!("{number}.{ENDING}"))).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        fixture.save(DIGEST);
        assert!(fixture.loads());
        let kept = MOST_FILES / 4 * 3;
        // And the key.
        assert_eq!(fs::read_dir(&fixture.cache.folder).unwrap().count(), kept + 1);
        assert_eq!(fixture.cache.usage.lock().unwrap().files, kept);
    }

    #[test]
    fn few_large_files_fill_no_disk_either_and_those_used_last_stay() {
        let mut fixture = Fixture::new();
        let size = fs::metadata(fixture.file()).unwrap().len();
        // Room for four, so a fifth leaves three.
        fixture.cache.limit.bytes = 4 * size + size / 2;
        for number in 0..3 {
            fixture.save(ModuleDigest([number; 32]));
            // Distinct ages, even if the file system's clock is too coarse to order the writes.
            fixture.age(ModuleDigest([number; 32]), 10 - u64::from(number));
        }
        fixture.age(DIGEST, 20);
        assert!(fixture.loads(), "and so it is the newest");
        assert!(!fixture.cache.is_full_with(&[]), "there is room for half a one more");
        assert!(fixture.cache.is_full_with(&compiled(&fixture.engine)));
        fixture.save(ModuleDigest([5; 32]));
        let left = [0, 1, 2, 5, 7].map(|number| fixture.path(ModuleDigest([number; 32])).exists());
        assert_eq!(left, [false, false, true, true, true]);
        assert_eq!(*fixture.cache.usage.lock().unwrap(), DiskUsage { files: 3, bytes: 3 * size });
        assert_eq!(remove_oldest(&fixture.cache.folder, fixture.cache.limit, None).unwrap().files, 3, "it fits");
    }

    #[test]
    fn what_is_of_use_in_memory_stays() {
        let mut fixture = Fixture::new();
        fixture.save(ModuleDigest([1; 32]));
        fixture.age(DIGEST, 20);
        fixture.age(ModuleDigest([1; 32]), 10);
        fixture.cache.touch(&fixture.engine, SizeClass::Small, DIGEST);
        // Room for less than three, so a third leaves two.
        fixture.cache.limit.bytes = fs::metadata(fixture.file()).unwrap().len() * 14 / 5;
        fixture.save(ModuleDigest([2; 32]));
        assert!(fixture.loads());
        assert!(!fixture.path(ModuleDigest([1; 32])).exists());
    }

    #[test]
    fn what_was_just_written_stays_however_large_it_is_and_whatever_the_clock_says() {
        let mut fixture = Fixture::new();
        let later = SystemTime::now() + Duration::from_secs(3600);
        File::options().write(true).open(fixture.file()).unwrap().set_modified(later).unwrap();
        fixture.cache.limit.bytes = 1;
        fixture.save(ModuleDigest([8; 32]));
        assert!(!fixture.loads());
        assert!(fixture.path(ModuleDigest([8; 32])).exists());
    }

    #[test]
    fn a_next_start_with_less_room_clears_up() {
        let fixture = Fixture::new();
        fs::write(fixture.cache.folder.join(format!("half.{UNFINISHED}")), [0; 100]).unwrap();
        let cache = ArtefactCache::open(&fixture.cache.folder, 10).unwrap();
        assert_eq!(*cache.usage.lock().unwrap(), DiskUsage::default());
        assert!(!fixture.loads());
    }

    #[test]
    fn a_disk_without_room_is_nobodys_error() {
        let fixture = Fixture::new();
        // Like a full disk: nothing can be written here.
        fs::remove_dir_all(&fixture.cache.folder).unwrap();
        fixture.save(DIGEST);
        assert!(!fixture.loads());
    }

    #[test]
    fn another_size_class_is_another_module() {
        let fixture = Fixture::new();
        assert!(fixture.cache.load(&fixture.engine, SizeClass::Large, DIGEST).is_none());
    }

    #[test]
    fn a_removed_module_is_gone() {
        let fixture = Fixture::new();
        fixture.cache.remove(&fixture.engine, SizeClass::Small, DIGEST);
        fixture.cache.remove(&fixture.engine, SizeClass::Small, DIGEST);
        assert!(!fixture.loads());
    }
}
