//! Writes the events of the world as IRC lines, for the connections in the room.

use std::time::Duration;

use tokio::time::Instant;

use crate::irc::Irc;
use crate::irc::joining::{followers_tag, room_state_line, slow_tag, write_roles};
use crate::irc::line::{Line, Tags, prefix_of};
use crate::irc::notice::{describe_change, notice_line};
use crate::world::channel::RoomChange;
use crate::world::chatter::{Chatter, Role};
use crate::world::event::{Event, EventKind, Message};
use crate::world::observed::{DeliveredMessage, Kind};
use crate::world::text::emotes_tag;

impl Irc<'_> {
    pub(crate) fn report(&mut self, event: &Event) {
        let channel = &event.channel;
        match &event.kind {
            EventKind::Message(message) => self.report_message(channel, message),
            EventKind::ModeChanged(change) => self.report_mode(channel, *change),
            EventKind::Cleared => self.report_cleared(channel, None),
            EventKind::Barred(chatter, span) => {
                self.report_cleared(channel, Some((chatter, *span)));
                if span.is_none() {
                    let is_banned =
                        |id: &_| self.sessions.find(*id).is_some_and(|it| it.identity.login() == chatter.login);
                    let banned: Vec<_> = self.sessions.members(channel).into_iter().filter(is_banned).collect();
                    banned.into_iter().for_each(|id| self.leave(id, channel));
                }
            }
            EventKind::Deleted(message) => self.report_deleted(channel, message),
        }
    }

    /// PRIVMSG with all its tags, to every connection in the channel except the sender's.
    fn report_message(&mut self, channel: &str, message: &Message) {
        let Some(room) = self.world.find_channel(channel) else { return };
        let Message { from, roles, .. } = message;
        let mut tags = Tags::default();
        write_roles(roles, &mut tags);
        tags.set("color", &from.color)
            .set("display-name", &from.display_name)
            .set_flag("first-msg", message.is_first)
            .set("flags", "")
            .set("id", &message.id)
            .set("returning-chatter", "0")
            .set("room-id", &room.room_id)
            .set("tmi-sent-ts", self.world.clock.sent_ts(message.at))
            .set("turbo", "0")
            .set("user-id", &from.id);
        if roles.has(Role::Vip) {
            tags.set("vip", "1");
        }
        let text = match &message.parent {
            Some(parent) => self.write_reply(&mut tags, parent, &message.text),
            None => message.text.clone(),
        };
        tags.set("emotes", emotes_tag(&text));
        if let Some(source) = &message.shared_from {
            tags.set("source-badge-info", roles.badge_info())
                .set("source-badges", roles.badges())
                .set("source-id", &source.message_id)
                .set("source-only", "0")
                .set("source-room-id", &source.room_id);
        }
        for (key, value) in &message.irc_tags {
            tags.set(key, value);
        }
        let text = match message.kind {
            Kind::Message => text,
            Kind::Action => format!("\u{1}ACTION {text}\u{1}"),
        };
        let line = Line::tagged(&tags, format!(":{} PRIVMSG #{channel} :{text}", prefix_of(&from.login)));
        let mut readers = self.sessions.members(channel);
        readers.retain(|id| Some(*id) != message.sent_by);
        self.send_all(&readers, &line);
    }

    /// Adds the tags of a reply. Returns the text on the wire, where Twitch itself puts a mention of the parent's
    /// author first (mrphlip/lrrbot#974, and every captured line).
    fn write_reply(&self, tags: &mut Tags, parent: &DeliveredMessage, text: &str) -> String {
        let find = |login: &str| self.world.find_chatter(login).cloned();
        let Some((channel, author)) = self.world.find_channel(&parent.channel).zip(find(&parent.from)) else {
            return text.to_owned();
        };
        tags.set("reply-parent-msg-id", &parent.id)
            .set("reply-parent-user-id", &author.id)
            .set("reply-parent-user-login", &author.login)
            .set("reply-parent-display-name", &author.display_name)
            .set("reply-parent-msg-body", &parent.text);
        let start = channel.find_thread_start(parent);
        tags.set("reply-thread-parent-msg-id", &start.id).set("reply-thread-parent-user-login", &start.from);
        format!("@{} {text}", author.display_name)
    }

    /// A partial ROOMSTATE, and the NOTICE that Twitch sends with it.
    fn report_mode(&mut self, channel: &str, change: RoomChange) {
        let Some(room) = self.world.find_channel(channel) else { return };
        let mut tags = Tags::default();
        tags.set("room-id", &room.room_id);
        write_change(change, &mut tags);
        let line = room_state_line(room, &tags);
        let members = self.sessions.members(channel);
        self.send_all(&members, &line);
        if let Some(notice) = describe_change(change) {
            self.send_all(&members, &notice_line(channel, notice));
        }
    }

    /// CLEARCHAT: of `target`'s messages if there is one, with the span of a timeout; else of the whole chat.
    fn report_cleared(&mut self, channel: &str, target: Option<(&Chatter, Option<Duration>)>) {
        let Some(room) = self.world.find_channel(channel) else { return };
        let mut tags = Tags::default();
        tags.set("room-id", &room.room_id).set("tmi-sent-ts", self.world.clock.sent_ts(Instant::now()));
        let mut body = format!(":tmi.twitch.tv CLEARCHAT #{channel}");
        if let Some((chatter, span)) = target {
            body.push_str(&format!(" :{}", chatter.login));
            tags.set("target-user-id", &chatter.id);
            if let Some(span) = span {
                tags.set("ban-duration", span.as_secs().to_string());
            }
        }
        let members = self.sessions.members(channel);
        self.send_all(&members, &Line::tagged(&tags, body).for_commands());
    }

    /// CLEARMSG
    fn report_deleted(&mut self, channel: &str, message: &DeliveredMessage) {
        let Some(room) = self.world.find_channel(channel) else { return };
        let mut tags = Tags::default();
        tags.set("login", &message.from)
            .set("room-id", &room.room_id)
            .set("target-msg-id", &message.id)
            .set("tmi-sent-ts", self.world.clock.sent_ts(Instant::now()));
        let line = Line::tagged(&tags, format!(":tmi.twitch.tv CLEARMSG #{channel} :{}", message.text)).for_commands();
        let members = self.sessions.members(channel);
        self.send_all(&members, &line);
    }
}

/// Sets the tag of the changed mode.
fn write_change(change: RoomChange, tags: &mut Tags) {
    match change {
        RoomChange::Slow(slow) => tags.set("slow", slow_tag(slow)),
        RoomChange::EmoteOnly(on) => tags.set_flag("emote-only", on),
        RoomChange::SubscribersOnly(on) => tags.set_flag("subs-only", on),
        RoomChange::FollowersOnly(asked) => tags.set("followers-only", followers_tag(asked)),
        RoomChange::Unique(on) => tags.set_flag("r9k", on),
    };
}
