//! CLEARCHAT and CLEARMSG.

use std::time::Duration;

use tokio::time::Instant;

use crate::irc::line::{Line, Tags};
use crate::state::State;

impl State {
    /// Without a target the whole chat; with one a ban, or a timeout if there is a span.
    pub(crate) fn clear_chat(&mut self, channel: &str, target: Option<(&str, Option<Duration>)>) {
        let Some(room) = self.world.find_channel(channel) else { return };
        let mut tags = Tags::default();
        tags.set("room-id", &room.room_id).set("tmi-sent-ts", self.clock.sent_ts(Instant::now()));
        let mut body = format!(":tmi.twitch.tv CLEARCHAT #{channel}");
        if let Some((login, span)) = target {
            body.push_str(&format!(" :{login}"));
            tags.set("target-user-id", self.world.chatter(login).id);
            if let Some(span) = span {
                tags.set("ban-duration", span.as_secs().to_string());
            }
        }
        let members = self.members(channel);
        self.send_all(&members, &Line::tagged(&tags, body).for_commands());
    }

    pub(crate) fn delete_message(&mut self, channel: &str, id: &str) {
        let sent_ts = self.clock.sent_ts(Instant::now());
        let Some(room) = self.world.find_channel(channel) else { return };
        let Some(message) = room.find_message(id) else { return };
        let mut tags = Tags::default();
        tags.set("login", &message.from)
            .set("room-id", &room.room_id)
            .set("target-msg-id", id)
            .set("tmi-sent-ts", sent_ts);
        let line = Line::tagged(&tags, format!(":tmi.twitch.tv CLEARMSG #{channel} :{}", message.text)).for_commands();
        let members = self.members(channel);
        self.send_all(&members, &line);
    }
}
