//! Notes who has talked where, and counts how much; all else of chat that calls no command is dropped.
//!
//! The connections count each message, under one lock per batch of lines; every few seconds the counts are taken out
//! and saved. Chatters who are not saved yet can be looked up too, since a command may name a chatter who has only just
//! spoken for the first time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::id::{ChannelId, ChatterId, Login};
use super::message::KnownChatter;

/// Most chatters that wait to be saved. Further ones count only for their channel, and are noted when they talk again.
const MOST_CHATTERS: usize = 16_384;

/// A channel since the last flush.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelTally {
    pub messages: u64,
    /// By login, as commands name them.
    chatters: HashMap<Login, KnownChatter>,
}

impl ChannelTally {
    pub fn chatters(&self) -> impl Iterator<Item = &KnownChatter> {
        self.chatters.values()
    }
}

/// Counts by channel. Bounded by the channels that the bot is in, and by a number of chatters.
pub type TallyCounts = HashMap<ChannelId, ChannelTally>;

/// The tally of the whole host.
#[derive(Debug, Default)]
pub struct Tally {
    noted: Mutex<TallyState>,
}

/// The tally under its lock.
#[derive(Debug, Default)]
pub struct TallyState {
    waiting: TallyCounts,
    chatters: usize,
    /// Taken out, and perhaps not on disk yet.
    saving: Arc<TallyCounts>,
}

impl Tally {
    /// The lock is for one batch of lines; do not hold it while waiting.
    pub fn lock(&self) -> MutexGuard<'_, TallyState> {
        // No code under the lock leaves the tally inconsistent when it panics.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a chatter with one of these `logins` talked in the channel and may not be saved yet.
    pub fn is_waiting(&self, channel: ChannelId, mut logins: impl Iterator<Item = Login>) -> bool {
        let notes = self.lock();
        let of_channel = [&notes.waiting, &*notes.saving].map(|noted| noted.get(&channel));
        logins.any(|login| of_channel.iter().flatten().any(|tally| tally.chatters.contains_key(&login)))
    }

    /// Takes out all counts, to be saved. [`Tally::finish_save`] must follow before the next call.
    pub fn begin_save(&self) -> Arc<TallyCounts> {
        let mut notes = self.lock();
        notes.chatters = 0;
        notes.saving = Arc::new(std::mem::take(&mut notes.waiting));
        Arc::clone(&notes.saving)
    }

    /// The counts are on disk, or were lost because the save failed: later messages count anew.
    pub fn finish_save(&self) {
        let saved = std::mem::take(&mut self.lock().saving);
        // Freed after the lock is released, since a connection may wait for the lock.
        drop(saved);
    }
}

impl TallyState {
    /// Counts one message. Calls `display_name` only for a chatter who is new.
    pub fn note(&mut self, channel: ChannelId, id: ChatterId, login: &str, display_name: impl FnOnce() -> Box<str>) {
        let tally = self.waiting.entry(channel).or_default();
        tally.messages += 1;
        // If a login changes hands within seconds, the first chatter has it until the next flush.
        if tally.chatters.contains_key(login) {
            return;
        }
        let Ok(login) = login.parse::<Login>() else { return };
        if self.chatters < MOST_CHATTERS {
            self.chatters += 1;
            let talked = KnownChatter { id, login: login.clone(), display_name: display_name() };
            tally.chatters.insert(login, talked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: ChannelId = ChannelId(1);

    fn note(tally: &Tally, id: u64, login: &str) {
        tally.lock().note(SHOP, ChatterId(id), login, || login.to_uppercase().into());
    }

    fn is_waiting(tally: &Tally, login: &str) -> bool {
        tally.is_waiting(SHOP, [login.parse().unwrap()].into_iter())
    }

    #[test]
    fn messages_are_counted_by_channel_and_chatters_are_noted() {
        let tally = Tally::default();
        note(&tally, 7, "alice");
        note(&tally, 8, "bob");
        note(&tally, 7, "alice");
        let noted = tally.begin_save();
        let mut chatters: Vec<_> = noted[&SHOP].chatters().collect();
        chatters.sort_by_key(|talked| talked.id.0);
        let alice = KnownChatter { id: ChatterId(7), login: "alice".parse().unwrap(), display_name: "ALICE".into() };
        assert_eq!((noted[&SHOP].messages, chatters[0], chatters.len()), (3, &alice, 2));
    }

    #[test]
    fn a_chatter_waits_until_saved() {
        let tally = Tally::default();
        note(&tally, 7, "alice");
        assert!(is_waiting(&tally, "alice") && !is_waiting(&tally, "bob"));
        tally.begin_save();
        assert!(is_waiting(&tally, "alice"), "taken out is not on disk");
        note(&tally, 8, "bob");
        tally.finish_save();
        assert!(!is_waiting(&tally, "alice") && is_waiting(&tally, "bob"));
        assert!(!tally.is_waiting(ChannelId(2), ["bob".parse().unwrap()].into_iter()));
    }

    #[test]
    fn a_crowd_is_noted_up_to_a_point_and_counted_beyond() {
        let tally = Tally::default();
        for id in 0..2 * MOST_CHATTERS as u64 {
            note(&tally, id, &format!("chatter_{id}"));
        }
        let noted = tally.begin_save();
        assert_eq!(noted[&SHOP].chatters().count(), MOST_CHATTERS);
        assert_eq!(noted[&SHOP].messages, 2 * MOST_CHATTERS as u64);
        note(&tally, 1, "late");
        assert!(is_waiting(&tally, "late"), "there is room again");
    }
}
