//! Messages that were written and that Twitch has not answered yet.
//!
//! Twitch answers in the order in which it was spoken to, room by room: with a USERSTATE that bears an id, with a
//! NOTICE, or not at all. So an answer is about the oldest message in flight to its room.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::queue::Sent;
use crate::domain::id::Login;

/// Twitch answers at once or never; a reader that is held up may see it seconds later.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Messages watched; what is sent beyond them is not.
const WATCHED: usize = 8_192;

#[derive(Debug, Default)]
pub(super) struct InFlight {
    rooms: HashMap<Login, VecDeque<Sent>>,
    watched: usize,
    /// Nothing is overdue before; `None` while nothing is watched.
    due_at: Option<Instant>,
}

impl InFlight {
    /// False where there is no room to watch it.
    pub(super) fn watch(&mut self, sent: Sent) -> bool {
        if self.watched >= WATCHED {
            return false;
        }
        self.watched += 1;
        self.due_at.get_or_insert(sent.at + ANSWERED_WITHIN);
        match self.rooms.get_mut(&sent.entry.login) {
            Some(room) => room.push_back(sent),
            None => drop(self.rooms.insert(sent.entry.login.clone(), VecDeque::from([sent]))),
        }
        true
    }

    /// The message that an answer from this room is about.
    pub(super) fn take_answered(&mut self, room: &Login) -> Option<Sent> {
        let sent = self.rooms.get_mut(room)?.pop_front()?;
        self.watched -= 1;
        Some(sent)
    }

    /// Gives up what is overdue; how many that were. Looks at all rooms, but only when one may be overdue, which is
    /// hardly more often than messages are answered within.
    pub(super) fn give_up(&mut self, now: Instant) -> u64 {
        if self.due_at.is_none_or(|due_at| now < due_at) {
            return 0;
        }
        let mut given_up = 0;
        self.rooms.retain(|_, room| {
            while room.pop_front_if(|sent| sent.at + ANSWERED_WITHIN <= now).is_some() {
                given_up += 1;
            }
            !room.is_empty()
        });
        self.watched -= given_up;
        self.due_at = self.rooms.values().filter_map(VecDeque::front).map(|sent| sent.at + ANSWERED_WITHIN).min();
        given_up as u64
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// The connection that would have answered is gone; how many it owes.
    pub(super) fn clear(&mut self) -> u64 {
        let InFlight { watched, .. } = std::mem::take(self);
        watched as u64
    }
}
