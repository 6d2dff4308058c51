//! Recognises calls that arrive twice. Pure.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::domain::id::MessageId;

/// If Twitch repeats a message, it does so within seconds. Only calls are kept, so this covers minutes on the busiest
/// host. The store recognises older ones: its unique key makes a repeated change no change.
const KEPT: NonZeroUsize = NonZeroUsize::new(4096).expect("4096 is not zero");

/// The ids of the latest calls.
#[derive(Debug)]
pub(super) struct Duplicates {
    ids: LruCache<MessageId, ()>,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self { ids: LruCache::new(KEPT) }
    }
}

impl Duplicates {
    /// Whether the id was seen before. Remembers it.
    pub(super) fn is_repeated(&mut self, id: &MessageId) -> bool {
        self.ids.put(id.clone(), ()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_the_oldest_is_forgotten() {
        let mut duplicates = Duplicates::default();
        let id = |number: usize| MessageId(number.to_string().into());
        assert!(!duplicates.is_repeated(&id(0)));
        assert!(duplicates.is_repeated(&id(0)));
        for number in 1..=KEPT.get() {
            assert!(!duplicates.is_repeated(&id(number)));
        }
        assert!(duplicates.is_repeated(&id(1)));
        assert!(!duplicates.is_repeated(&id(0)));
    }
}
