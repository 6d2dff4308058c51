//! Lets a test speak as any chatter, and read messages and violations.

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::server::FakeTwitch;
use crate::world::FindChannelError;
use crate::world::chatter::Role;
use crate::world::event::{EventKind, Message, SharedFrom};
use crate::world::observed::{DeliveredMessage, Kind, Violation};

/// Options of a message; `Say::default()` is an ordinary message with the chatter's roles.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// Replaces the chatter's roles in the channel, for this message alone.
    pub roles: Option<Vec<Role>>,
    /// Id of the parent message.
    pub reply_to: Option<String>,
    /// Makes it a `/me` message.
    pub is_action: bool,
    /// Makes it the copy of a message from another channel of a shared chat.
    pub shared_from: Option<SharedFrom>,
    /// Replaces the generated id.
    pub id: Option<String>,
    /// IRC tags that are added or replace others; unescaped.
    pub tags: Vec<(String, String)>,
}

/// Speaking, and reading what was said.
impl FakeTwitch {
    /// Delivers `text` from a chatter, regardless of the room's modes. Returns the message's id.
    pub fn say(&self, channel: &str, chatter: &str, text: &str) -> Result<String, FindChannelError> {
        self.say_with(channel, chatter, text, Say::default())
    }

    /// Like [`say`](Self::say), with options.
    pub fn say_with(&self, channel: &str, chatter: &str, text: &str, how: Say) -> Result<String, FindChannelError> {
        let login = channel.to_ascii_lowercase();
        let mut state = self.shared.lock();
        let from = state.world.chatter(chatter);
        let Some(room) = state.world.find_channel(&login) else { return Err(FindChannelError(login)) };
        let roles = how.roles.map_or_else(|| room.roles_of(&from), |roles| roles.into_iter().collect());
        let id = how.id.unwrap_or_else(|| state.world.clock.next_id());
        let message = Message {
            text: text.to_owned(),
            kind: if how.is_action { Kind::Action } else { Kind::Message },
            shared_from: how.shared_from,
            irc_tags: how.tags,
            ..Message::new(from, roles, id.clone(), Instant::now())
        };
        state.world.deliver(&login, message, how.reply_to.as_deref());
        state.report();
        Ok(id)
    }

    /// A moderator clears the whole chat.
    pub fn clear_chat(&self, channel: &str) {
        self.announce(channel, |_| EventKind::Cleared);
    }

    /// A moderator deletes one message.
    pub fn delete_message(&self, channel: &str, id: &str) {
        let (mut state, login) = (self.shared.lock(), channel.to_ascii_lowercase());
        let message = state.world.find_channel(&login).and_then(|channel| channel.find_message(id)).cloned();
        if let Some(message) = message {
            state.world.announce(&login, EventKind::Deleted(message));
            state.report();
        }
    }

    /// Receives every message that is delivered from now on. A receiver more than 4,096 behind learns how many it
    /// missed.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<DeliveredMessage> {
        self.shared.lock().world.log.messages.subscribe()
    }

    /// The messages delivered in a channel so far: the newest 10,000.
    #[must_use]
    pub fn messages(&self, channel: &str) -> Vec<DeliveredMessage> {
        let state = self.shared.lock();
        let channel = state.world.find_channel(&channel.to_ascii_lowercase());
        channel.map(|channel| channel.list_messages().cloned().collect()).unwrap_or_default()
    }

    /// The rules broken so far: the first 1,000. A good bot leaves this empty.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.lock().world.log.first_violations.clone()
    }

    /// Receives every violation from now on, without the limit of 1,000.
    #[must_use]
    pub fn subscribe_violations(&self) -> broadcast::Receiver<Violation> {
        self.shared.lock().world.log.violations.subscribe()
    }
}
