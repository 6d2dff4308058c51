//! Uploaded modules whose code is in memory: those called last, as many as fit.

use std::sync::Arc;

use lru::LruCache;

use crate::domain::id::ModuleDigest;

/// Bytes of code in one unit of room; a runtime of JavaScript or Python takes dozens of units.
const UNIT: usize = 1 << 20;

pub(crate) struct Loaded<T> {
    modules: LruCache<ModuleDigest, Entry<T>>,
    units: usize,
    taken: usize,
}

struct Entry<T> {
    module: Arc<T>,
    units: usize,
}

impl<T> Loaded<T> {
    pub(crate) fn new(units: usize) -> Loaded<T> {
        Loaded { modules: LruCache::unbounded(), units, taken: 0 }
    }

    /// Finds a module, and counts it as called now.
    pub(crate) fn find(&mut self, digest: &ModuleDigest) -> Option<Arc<T>> {
        self.modules.get(digest).map(|entry| Arc::clone(&entry.module))
    }

    /// Inserts a module, and returns the evicted ones. Drop those where nobody waits, because giving memory back takes
    /// time. A module larger than all the room is kept alone.
    pub(crate) fn insert(&mut self, digest: ModuleDigest, module: Arc<T>, code_bytes: usize) -> Vec<Arc<T>> {
        let units = code_bytes.div_ceil(UNIT).max(1);
        let mut gone: Vec<Arc<T>> = self.remove(&digest).into_iter().collect();
        while self.taken + units > self.units
            && let Some((_, oldest)) = self.modules.pop_lru()
        {
            self.taken -= oldest.units;
            gone.push(oldest.module);
        }
        self.taken += units;
        self.modules.put(digest, Entry { module, units });
        gone
    }

    pub(crate) fn remove(&mut self, digest: &ModuleDigest) -> Option<Arc<T>> {
        let entry = self.modules.pop(digest)?;
        self.taken -= entry.units;
        Some(entry.module)
    }

    /// In the order of the last calls, the latest last.
    pub(crate) fn list(&self) -> impl Iterator<Item = &Arc<T>> {
        self.modules.iter().rev().map(|(_, entry)| &entry.module)
    }

    pub(crate) fn len(&self) -> usize {
        self.modules.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> ModuleDigest {
        ModuleDigest([number; 32])
    }

    /// Loads a module named after its number; returns the numbers of the evicted ones.
    fn load(loaded: &mut Loaded<u8>, number: u8, code_bytes: usize) -> Vec<u8> {
        loaded.insert(digest(number), Arc::new(number), code_bytes).iter().map(|gone| **gone).collect()
    }

    #[test]
    fn what_was_not_called_for_longest_goes_first() {
        let mut loaded = Loaded::new(3);
        for number in 1..=3 {
            assert!(load(&mut loaded, number, 10).is_empty());
        }
        assert_eq!(loaded.find(&digest(1)).as_deref(), Some(&1));
        assert_eq!(loaded.list().map(|number| **number).collect::<Vec<_>>(), [2, 3, 1]);
        assert_eq!(load(&mut loaded, 4, 10), [2]);
        assert_eq!(load(&mut loaded, 5, 10), [3]);
        assert_eq!((loaded.len(), loaded.find(&digest(2))), (3, None));
    }

    #[test]
    fn a_large_one_evicts_several() {
        let mut loaded = Loaded::new(3);
        for number in 1..=3 {
            load(&mut loaded, number, UNIT);
        }
        assert_eq!(load(&mut loaded, 4, UNIT + 1), [1, 2]);
        assert_eq!(load(&mut loaded, 5, 100 * UNIT), [3, 4]);
        assert_eq!(loaded.len(), 1, "kept, or it could never be called");
        assert_eq!(load(&mut loaded, 6, 0), [5]);
    }

    #[test]
    fn what_is_loaded_again_or_removed_gives_its_units_back() {
        let mut loaded = Loaded::new(2);
        for _ in 0..5 {
            load(&mut loaded, 1, 2 * UNIT);
        }
        assert_eq!(loaded.remove(&digest(1)).as_deref(), Some(&1));
        assert_eq!(loaded.remove(&digest(1)), None);
        assert_eq!(loaded.taken, 0);
        assert_eq!((load(&mut loaded, 2, 1), load(&mut loaded, 3, 1)), (vec![], vec![]));
    }
}
