//! Handles PRIVMSG from a connection.

use tokio::time::Instant;

use crate::irc::Irc;
use crate::irc::line::ClientLine;
use crate::irc::sessions::{Identity, SessionId};
use crate::world::rules::Rule;
use crate::world::sending::Draft;

impl Irc<'_> {
    /// Ignores an anonymous connection, which cannot send.
    pub(super) fn take_message(&mut self, id: SessionId, line: &ClientLine<'_>, now: Instant) {
        let Some(Identity::Account(login)) = self.sessions.find(id).map(|session| session.identity.clone()) else {
            return;
        };
        if self.sessions.find(id).is_some_and(|session| session.is_read_only) {
            // Twitch documents the scope, but no answer to a message without it.
            self.note_violation(id, Rule::MissingScope, now);
            return;
        }
        let [target, text, ..] = line.params.as_slice() else { return };
        let channel = target.strip_prefix('#').unwrap_or_default().to_ascii_lowercase();
        let nonce = line.find_tag("client-nonce").map(|nonce| ("client-nonce".to_owned(), nonce.to_owned()));
        let draft = Draft {
            login: &login,
            channel: &channel,
            text,
            reply_to: line.find_tag("reply-parent-msg-id"),
            sent_by: Some(id),
            irc_tags: nonce.into_iter().collect(),
        };
        match self.world.send(draft, now) {
            Ok(message_id) => self.send_user_state(id, &channel, Some(&message_id)),
            Err(refusal) => self.refuse(id, refusal, &channel, text),
        }
    }
}
