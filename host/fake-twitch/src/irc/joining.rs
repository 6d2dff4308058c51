//! JOIN and PART, and the lines that a client gets on joining.

use std::time::Duration;

use tokio::time::Instant;

use crate::irc::Irc;
use crate::irc::line::{ClientLine, Line, Tags, prefix_of};
use crate::irc::sessions::{Identity, SessionId};
use crate::world::channel::{Barred, Channel};
use crate::world::chatter::{Chatter, Role, Roles};
use crate::world::refusal::Refusal;
use crate::world::rules::{self, Rule};

impl Irc<'_> {
    /// Handles `JOIN #a,#b`. Each name counts against the limit, even if the channel does not exist.
    pub(crate) fn join(&mut self, id: SessionId, line: &ClientLine<'_>, now: Instant) {
        for channel in channel_names(line) {
            match self.check_join(id, &channel, now) {
                Ok(()) => self.enter(id, &channel),
                Err(refusal) => self.refuse(id, refusal, &channel, ""),
            }
        }
    }

    fn check_join(&mut self, id: SessionId, name: &str, now: Instant) -> Result<(), Refusal> {
        let identity = self.sessions.find(id).map(|session| session.identity.clone()).ok_or(Refusal::Silent)?;
        let has_limits = self.world.policy.has_limits;
        if let Identity::Account(login) = &identity
            && has_limits
            && !self.world.record(login).joins.admit(rules::JOINS, rules::JOINS_WITHIN, now)
        {
            self.note_violation(id, Rule::Joins, now);
            return Err(Refusal::Silent);
        }
        if self.world.policy.has_any_channel {
            self.world.open_channel(name);
        }
        let channel = self.world.find_channel(name).ok_or(Refusal::Silent)?;
        if channel.is_suspended {
            return Err(Refusal::ChannelSuspended);
        }
        let Identity::Account(login) = &identity else { return Ok(()) };
        let chatter = self.world.find_chatter(login).ok_or(Refusal::Silent)?;
        if channel.find_barred(chatter, now) == Some(Barred::Banned) {
            return Err(Refusal::Banned);
        }
        let is_one_too_many = has_limits
            && !channel.roles_of(chatter).moderates()
            && !self.sessions.is_joined(login, name)
            && self.count_unmoderated(chatter) >= rules::CHANNELS;
        if is_one_too_many {
            self.note_violation(id, Rule::Channels, now);
            return Err(Refusal::Silent);
        }
        Ok(())
    }

    /// The account's joined channels that count against the limit of 100.
    fn count_unmoderated(&self, chatter: &Chatter) -> usize {
        let own = self.sessions.list().filter(|(_, session)| session.identity.login() == chatter.login);
        let mut channels: Vec<&str> = own.flat_map(|(_, session)| session.joined.iter().map(String::as_str)).collect();
        channels.sort_unstable();
        channels.dedup();
        let moderates = |channel: &Channel| channel.roles_of(chatter).moderates();
        channels.into_iter().filter(|name| !self.world.find_channel(name).is_some_and(moderates)).count()
    }

    /// A repeated JOIN of a channel is ignored.
    fn enter(&mut self, id: SessionId, channel: &str) {
        let Some(session) = self.sessions.find_mut(id) else { return };
        if !session.joined.insert(channel.to_owned()) {
            return;
        }
        let login = session.identity.login().to_owned();
        let echo = Line::new(format!(":{} JOIN #{channel}", prefix_of(&login)));
        self.send(id, &echo);
        self.tell_others(id, channel, &echo);
        self.send_names(id, channel);
        self.send_user_state(id, channel, None);
        if let Some(channel) = self.world.find_channel(channel) {
            let state = room_state(channel);
            self.send(id, &state);
        }
    }

    pub(crate) fn part(&mut self, id: SessionId, line: &ClientLine<'_>) {
        for channel in channel_names(line) {
            self.leave(id, &channel);
        }
    }

    /// Takes a connection out of a channel, and sends the PART.
    pub(crate) fn leave(&mut self, id: SessionId, channel: &str) {
        let Some(session) = self.sessions.find_mut(id) else { return };
        if session.joined.remove(channel) {
            let echo = Line::new(format!(":{} PART #{channel}", prefix_of(session.identity.login())));
            self.send(id, &echo);
            self.tell_others(id, channel, &echo);
        }
    }

    /// Sends USERSTATE. With `message_id` it is a receipt, the only one, for the connection's own message of this id.
    pub(crate) fn send_user_state(&mut self, id: SessionId, channel: &str, message_id: Option<&str>) {
        let Some(Identity::Account(login)) = self.sessions.find(id).map(|session| session.identity.clone()) else {
            return;
        };
        let chatter = self.world.chatter(&login);
        let Some(channel) = self.world.find_channel(channel) else { return };
        let mut tags = Tags::default();
        write_roles(&channel.roles_of(&chatter), &mut tags);
        tags.set("color", chatter.color).set("display-name", chatter.display_name).set("emote-sets", "0");
        if let Some(message_id) = message_id {
            tags.set("id", message_id);
        }
        let line = Line::tagged(&tags, format!(":tmi.twitch.tv USERSTATE #{}", channel.login)).for_commands();
        self.send(id, &line);
    }
}

pub(super) fn channel_names(line: &ClientLine<'_>) -> Vec<String> {
    let names = line.params.first().copied().unwrap_or_default();
    names.split(',').filter_map(|name| name.strip_prefix('#')).map(str::to_ascii_lowercase).collect()
}

/// Sets the tags that PRIVMSG and USERSTATE share.
pub(super) fn write_roles(roles: &Roles, tags: &mut Tags) {
    let is_moderator = roles.has(Role::Moderator);
    tags.set("badges", roles.badges())
        .set("badge-info", roles.badge_info())
        .set_flag("mod", is_moderator)
        .set_flag("subscriber", roles.has(Role::Subscriber))
        .set("user-type", if is_moderator { "mod" } else { "" });
}

/// The complete ROOMSTATE that a client gets on joining.
fn room_state(channel: &Channel) -> Line {
    let modes = &channel.modes;
    let mut tags = Tags::default();
    tags.set_flag("emote-only", modes.emote_only)
        .set("followers-only", followers_tag(modes.followers_only))
        .set_flag("r9k", modes.unique)
        .set("room-id", &channel.room_id)
        .set("slow", slow_tag(modes.slow))
        .set_flag("subs-only", modes.subscribers_only);
    room_state_line(channel, &tags)
}

pub(crate) fn room_state_line(channel: &Channel, tags: &Tags) -> Line {
    Line::tagged(tags, format!(":tmi.twitch.tv ROOMSTATE #{}", channel.login)).for_commands()
}

/// In minutes; `-1` is off, `0` admits any follower.
pub(crate) fn followers_tag(followers_only: Option<Duration>) -> String {
    followers_only.map_or("-1".to_owned(), |span| (span.as_secs() / 60).to_string())
}

/// In seconds; `0` is off.
pub(crate) fn slow_tag(slow: Option<Duration>) -> String {
    slow.unwrap_or_default().as_secs().to_string()
}
