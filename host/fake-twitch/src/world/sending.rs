//! All checks of a message that an account sends, in their order.
//!
//! Twitch does not document its order. Here the limits come first, so that every attempt counts; then whether the
//! account may talk at all, then the room's modes, then the text.

use std::time::Duration;

use tokio::time::Instant;

use super::channel::{Barred, Channel, RoomModes};
use super::chatter::{Chatter, Roles};
use super::event::Message;
use super::observed::Kind;
use super::refusal::Refusal;
use super::rules::{Rule, Verdict};
use super::text::{self, Leading};
use super::{ConnectionId, World};

/// Unique-chat mode checks only messages at least this long (the documentation of `r9k` in ROOMSTATE).
const UNIQUE_FROM_CHARS: usize = 10;

/// A message as an account sends it.
pub(crate) struct Draft<'a> {
    pub(crate) login: &'a str,
    /// The channel's login.
    pub(crate) channel: &'a str,
    pub(crate) text: &'a str,
    /// Id of the parent message.
    pub(crate) reply_to: Option<&'a str>,
    pub(crate) sent_by: Option<ConnectionId>,
    pub(crate) irc_tags: Vec<(String, String)>,
}

/// A message while it is being checked.
struct Attempt<'a> {
    draft: Draft<'a>,
    from: Chatter,
    roles: Roles,
    room_id: String,
    now: Instant,
}

impl World {
    /// Delivers a message, and returns its id. The channel need not be joined. A message to a channel that does not
    /// exist is dropped without a NOTICE.
    pub(crate) fn send(&mut self, draft: Draft<'_>, now: Instant) -> Result<String, Refusal> {
        let from = self.chatter(draft.login);
        if self.policy.has_any_channel {
            self.open_channel(draft.channel);
        }
        let channel = self.find_channel(draft.channel).ok_or(Refusal::Silent)?;
        let (roles, room_id) = (channel.roles_of(&from), channel.room_id.clone());
        let attempt = Attempt { draft, from, roles, room_id, now };
        self.count_attempt(&attempt)?;
        let room = self.find_channel_mut(attempt.draft.channel);
        if let Some(refusal) = room.and_then(|room| room.member(&attempt.from).refusals.pop_front()) {
            return Err(refusal);
        }
        self.check_standing(&attempt)?;
        self.deliver_text(attempt)
    }

    /// Counts the message against the account's limits. The error is the refusal of a message beyond them.
    fn count_attempt(&mut self, attempt: &Attempt<'_>) -> Result<(), Refusal> {
        if !self.policy.has_limits {
            return Ok(());
        }
        let (login, now) = (&attempt.from.login, attempt.now);
        match self.record(login).admit_message(&attempt.room_id, attempt.roles.is_privileged(), now) {
            Verdict::Admitted => Ok(()),
            Verdict::Swallowed => Err(Refusal::Silent),
            Verdict::OverLimit => {
                self.log.note_violation(Rule::Messages, login, now);
                Err(Refusal::Silent)
            }
            Verdict::TooQuick => {
                self.log.note_violation(Rule::MessagesInChannel, login, now);
                Err(Refusal::RateLimit)
            }
        }
    }

    /// Whether the account may talk in this room now, regardless of the text.
    fn check_standing(&mut self, attempt: &Attempt<'_>) -> Result<(), Refusal> {
        let Attempt { from, roles, now, .. } = attempt;
        let channel = self.find_channel(attempt.draft.channel).ok_or(Refusal::Silent)?;
        if channel.is_suspended {
            return Err(Refusal::ChannelSuspended);
        }
        match channel.find_barred(from, *now) {
            Some(Barred::Banned) => return Err(Refusal::Banned),
            Some(Barred::TimedOutUntil(until)) => return Err(Refusal::TimedOut(until.duration_since(*now))),
            None => {}
        }
        if roles.is_privileged() {
            return Ok(());
        }
        let RoomModes { slow, subscribers_only, followers_only, .. } = channel.modes;
        if subscribers_only && !roles.subscribes() {
            return Err(Refusal::SubscribersOnly);
        }
        if let Some(asked) = followers_only {
            check_following(channel, from, asked, *now)?;
        }
        let wait = slow.and_then(|slow| self.record(&from.login).find_slow_wait(&attempt.room_id, slow, *now));
        wait.map_or(Ok(()), |wait| Err(Refusal::SlowMode(wait)))
    }

    /// Handles a command at the beginning of the text, then checks and delivers the text that the room reads.
    fn deliver_text(&mut self, attempt: Attempt<'_>) -> Result<String, Refusal> {
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
            Leading::Unrecognized(_) => {
                self.log.note_violation(Rule::LeadingCommand, login, now);
                return Err(Refusal::UnrecognizedCommand);
            }
        };
        self.check_text(&attempt, text)?;
        let collapsed = text::collapse(text);
        if collapsed.is_empty() {
            return Err(Refusal::Silent);
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
        Ok(id)
    }

    fn check_text(&mut self, attempt: &Attempt<'_>, text: &str) -> Result<(), Refusal> {
        let Attempt { roles, now, .. } = attempt;
        if text::has_control_characters(text) {
            // The violation was recorded when the line was read.
            return Err(Refusal::BadCharacters);
        }
        let collapsed = text::collapse(text);
        let is_duplicate = self.record(&attempt.from.login).is_duplicate(&attempt.room_id, &collapsed, *now);
        if is_duplicate && !roles.is_privileged() && self.policy.has_limits {
            self.log.note_violation(Rule::Duplicate, &attempt.from.login, *now);
            return Err(Refusal::Duplicate);
        }
        if roles.moderates() {
            return Ok(());
        }
        let channel = self.find_channel(attempt.draft.channel).ok_or(Refusal::Silent)?;
        if channel.modes.emote_only && !text::is_emotes_only(text) {
            return Err(Refusal::EmoteOnly);
        }
        let is_long = text.chars().count() >= UNIQUE_FROM_CHARS;
        let was_said = || channel.list_messages().any(|message| text::collapse(&message.text) == collapsed);
        if channel.modes.unique && is_long && was_said() { Err(Refusal::NotUnique) } else { Ok(()) }
    }
}

/// `asked` is the least time of following.
fn check_following(channel: &Channel, chatter: &Chatter, asked: Duration, now: Instant) -> Result<(), Refusal> {
    let followed_at = channel.find_followed_at(chatter).ok_or(Refusal::FollowersOnly(asked))?;
    let reached = now.saturating_duration_since(followed_at);
    if reached < asked { Err(Refusal::FollowersOnlyFollowed(asked, reached)) } else { Ok(()) }
}
