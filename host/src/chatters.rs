//! Who has been seen in which channel: what happened in the last seconds in memory, everything before in the store.
//!
//! Promised: whoever has just spoken can be found at once, and a busy chat costs one write now and then instead of one
//! a message. Absent: names from anywhere but the channel's own chat; whoever never spoke there is nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::message::Chatter;
use crate::domain::ports::Clock;
use crate::store::chatters::KnownChatter;
use crate::store::{Store, StoreError};

/// Chatters that wait to be saved. Whoever speaks while so many wait is found only after speaking again.
const MOST_WAITING: usize = 20_000;

type Waiting = HashMap<ChannelId, HashMap<ChatterId, KnownChatter>>;

/// Shared by the task that notes chatters and the calls that look for them.
pub struct Chatters {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    waiting: Mutex<Waiting>,
}

impl Chatters {
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Chatters {
        Chatters { store, clock, waiting: Mutex::default() }
    }

    /// Takes note of whoever spoke; nothing is written yet.
    pub fn note_seen(&self, channel: ChannelId, chatter: &Chatter) {
        let mut waiting = self.lock();
        let is_full = waiting.values().map(HashMap::len).sum::<usize>() >= MOST_WAITING;
        let here = waiting.entry(channel).or_default();
        if is_full && !here.contains_key(&chatter.id) {
            return;
        }
        let (login, display_name) = (chatter.login.clone(), chatter.display_name.clone());
        here.insert(chatter.id, KnownChatter { id: chatter.id, login, display_name });
    }

    /// Whoever was last seen in the channel under this login: logins get recycled.
    pub fn find(&self, channel: ChannelId, login: &Login) -> Result<Option<KnownChatter>, StoreError> {
        let waiting = self.find_waiting(channel, |chatter| chatter.login == *login);
        waiting.map_or_else(|| self.store.find_chatter(channel, login), |chatter| Ok(Some(chatter)))
    }

    pub fn find_by_id(&self, channel: ChannelId, id: ChatterId) -> Result<Option<KnownChatter>, StoreError> {
        let waiting = self.find_waiting(channel, |chatter| chatter.id == id);
        waiting.map_or_else(|| self.store.find_chatter_by_id(channel, id), |chatter| Ok(Some(chatter)))
    }

    /// Writes down whoever waits. What cannot be written waits on.
    pub async fn save(&self) -> Result<(), StoreError> {
        let at = self.clock.now().wall;
        // They stay findable in memory until the store can find them.
        let snapshot = self.lock().clone();
        for (channel, chatters) in snapshot {
            self.store.save_seen(channel, chatters.values().cloned().collect(), at).await?;
            let mut waiting = self.lock();
            let Some(here) = waiting.get_mut(&channel) else { continue };
            here.retain(|id, chatter| chatters.get(id) != Some(chatter));
            if here.is_empty() {
                waiting.remove(&channel);
            }
        }
        Ok(())
    }

    fn find_waiting(&self, channel: ChannelId, is_it: impl Fn(&KnownChatter) -> bool) -> Option<KnownChatter> {
        self.lock().get(&channel)?.values().find(|chatter| is_it(chatter)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The map is whole after each statement, so a panic elsewhere is no reason to stop here.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
