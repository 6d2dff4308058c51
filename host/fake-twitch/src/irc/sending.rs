//! PRIVMSG from a connection: everything that Twitch holds against it, in the order in which it is asked here.
//!
//! Twitch does not document its order. Here counting comes first, then whether the account may talk at all, then
//! the room's modes, then the text: so every attempt counts against the windows.

use std::time::Duration;

use tokio::time::Instant;

use crate::irc::delivery::Delivery;
use crate::irc::line::ClientLine;
use crate::irc::notice::Notice;
use crate::observed::Kind;
use crate::rules::{Rule, Verdict};
use crate::state::{Identity, SessionId, State};
use crate::text::{self, Leading};
use crate::world::{Barred, Channel, Chatter, Roles, RoomModes};

/// Unique-chat mode looks only at longer messages (the documentation of `r9k` in ROOMSTATE).
const UNIQUE_FROM_CHARS: usize = 10;

/// A message on its way through the rules.
struct Attempt<'a> {
    id: SessionId,
    from: Chatter,
    roles: Roles,
    room_id: String,
    channel: &'a str,
    text: &'a str,
    now: Instant,
}

impl State {
    /// An anonymous connection cannot send, and a channel that does not exist swallows what is sent to it. A
    /// channel need not be joined.
    pub(crate) fn take_message(&mut self, id: SessionId, line: &ClientLine<'_>, now: Instant) {
        let Some(Identity::Account(login)) = self.find_session(id).map(|session| session.identity.clone()) else {
            return;
        };
        let [target, text, ..] = line.params.as_slice() else { return };
        let name = target.strip_prefix('#').unwrap_or_default().to_ascii_lowercase();
        let from = self.world.chatter(&login);
        if self.policy.has_any_channel {
            self.world.open_channel(&name);
        }
        let Some(channel) = self.world.find_channel(&name) else { return };
        let (roles, room_id) = (channel.roles_of(&from), channel.room_id.clone());
        let attempt = Attempt { id, from, roles, room_id, channel: &name, text, now };
        if !self.is_admitted(&attempt) {
            return;
        }
        let refusal = self.world.find_channel_mut(&name).and_then(|channel| channel.take_refusal(&attempt.from));
        if let Some(refusal) = refusal {
            if let Some(notice) = refusal.notice() {
                self.send(id, &notice.line(&name, ""));
            }
            return;
        }
        match self.check_standing(&attempt) {
            Some(notice) => self.send(id, &notice.line(&name, "")),
            None => self.take_text(attempt, line),
        }
    }

    /// Counts the message, and says what going over a limit brings.
    fn is_admitted(&mut self, attempt: &Attempt<'_>) -> bool {
        let Attempt { id, now, .. } = *attempt;
        if !self.policy.has_limits {
            return true;
        }
        let record = self.record(&attempt.from.login);
        match record.admit_message(&attempt.room_id, attempt.roles.is_privileged(), now) {
            Verdict::Admitted => return true,
            Verdict::Swallowed => {}
            Verdict::OverLimit => self.note_violation(id, Rule::Messages, now),
            Verdict::TooQuick => {
                self.note_violation(id, Rule::MessagesInChannel, now);
                self.send(id, &Notice::RateLimit.line(attempt.channel, ""));
            }
        }
        false
    }

    /// Whether the account may talk in this room now, whatever it says.
    fn check_standing(&mut self, attempt: &Attempt<'_>) -> Option<Notice> {
        let Attempt { from, roles, now, .. } = attempt;
        let channel = self.world.find_channel(attempt.channel)?;
        if channel.is_suspended {
            return Some(Notice::ChannelSuspended);
        }
        match channel.find_barred(from, *now) {
            Some(Barred::Banned) => return Some(Notice::Banned),
            Some(Barred::TimedOutUntil(until)) => return Some(Notice::TimedOut(until.duration_since(*now))),
            None => {}
        }
        if roles.is_privileged() {
            return None;
        }
        let RoomModes { slow, subscribers_only, followers_only, .. } = channel.modes;
        if subscribers_only && !roles.subscribes() {
            return Some(Notice::SubscribersOnly);
        }
        if let Some(refusal) = followers_only.and_then(|asked| check_following(channel, from, asked, *now)) {
            return Some(refusal);
        }
        let wait = self.record(&from.login).find_slow_wait(&attempt.room_id, slow?, *now)?;
        Some(Notice::SlowMode(wait))
    }

    /// What the text itself brings about.
    fn take_text(&mut self, attempt: Attempt<'_>, line: &ClientLine<'_>) {
        let Attempt { id, now, .. } = attempt;
        let text = text::cut(attempt.text);
        if text.len() < attempt.text.len() {
            self.note_violation(id, Rule::OverLength, now);
        }
        let text = text::without_tags(text);
        let (kind, text) = match text::parse_leading(&text) {
            Leading::Plain(text) => (Kind::Message, text),
            Leading::Action(text) => (Kind::Action, text),
            Leading::Eaten(rest) => {
                self.note_violation(id, Rule::LeadingCommand, now);
                (Kind::Message, rest)
            }
            Leading::Unrecognized(word) => {
                self.note_violation(id, Rule::LeadingCommand, now);
                return self.send(id, &Notice::UnrecognizedCommand.line(attempt.channel, word));
            }
        };
        if let Some(notice) = self.check_text(&attempt, text) {
            return self.send(id, &notice.line(attempt.channel, ""));
        }
        let collapsed = text::collapse(text);
        if collapsed.is_empty() {
            return;
        }
        self.record(&attempt.from.login).note_delivered(&attempt.room_id, collapsed, now);
        let delivery = Delivery {
            channel: attempt.channel.to_owned(),
            from: attempt.from,
            roles: attempt.roles,
            text: text.to_owned(),
            kind,
            reply_to: line.find_tag("reply-parent-msg-id").map(str::to_owned),
            id: self.clock.next_id(),
            tags: line
                .find_tag("client-nonce")
                .map(|n| ("client-nonce".to_owned(), n.to_owned()))
                .into_iter()
                .collect(),
        };
        self.send_user_state(id, &delivery.channel, Some(&delivery.id));
        self.deliver(delivery, Some(id), now);
    }

    fn check_text(&mut self, attempt: &Attempt<'_>, text: &str) -> Option<Notice> {
        let Attempt { id, roles, now, .. } = attempt;
        if text::has_control_characters(text) {
            // Noted as a violation where the line was read.
            return Some(Notice::BadCharacters);
        }
        let collapsed = text::collapse(text);
        let is_duplicate = self.record(&attempt.from.login).is_duplicate(&attempt.room_id, &collapsed, *now);
        if is_duplicate && !roles.is_privileged() && self.policy.has_limits {
            self.note_violation(*id, Rule::Duplicate, *now);
            return Some(Notice::Duplicate);
        }
        if roles.moderates() {
            return None;
        }
        let channel = self.world.find_channel(attempt.channel)?;
        if channel.modes.emote_only && !text::is_emotes_only(text) {
            return Some(Notice::EmoteOnly);
        }
        let is_long = text.chars().count() >= UNIQUE_FROM_CHARS;
        let was_said = || channel.list_messages().any(|message| text::collapse(&message.text) == collapsed);
        (channel.modes.unique && is_long && was_said()).then_some(Notice::NotUnique)
    }
}

/// `asked` is how long one must have followed.
fn check_following(channel: &Channel, chatter: &Chatter, asked: Duration, now: Instant) -> Option<Notice> {
    let Some(followed_at) = channel.find_followed_at(chatter) else {
        return Some(if asked.is_zero() { Notice::FollowersOnlyZero } else { Notice::FollowersOnly(asked) });
    };
    let reached = now.saturating_duration_since(followed_at);
    (reached < asked).then_some(Notice::FollowersOnlyFollowed(asked, reached))
}
