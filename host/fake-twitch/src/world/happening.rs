//! What happens in a channel, for every protocol to report to its clients.

use std::time::Duration;

use tokio::time::Instant;

use super::channel::RoomChange;
use super::chatter::{Chatter, Roles};
use super::observed::{Kind, Observed};
use super::{ConnectionId, World};

/// Something that happened in a channel.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// Its login.
    pub(crate) channel: String,
    pub(crate) happening: Happening,
}

#[derive(Debug, Clone)]
pub(crate) enum Happening {
    Message(Box<Message>),
    ModeChanged(RoomChange),
    /// The whole chat.
    Cleared,
    /// What a chatter said, who is banned, or timed out for so long.
    Barred(Chatter, Option<Duration>),
    Deleted(Observed),
}

/// A message as it is delivered; nothing is left to refuse.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) from: Chatter,
    pub(crate) roles: Roles,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// The message that this one answers.
    pub(crate) parent: Option<Observed>,
    /// In a shared chat: where it was written.
    pub(crate) shared_from: Option<SharedFrom>,
    pub(crate) id: String,
    pub(crate) at: Instant,
    /// Whether it is the chatter's first one in the channel.
    pub(crate) is_first: bool,
    /// The connection that sent it, which does not get it back.
    pub(crate) sent_by: Option<ConnectionId>,
    /// For IRC: added to the other tags, or in their place.
    pub(crate) irc_tags: Vec<(String, String)>,
}

impl Message {
    pub(crate) fn new(from: Chatter, roles: Roles, id: String, at: Instant) -> Self {
        Self {
            from,
            roles,
            text: String::new(),
            kind: Kind::Message,
            parent: None,
            shared_from: None,
            id,
            at,
            is_first: false,
            sent_by: None,
            irc_tags: Vec::new(),
        }
    }
}

/// Where a message of a shared chat was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFrom {
    pub room_id: String,
    pub message_id: String,
}

impl World {
    /// Keeps a message in the channel's transcript, shows it to observers and has it reported. `reply_to` that is not in the
    /// transcript makes it an ordinary message, as at Twitch (pajbot/pajbot#1442).
    pub(crate) fn deliver(&mut self, channel: &str, mut message: Message, reply_to: Option<&str>) {
        let Some(room) = self.find_channel_mut(channel) else { return };
        message.is_first = !std::mem::replace(&mut room.member(&message.from).has_spoken, true);
        message.parent = reply_to.and_then(|id| room.find_message(id)).cloned();
        let observed = Observed {
            channel: channel.to_owned(),
            from: message.from.login.clone(),
            text: message.text.clone(),
            reply_to: message.parent.as_ref().map(|parent| parent.id.clone()),
            kind: message.kind,
            at: message.at,
            id: message.id.clone(),
        };
        room.note_message(observed.clone());
        // That nobody listens is no failure.
        let _unheard = self.log.messages.send(observed);
        self.announce(channel, Happening::Message(Box::new(message)));
    }
}
