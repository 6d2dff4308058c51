//! Which message of ours an answer is about.
//!
//! Over IRC, Twitch answers in the order in which it was spoken to, room by room: by a USERSTATE that bears an id, by a NOTICE, or
//! not at all. So an answer is about the oldest message of its room that has none yet.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::Login;
use crate::twitch::account::departure::Ticket;

/// Twitch answers at once or never; a reader that is held up may see it seconds later.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Messages watched. More would have to be sent within the time of an answer than Twitch's limits allow a hundred accounts.
const WATCHED: usize = 65_536;

/// The messages of one connection that Twitch has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Answers {
    rooms: HashMap<Login, VecDeque<(Ticket, Instant)>>,
    watched: usize,
    /// Nothing is overdue before; `None` while nothing is watched.
    due_at: Option<Instant>,
}

impl Answers {
    /// To be called in the order in which the messages are written. False where there is no room to watch it.
    pub(super) fn watch(&mut self, room: &Login, ticket: Ticket, now: Instant) -> bool {
        if self.watched >= WATCHED {
            return false;
        }
        self.watched += 1;
        self.due_at.get_or_insert(now + ANSWERED_WITHIN);
        match self.rooms.get_mut(room) {
            Some(waiting) => waiting.push_back((ticket, now)),
            None => drop(self.rooms.insert(room.clone(), VecDeque::from([(ticket, now)]))),
        }
        true
    }

    /// The message that an answer from this room is about.
    pub(super) fn take(&mut self, room: &Login) -> Option<Ticket> {
        let (ticket, _) = self.rooms.get_mut(room)?.pop_front()?;
        self.watched -= 1;
        Some(ticket)
    }

    /// Gives up what is overdue. Looks at all rooms, but only when one may be overdue, which is hardly more often than messages
    /// are answered within.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<Ticket> {
        if self.due_at.is_none_or(|due_at| now < due_at) {
            return Vec::new();
        }
        let mut overdue = Vec::new();
        self.rooms.retain(|_, waiting| {
            while let Some((ticket, _)) = waiting.pop_front_if(|(_, at)| *at + ANSWERED_WITHIN <= now) {
                overdue.push(ticket);
            }
            !waiting.is_empty()
        });
        self.watched -= overdue.len();
        self.due_at = self.rooms.values().filter_map(VecDeque::front).map(|(_, at)| *at + ANSWERED_WITHIN).min();
        overdue
    }

    /// When there may be something overdue.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn room(number: u8) -> Login {
        format!("room_{number}").parse().unwrap()
    }

    #[test]
    fn what_is_unanswered_is_given_up_after_a_while() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        assert!(answers.watch(&room(1), Ticket(1), now) && answers.watch(&room(2), Ticket(2), now));
        assert_eq!((answers.take(&room(2)), answers.take(&room(2))), (Some(Ticket(2)), None));
        assert_eq!((answers.take_overdue(now), answers.due_at()), (vec![], Some(now + ANSWERED_WITHIN)));
        assert_eq!(answers.take_overdue(now + ANSWERED_WITHIN), [Ticket(1)]);
        assert_eq!((answers.watched, answers.due_at(), answers.take(&room(1))), (0, None, None));
    }

    proptest! {
        /// Twitch answers each room in its order, some messages late or never, and rooms in any order.
        #[test]
        fn an_answer_is_about_the_oldest_message_of_its_room_that_waits(
            steps in prop::collection::vec((0u8..4, prop::option::of(0u64..3)), 0..200),
        ) {
            let (mut answers, mut now) = (Answers::default(), Instant::now());
            let mut expected: Vec<(u8, Ticket, Instant)> = Vec::new();
            for (number, (from, answered_after)) in (0..).zip(steps) {
                match answered_after {
                    None => {
                        prop_assert!(answers.watch(&room(from), Ticket(number), now));
                        expected.push((from, Ticket(number), now));
                    }
                    Some(seconds) => {
                        now += Duration::from_secs(seconds);
                        let mut overdue = answers.take_overdue(now);
                        overdue.sort_by_key(|ticket| ticket.0);
                        let given_up = expected.extract_if(.., |(_, _, at)| *at + ANSWERED_WITHIN <= now);
                        prop_assert_eq!(overdue, given_up.map(|(_, ticket, _)| ticket).collect::<Vec<_>>());
                        let oldest = expected.iter().position(|(room, ..)| *room == from);
                        prop_assert_eq!(answers.take(&room(from)), oldest.map(|at| expected.remove(at).1));
                    }
                }
                prop_assert_eq!(answers.watched, expected.len());
            }
        }
    }
}
