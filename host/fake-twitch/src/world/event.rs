//! Events of a channel, which every protocol reports to its clients.

use std::time::Duration;

use tokio::time::Instant;

use super::channel::RoomChange;
use super::chatter::{Chatter, Roles};
use super::observed::{DeliveredMessage, Kind};
use super::{ConnectionId, World};

/// An event of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The channel's login.
    pub(crate) channel: String,
    pub(crate) kind: EventKind,
}

#[derive(Debug, Clone)]
pub(crate) enum EventKind {
    Message(Box<Message>),
    ModeChanged(RoomChange),
    /// The whole chat was cleared.
    Cleared,
    /// A chatter was banned, or timed out for a span, and their messages were cleared.
    Barred(Chatter, Option<Duration>),
    Deleted(DeliveredMessage),
}

/// A message that passed all rules and is delivered.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) from: Chatter,
    pub(crate) roles: Roles,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// The message that this one replies to.
    pub(crate) parent: Option<DeliveredMessage>,
    /// Where the message was written, in a shared chat.
    pub(crate) shared_from: Option<SharedFrom>,
    pub(crate) id: String,
    pub(crate) at: Instant,
    /// Whether this is the chatter's first message in the channel.
    pub(crate) is_first: bool,
    /// The sender's connection, which does not get the message back.
    pub(crate) sent_by: Option<ConnectionId>,
    /// IRC tags that are added or replace others.
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
    /// Records a message in the channel's transcript, and lets observers and protocols report it. If `reply_to` is not
    /// in the transcript, the message becomes an ordinary one, as at Twitch (pajbot/pajbot#1442).
    pub(crate) fn deliver(&mut self, channel: &str, mut message: Message, reply_to: Option<&str>) {
        let Some(room) = self.find_channel_mut(channel) else { return };
        message.is_first = !std::mem::replace(&mut room.member(&message.from).has_spoken, true);
        message.parent = reply_to.and_then(|id| room.find_message(id)).cloned();
        let observed = DeliveredMessage {
            channel: channel.to_owned(),
            from: message.from.login.clone(),
            text: message.text.clone(),
            reply_to: message.parent.as_ref().map(|parent| parent.id.clone()),
            kind: message.kind,
            at: message.at,
            id: message.id.clone(),
        };
        room.note_message(observed.clone());
        // Fails only if there is no subscriber.
        let _unheard = self.log.messages.send(observed);
        self.announce(channel, EventKind::Message(Box::new(message)));
    }
}
