//! PRIVMSG as readers get it, with all its tags.

use tokio::time::Instant;

use crate::irc::line::{Line, Tags};
use crate::observed::{Kind, Observed};
use crate::state::{SessionId, State};
use crate::text::emotes_tag;
use crate::world::{Chatter, Roles};

/// A message that is to be delivered; nothing is left to refuse.
pub(crate) struct Delivery {
    /// Login of the channel.
    pub(crate) channel: String,
    pub(crate) from: Chatter,
    pub(crate) roles: Roles,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// An id that is not in the transcript makes it an ordinary message, as at Twitch (pajbot/pajbot#1442).
    pub(crate) reply_to: Option<String>,
    pub(crate) id: String,
    /// Added to the others, or in their place.
    pub(crate) tags: Vec<(String, String)>,
}

impl State {
    /// Sends to every connection in the channel but `except`, and tells the observers.
    pub(crate) fn deliver(&mut self, delivery: Delivery, except: Option<SessionId>, now: Instant) {
        let sent_ts = self.clock.sent_ts(now);
        let Some(channel) = self.world.find_channel_mut(&delivery.channel) else { return };
        let is_first = channel.note_spoke(&delivery.from);
        let parent = delivery.reply_to.as_deref().and_then(|id| channel.find_message(id)).cloned();
        let mut tags = Tags::default();
        delivery.roles.write_tags(&mut tags);
        tags.set("color", &delivery.from.color)
            .set("display-name", &delivery.from.display_name)
            .set_flag("first-msg", is_first)
            .set("flags", "")
            .set("id", &delivery.id)
            .set("returning-chatter", "0")
            .set("room-id", &channel.room_id)
            .set("tmi-sent-ts", sent_ts)
            .set("turbo", "0")
            .set("user-id", &delivery.from.id);
        if delivery.roles.is_vip() {
            tags.set("vip", "1");
        }
        let text = match &parent {
            Some(parent) => self.write_reply(&mut tags, parent, &delivery.text),
            None => delivery.text.clone(),
        };
        tags.set("emotes", emotes_tag(&text));
        for (key, value) in &delivery.tags {
            tags.set(key, value);
        }
        let text = match delivery.kind {
            Kind::Message => text,
            Kind::Action => format!("\u{1}ACTION {text}\u{1}"),
        };
        let line = Line::tagged(&tags, format!(":{} PRIVMSG #{} :{text}", delivery.from.prefix(), delivery.channel));
        let readers: Vec<_> = self.members(&delivery.channel).into_iter().filter(|&id| Some(id) != except).collect();
        self.send_all(&readers, &line);
        self.observe(delivery, parent, now);
    }

    /// Adds the tags of a reply. Its text on the wire starts with a mention of whom it answers, put there by
    /// Twitch (mrphlip/lrrbot#974, and every captured line).
    fn write_reply(&self, tags: &mut Tags, parent: &Observed, text: &str) -> String {
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

    fn observe(&mut self, delivery: Delivery, parent: Option<Observed>, now: Instant) {
        let observed = Observed {
            channel: delivery.channel,
            from: delivery.from.login,
            text: delivery.text,
            reply_to: parent.map(|parent| parent.id),
            kind: delivery.kind,
            at: now,
            id: delivery.id,
        };
        if let Some(channel) = self.world.find_channel_mut(&observed.channel) {
            channel.note_message(observed.clone());
        }
        self.log.publish(observed);
    }
}
