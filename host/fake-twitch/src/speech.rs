//! Talking as any chatter, and looking at what was said.

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::irc::delivery::Delivery;
use crate::observed::{Kind, Observed, Violation};
use crate::server::FakeTwitch;
use crate::world::{FindChannelError, Role};

/// How a chatter says something; `Say::default()` is an ordinary message in the chatter's roles.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// In place of the chatter's roles in the channel, for this message alone.
    pub roles: Option<Vec<Role>>,
    /// Id of the message that is answered.
    pub reply_to: Option<String>,
    /// `/me`.
    pub is_action: bool,
    /// Makes it the copy of a message from another channel of a shared chat.
    pub shared_from: Option<SharedFrom>,
    /// In place of a generated one.
    pub id: Option<String>,
    /// Tags to add, or to put in the place of others; unescaped.
    pub tags: Vec<(String, String)>,
}

/// Where a message of a shared chat was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFrom {
    pub room_id: String,
    pub message_id: String,
}

/// Talking, and looking at what was said.
impl FakeTwitch {
    /// A chatter says `text`, whatever the room's modes. Returns the message's id.
    pub fn say(&self, channel: &str, chatter: &str, text: &str) -> Result<String, FindChannelError> {
        self.say_with(channel, chatter, text, Say::default())
    }

    /// The same, in a particular way.
    pub fn say_with(&self, channel: &str, chatter: &str, text: &str, how: Say) -> Result<String, FindChannelError> {
        let login = channel.to_ascii_lowercase();
        let mut state = self.shared.lock();
        let from = state.world.chatter(chatter);
        let Some(room) = state.world.find_channel(&login) else { return Err(FindChannelError(login)) };
        let roles = how.roles.map_or_else(|| room.roles_of(&from), |roles| roles.into_iter().collect());
        let mut tags = how.tags;
        if let Some(source) = how.shared_from {
            let shared = [
                ("source-badge-info", roles.badge_info().to_owned()),
                ("source-badges", roles.badges()),
                ("source-id", source.message_id),
                ("source-only", "0".to_owned()),
                ("source-room-id", source.room_id),
            ];
            tags.extend(shared.map(|(key, value)| (key.to_owned(), value)));
        }
        let id = how.id.unwrap_or_else(|| state.clock.next_id());
        let delivery = Delivery {
            channel: login,
            from,
            roles,
            text: text.to_owned(),
            kind: if how.is_action { Kind::Action } else { Kind::Message },
            reply_to: how.reply_to,
            id: id.clone(),
            tags,
        };
        state.deliver(delivery, None, Instant::now());
        Ok(id)
    }

    /// A moderator clears the whole chat.
    pub fn clear_chat(&self, channel: &str) {
        self.shared.lock().clear_chat(&channel.to_ascii_lowercase(), None);
    }

    /// A moderator deletes one message.
    pub fn delete_message(&self, channel: &str, id: &str) {
        self.shared.lock().delete_message(&channel.to_ascii_lowercase(), id);
    }

    /// Every message that is delivered from now on. Whoever lags 4,096 behind is told how many it missed.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Observed> {
        self.shared.lock().log.subscribe()
    }

    /// What was delivered in a channel so far, up to the newest 10,000.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<Observed> {
        let state = self.shared.lock();
        let channel = state.world.find_channel(&channel.to_ascii_lowercase());
        channel.map(|channel| channel.list_messages().cloned().collect()).unwrap_or_default()
    }

    /// The rules that were broken so far, up to the first 1,000. A good bot leaves it empty.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.lock().log.list_violations().to_vec()
    }

    /// Every rule that is broken from now on, beyond the first 1,000 too.
    #[must_use]
    pub fn subscribe_violations(&self) -> broadcast::Receiver<Violation> {
        self.shared.lock().log.subscribe_violations()
    }
}
