//! A message that an account sends: everything that Twitch holds against it, in the order in which it is asked here.
//!
//! Twitch does not document its order. Here counting comes first, then whether the account may talk at all, then
//! the room's modes, then the text: so every attempt counts against the windows.

use std::time::Duration;

use tokio::time::Instant;

use super::channel::{Barred, Channel, RoomModes};
use super::chatter::{Chatter, Roles};
use super::happening::Message;
use super::observed::Kind;
use super::refusal::Refused;
use super::rules::{Rule, Verdict};
use super::text::{self, Leading};
use super::{ConnectionId, World};

/// Unique-chat mode looks only at longer messages (the documentation of `r9k` in ROOMSTATE).
const UNIQUE_FROM_CHARS: usize = 10;

/// What an account sends.
pub(crate) struct Draft<'a> {
    pub(crate) login: &'a str,
    /// Its login.
    pub(crate) channel: &'a str,
    pub(crate) text: &'a str,
    /// Id of the message that it answers.
    pub(crate) reply_to: Option<&'a str>,
    pub(crate) sent_by: Option<ConnectionId>,
    pub(crate) irc_tags: Vec<(String, String)>,
}

/// What becomes of it.
pub(crate) enum Sent {
    /// With the id that it was given.
    Delivered(String),
    /// With the word that the reason is about, if any.
    Refused(Refused, String),
    /// Nobody is told.
    Swallowed,
}

impl From<Refused> for Sent {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused, String::new())
    }
}

/// A message on its way through the rules.
struct Attempt<'a> {
    draft: Draft<'a>,
    from: Chatter,
    roles: Roles,
    room_id: String,
    now: Instant,
}

impl World {
    /// A channel that does not exist swallows what is sent to it. A channel need not be joined.
    pub(crate) fn send(&mut self, draft: Draft<'_>, now: Instant) -> Sent {
        let from = self.chatter(draft.login);
        if self.policy.has_any_channel {
            self.open_channel(draft.channel);
        }
        let Some(channel) = self.find_channel(draft.channel) else { return Sent::Swallowed };
        let (roles, room_id) = (channel.roles_of(&from), channel.room_id.clone());
        let attempt = Attempt { draft, from, roles, room_id, now };
        if let Some(outcome) = self.count_attempt(&attempt) {
            return outcome;
        }
        let room = self.find_channel_mut(attempt.draft.channel);
        if let Some(refusal) = room.and_then(|room| room.take_refusal(&attempt.from)) {
            return refusal.reason().map_or(Sent::Swallowed, Sent::from);
        }
        match self.check_standing(&attempt) {
            Some(refused) => refused.into(),
            None => self.take_text(attempt),
        }
    }

    /// Counts the message; what going over a limit brings.
    fn count_attempt(&mut self, attempt: &Attempt<'_>) -> Option<Sent> {
        if !self.policy.has_limits {
            return None;
        }
        let (login, now) = (&attempt.from.login, attempt.now);
        match self.record(login).admit_message(&attempt.room_id, attempt.roles.is_privileged(), now) {
            Verdict::Admitted => None,
            Verdict::Swallowed => Some(Sent::Swallowed),
            Verdict::OverLimit => {
                self.log.note_violation(Rule::Messages, login, now);
                Some(Sent::Swallowed)
            }
            Verdict::TooQuick => {
                self.log.note_violation(Rule::MessagesInChannel, login, now);
                Some(Refused::RateLimit.into())
            }
        }
    }

    /// Whether the account may talk in this room now, whatever it says.
    fn check_standing(&mut self, attempt: &Attempt<'_>) -> Option<Refused> {
        let Attempt { from, roles, now, .. } = attempt;
        let channel = self.find_channel(attempt.draft.channel)?;
        if channel.is_suspended {
            return Some(Refused::ChannelSuspended);
        }
        match channel.find_barred(from, *now) {
            Some(Barred::Banned) => return Some(Refused::Banned),
            Some(Barred::TimedOutUntil(until)) => return Some(Refused::TimedOut(until.duration_since(*now))),
            None => {}
        }
        if roles.is_privileged() {
            return None;
        }
        let RoomModes { slow, subscribers_only, followers_only, .. } = channel.modes;
        if subscribers_only && !roles.subscribes() {
            return Some(Refused::SubscribersOnly);
        }
        if let Some(refusal) = followers_only.and_then(|asked| check_following(channel, from, asked, *now)) {
            return Some(refusal);
        }
        let wait = self.record(&from.login).find_slow_wait(&attempt.room_id, slow?, *now)?;
        Some(Refused::SlowMode(wait))
    }

    /// What the text itself brings about.
    fn take_text(&mut self, attempt: Attempt<'_>) -> Sent {
        let (login, now) = (attempt.from.login.as_str(), attempt.now);
        let text = text::cut(attempt.draft.text);
        if text.len() < attempt.draft.text.len() {
            self.log.note_violation(Rule::OverLength, login, now);
        }
        let text = text::without_tags(text);
        let (kind, text) = match text::parse_leading(&text) {
            Leading::Plain(text) => (Kind::Message, text),
            Leading::Action(text) => (Kind::Action, text),
            Leading::Eaten(rest) => {
                self.log.note_violation(Rule::LeadingCommand, login, now);
                (Kind::Message, rest)
            }
            Leading::Unrecognized(word) => {
                self.log.note_violation(Rule::LeadingCommand, login, now);
                return Sent::Refused(Refused::UnrecognizedCommand, word.to_owned());
            }
        };
        if let Some(refused) = self.check_text(&attempt, text) {
            return refused.into();
        }
        let collapsed = text::collapse(text);
        if collapsed.is_empty() {
            return Sent::Swallowed;
        }
        self.record(login).note_delivered(&attempt.room_id, collapsed, now);
        let Attempt { draft, from, roles, .. } = attempt;
        let id = self.clock.next_id();
        let message = Message {
            text: text.to_owned(),
            kind,
            sent_by: draft.sent_by,
            irc_tags: draft.irc_tags,
            ..Message::new(from, roles, id.clone(), now)
        };
        self.deliver(draft.channel, message, draft.reply_to);
        Sent::Delivered(id)
    }

    fn check_text(&mut self, attempt: &Attempt<'_>, text: &str) -> Option<Refused> {
        let Attempt { roles, now, .. } = attempt;
        if text::has_control_characters(text) {
            // Noted as a violation where the line was read.
            return Some(Refused::BadCharacters);
        }
        let collapsed = text::collapse(text);
        let is_duplicate = self.record(&attempt.from.login).is_duplicate(&attempt.room_id, &collapsed, *now);
        if is_duplicate && !roles.is_privileged() && self.policy.has_limits {
            self.log.note_violation(Rule::Duplicate, &attempt.from.login, *now);
            return Some(Refused::Duplicate);
        }
        if roles.moderates() {
            return None;
        }
        let channel = self.find_channel(attempt.draft.channel)?;
        if channel.modes.emote_only && !text::is_emotes_only(text) {
            return Some(Refused::EmoteOnly);
        }
        let is_long = text.chars().count() >= UNIQUE_FROM_CHARS;
        let was_said = || channel.list_messages().any(|message| text::collapse(&message.text) == collapsed);
        (channel.modes.unique && is_long && was_said()).then_some(Refused::NotUnique)
    }
}

/// `asked` is how long one must have followed.
fn check_following(channel: &Channel, chatter: &Chatter, asked: Duration, now: Instant) -> Option<Refused> {
    let Some(followed_at) = channel.find_followed_at(chatter) else {
        return Some(if asked.is_zero() { Refused::FollowersOnlyZero } else { Refused::FollowersOnly(asked) });
    };
    let reached = now.saturating_duration_since(followed_at);
    (reached < asked).then_some(Refused::FollowersOnlyFollowed(asked, reached))
}
