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
        let is_saved = self.saved.get(&(message.channel_id, chatter.id)) == Some(&chatter);
        let is_full = self.waiting.values().map(HashMap::len).sum::<usize>() >= MOST_WAITING;
        if !is_saved && !is_full {
            self.waiting.entry(message.channel_id).or_default().insert(chatter.id, chatter);
        }
    }

    /// Whether somebody who is called one of `logins` spoke in the channel and is not saved yet.
    pub fn is_waiting(&self, channel: ChannelId, mut logins: impl Iterator<Item = Login>) -> bool {
        let Some(waiting) = self.waiting.get(&channel) else { return false };
        logins.any(|login| waiting.values().any(|chatter| chatter.login == login))
    }

    /// The chatters to be saved in one channel; none of them waits any more.
    pub fn take(&mut self, channel: ChannelId) -> Vec<KnownChatter> {
        self.waiting.remove(&channel).into_iter().flat_map(HashMap::into_values).collect()
    }

    /// They are on disk: their next messages need no note.
    pub fn mark_saved(&mut self, channel: ChannelId, chatters: Vec<KnownChatter>) {
        for chatter in chatters {
            self.saved.put((channel, chatter.id), chatter);
        }
    }

    /// The channels in which somebody waits to be saved.
    pub fn list_channels(&self) -> Vec<ChannelId> {
        self.waiting.keys().copied().collect()
    }
}
