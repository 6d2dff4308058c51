//! Talking as any chatter, and looking at what was said.

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::server::FakeTwitch;
use crate::world::FindChannelError;
use crate::world::chatter::Role;
use crate::world::happening::{Happening, Message, SharedFrom};
use crate::world::observed::{Kind, Observed, Violation};

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
    /// Over IRC: tags to add, or to put in the place of others; unescaped.
    pub tags: Vec<(String, String)>,
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
        self.announce(channel, |_| Happening::Cleared);
    }

    /// A moderator deletes one message.
    pub fn delete_message(&self, channel: &str, id: &str) {
        let (mut state, login) = (self.shared.lock(), channel.to_ascii_lowercase());
        let message = state.world.find_channel(&login).and_then(|channel| channel.find_message(id)).cloned();
        if let Some(message) = message {
            state.world.announce(&login, Happening::Deleted(message));
            state.report();
        }
    }

    /// Every message that is delivered from now on. Whoever lags 4,096 behind is told how many it missed.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Observed> {
        self.shared.lock().world.log.messages.subscribe()
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
        self.shared.lock().world.log.first_violations.clone()
    }

    /// Every rule that is broken from now on, beyond the first 1,000 too.
    #[must_use]
    pub fn subscribe_violations(&self) -> broadcast::Receiver<Violation> {
        self.shared.lock().world.log.violations.subscribe()
    }
}
