//! Metrics by key, with one shared entry for all keys beyond a limit. Labels come from strangers, and each new one
//! costs memory here and in whatever collects the metrics.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

pub(super) struct BoundedFamilies<K, V> {
    entries: RwLock<HashMap<K, Arc<V>>>,
    most: usize,
    others: OnceLock<Arc<V>>,
}

impl<K: Hash + Eq, V> BoundedFamilies<K, V> {
    pub(super) fn new(most: usize) -> BoundedFamilies<K, V> {
        BoundedFamilies { entries: RwLock::default(), most, others: OnceLock::new() }
    }

    /// Calls `make` at a key's first use: for an entry of its own or, with `None`, for the one that all further keys
    /// share.
    pub(super) fn find_or_make<Q>(&self, key: &Q, make: impl Fn(Option<&Q>) -> V) -> Arc<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(key) {
            return Arc::clone(entry);
        }
        if entries.len() >= self.most {
            return Arc::clone(self.others.get_or_init(|| Arc::new(make(None))));
        }
        drop(entries);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have inserted the key first. One entry too many does no harm.
        Arc::clone(entries.entry(key.to_owned()).or_insert_with(|| Arc::new(make(Some(key)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_shares_one_entry() {
        let known: BoundedFamilies<String, String> = BoundedFamilies::new(2);
        let find = |key: &str| known.find_or_make(key, |key| key.unwrap_or("other").to_owned());
        assert_eq!(
            ["a", "b", "c", "d", "a"].map(|key| find(key).as_str().to_owned()),
            ["a", "b", "other", "other", "a"]
        );
        assert!(Arc::ptr_eq(&find("c"), &find("d")));
    }
}
