//! Channels: modes, members, and the messages so far.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::chatter::{Chatter, Role, Roles};
use super::observed::DeliveredMessage;
use super::refusal::Refusal;

/// Messages that a channel's transcript keeps; the oldest are dropped.
const TRANSCRIPT_KEEPS: usize = 10_000;
/// Most messages that are followed back to the first one of a thread.
const THREAD_LONGEST: usize = 100;

/// Why a chatter may not talk in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barred {
    Banned,
    TimedOutUntil(Instant),
}

/// The modes that restrict who may talk.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoomModes {
    pub(crate) slow: Option<Duration>,
    pub(crate) emote_only: bool,
    pub(crate) subscribers_only: bool,
    /// The least time of following; `Some(ZERO)` admits every follower.
    pub(crate) followers_only: Option<Duration>,
    pub(crate) unique: bool,
}

/// A change of a room's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomChange {
    /// The least time between two messages of one chatter; whole seconds on the wire.
    Slow(Option<Duration>),
    EmoteOnly(bool),
    SubscribersOnly(bool),
    /// The least time of following, in whole minutes on the wire; `Some(ZERO)` admits every follower.
    FollowersOnly(Option<Duration>),
    /// Unique chat, `r9k` on the wire.
    Unique(bool),
}

impl RoomModes {
    pub(crate) fn apply(&mut self, change: RoomChange) {
        match change {
            RoomChange::Slow(slow) => self.slow = slow,
            RoomChange::EmoteOnly(on) => self.emote_only = on,
            RoomChange::SubscribersOnly(on) => self.subscribers_only = on,
            RoomChange::FollowersOnly(asked) => self.followers_only = asked,
            RoomChange::Unique(on) => self.unique = on,
        }
    }
}

/// A chatter's state in one channel.
#[derive(Debug, Default)]
pub(crate) struct Member {
    pub(crate) roles: Roles,
    pub(crate) barred: Option<Barred>,
    pub(crate) followed_at: Option<Instant>,
    /// Refusals of the next messages, one each.
    pub(crate) refusals: VecDeque<Refusal>,
    pub(crate) has_spoken: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) login: String,
    pub(crate) room_id: String,
    pub(crate) is_suspended: bool,
    pub(crate) modes: RoomModes,
    /// By user id, so that a recycled login inherits nothing.
    members: HashMap<String, Member>,
    transcript: VecDeque<DeliveredMessage>,
}

impl Channel {
    pub(super) fn new(login: &str, room_id: &str) -> Self {
        Self { login: login.to_owned(), room_id: room_id.to_owned(), ..Self::default() }
    }

    pub(crate) fn member(&mut self, chatter: &Chatter) -> &mut Member {
        self.members.entry(chatter.id.clone()).or_default()
    }

    pub(crate) fn roles_of(&self, chatter: &Chatter) -> Roles {
        let mut roles = self.members.get(&chatter.id).map(|member| member.roles.clone()).unwrap_or_default();
        if chatter.id == self.room_id {
            roles.0.insert(Role::Broadcaster);
        }
        roles
    }

    pub(crate) fn find_barred(&self, chatter: &Chatter, now: Instant) -> Option<Barred> {
        let barred = self.members.get(&chatter.id)?.barred;
        barred.filter(|barred| !matches!(barred, Barred::TimedOutUntil(until) if *until <= now))
    }

    pub(crate) fn find_followed_at(&self, chatter: &Chatter) -> Option<Instant> {
        self.members.get(&chatter.id)?.followed_at
    }

    pub(crate) fn note_message(&mut self, message: DeliveredMessage) {
        if self.transcript.len() == TRANSCRIPT_KEEPS {
            self.transcript.pop_front();
        }
        self.transcript.push_back(message);
    }

    pub(crate) fn list_messages(&self) -> impl Iterator<Item = &DeliveredMessage> {
        self.transcript.iter()
    }

    pub(crate) fn find_message(&self, id: &str) -> Option<&DeliveredMessage> {
        self.transcript.iter().rev().find(|message| message.id == id)
    }

    /// The first message of `message`'s thread.
    pub(crate) fn find_thread_start<'a>(&'a self, message: &'a DeliveredMessage) -> &'a DeliveredMessage {
        let parent_of = |message: &&'a DeliveredMessage| self.find_message(message.reply_to.as_deref()?);
        // A script chooses ids, and may make a cycle of them.
        std::iter::successors(Some(message), parent_of).take(THREAD_LONGEST).last().unwrap_or(message)
    }
}
