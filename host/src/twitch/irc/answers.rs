//! Matches Twitch's answers to our messages.
//!
//! An IRC answer names no message. Within a room, Twitch answers in the order of the messages, each with a USERSTATE
//! that has an id, with a NOTICE, or not at all. So an answer is about the oldest unanswered message of its room.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::Login;
use crate::twitch::account::departure::Ticket;

/// Twitch answers at once or never, but a connection that is read late may see the answer seconds later.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Messages watched at once. Twitch's limits keep even a hundred accounts from sending more within 10 s.
const WATCHED: usize = 65_536;

/// One connection's messages that Twitch has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Answers {
    rooms: HashMap<Login, VecDeque<(Ticket, Instant)>>,
    watched: usize,
    /// No message is overdue before this moment; `None` while no message is watched.
    due_at: Option<Instant>,
}

impl Answers {
    /// Must be called in the order in which messages are written. False if `WATCHED` messages are watched already.
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

    /// Removes and returns the message that an answer from this room is about.
    pub(super) fn take(&mut self, room: &Login) -> Option<Ticket> {
        let (ticket, _) = self.rooms.get_mut(room)?.pop_front()?;
        self.watched -= 1;
        Some(ticket)
    }

    /// Removes and returns the overdue messages. Goes through all rooms, but only about once per `ANSWERED_WITHIN`.
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

    /// The first moment at which a message may be overdue.
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
        /// Twitch answers the messages of one room in order, some late or never; rooms are answered in any order.
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
