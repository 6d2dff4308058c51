//! Who spoke where, and under which names, until it is saved: commands name people whose ids only this tells. Pure.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::message::ChatMessage;
use crate::store::chatters::KnownChatter;

/// Chatters who wait to be saved; whoever finds it full is noted at their next message.
const MOST_WAITING: usize = 4096;

/// Chatters whose names are known to be saved already. A larger crowd costs disk writes, nothing else.
const MOST_SAVED: NonZeroUsize = NonZeroUsize::new(16_384).expect("16384 is not zero");

/// The chatters seen lately.
#[derive(Debug)]
pub struct Seen {
    waiting: HashMap<ChannelId, HashMap<ChatterId, KnownChatter>>,
    saved: LruCache<(ChannelId, ChatterId), KnownChatter>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { waiting: HashMap::new(), saved: LruCache::new(MOST_SAVED) }
    }
}

impl Seen {
    /// Notes who wrote a message, unless these very names are saved.
    pub fn note(&mut self, message: &ChatMessage) {
        let chatter = KnownChatter {
            id: message.chatter.id,
            login: message.chatter.login.clone(),
            display_name: message.chatter.display_name.clone(),
        };
        if self.saved.get(&(message.channel_id, chatter.id)) != Some(&chatter) && !self.is_full() {
            self.waiting.entry(message.channel_id).or_default().insert(chatter.id, chatter);
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.values().map(HashMap::len).sum::<usize>() >= MOST_WAITING
    }

    /// Whether somebody who is called one of `logins` spoke in the channel and is not saved yet.
    pub fn is_waiting(&self, channel: ChannelId, mut logins: impl Iterator<Item = Login>) -> bool {
        let Some(waiting) = self.waiting.get(&channel) else { return false };
        logins.any(|login| waiting.values().any(|chatter| chatter.login == login))
    }

    /// The chatters to be saved in one channel. They wait until they are on disk.
    pub fn list_waiting(&self, channel: ChannelId) -> Vec<KnownChatter> {
        self.waiting.get(&channel).into_iter().flat_map(HashMap::values).cloned().collect()
    }

    /// They are on disk, and need no note until their names change. Whoever changed names meanwhile waits on.
    pub fn mark_saved(&mut self, channel: ChannelId, chatters: Vec<KnownChatter>) {
        let Some(waiting) = self.waiting.get_mut(&channel) else { return };
        for chatter in chatters {
            if waiting.get(&chatter.id) == Some(&chatter) {
                waiting.remove(&chatter.id);
                self.saved.put((channel, chatter.id), chatter);
            }
        }
        if waiting.is_empty() {
            self.waiting.remove(&channel);
        }
    }

    /// The channels in which somebody waits to be saved.
    pub fn list_channels(&self) -> Vec<ChannelId> {
        self.waiting.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{SHOP, message};
    use super::*;

    fn is_waiting(seen: &Seen, login: &str) -> bool {
        seen.is_waiting(SHOP, [login.parse().unwrap()].into_iter())
    }

    #[test]
    fn a_chatter_waits_until_saved_and_again_under_a_new_name() {
        let mut seen = Seen::default();
        seen.note(&message(7, "alice", "hello"));
        let chatters = seen.list_waiting(SHOP);
        assert!(is_waiting(&seen, "alice") && !is_waiting(&seen, "bob"));

        seen.mark_saved(SHOP, chatters);
        seen.note(&message(7, "alice", "hello"));
        assert!(!is_waiting(&seen, "alice") && seen.list_channels().is_empty());

        seen.note(&message(7, "alice_2", "hello"));
        assert!(is_waiting(&seen, "alice_2"));
        assert_eq!(seen.list_channels(), [SHOP]);
    }

    #[test]
    fn a_name_changed_while_the_old_one_is_saved_waits_on() {
        let mut seen = Seen::default();
        seen.note(&message(7, "alice", "hello"));
        let chatters = seen.list_waiting(SHOP);
        seen.note(&message(7, "alice_2", "hello"));
        seen.mark_saved(SHOP, chatters);
        assert!(is_waiting(&seen, "alice_2"));
    }

    #[test]
    fn a_crowd_is_noted_up_to_a_point() {
        let mut seen = Seen::default();
        for id in 0..2 * MOST_WAITING as u64 {
            seen.note(&message(id, "alice", "hello"));
        }
        assert_eq!(seen.list_waiting(SHOP).len(), MOST_WAITING);
    }
}
