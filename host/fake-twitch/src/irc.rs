//! Twitch's chat over IRC: the wire format, log-ins, joins, and every reason to refuse a message.
//!
//! `session` is one connection's task; each line that it reads goes to [`Irc::receive`], which calls the other files.
//! `report` writes the events of the world. Rules that hold for chat over any protocol are in `world`.

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::world::World;
use crate::world::rules::Rule;
use line::{ClientLine, Line};
use sessions::{Identity, Opened, Outgoing, SessionId, Sessions};

mod joining;
pub(crate) mod line;
mod membership;
mod notice;
mod registration;
mod report;
mod sending;
pub(crate) mod session;
pub(crate) mod sessions;
#[cfg(feature = "server")]
pub(crate) mod websocket;

/// The world, with its IRC connections. No method blocks.
pub(crate) struct Irc<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) sessions: &'a mut Sessions,
}

impl Irc<'_> {
    /// Registers a connection; `None` while connections are refused.
    pub(crate) fn open(&mut self) -> Option<Opened> {
        let id = self.world.next_connection();
        self.sessions.open(id)
    }

    /// Handles one line from a connection. `is_clean` is false if the line had forbidden bytes.
    pub(crate) fn receive(&mut self, id: SessionId, text: &str, is_clean: bool, now: Instant) {
        let Some(session) = self.sessions.find(id) else { return };
        if session.is_half_open || session.is_closing {
            return;
        }
        let is_logged_in = session.identity != Identity::NotLoggedIn;
        if !is_clean {
            self.note_violation(id, Rule::ForbiddenBytes, now);
        }
        let Some(line) = ClientLine::parse(text) else { return };
        match (line.command.as_str(), is_logged_in) {
            ("PING", _) => self.pong(id, &line),
            ("PONG", _) => self.note_pong(id, &line),
            ("QUIT", _) => self.sessions.close(id),
            ("CAP", _) => self.negotiate(id, &line),
            ("PASS" | "NICK", false) => self.log_in(id, &line, now),
            ("PASS" | "NICK" | "USER", _) | (_, false) => {}
            ("JOIN", true) => self.join(id, &line, now),
            ("PART", true) => self.part(id, &line),
            ("NAMES", true) => self.list_names(id, &line),
            ("PRIVMSG", true) => self.take_message(id, &line, now),
            (unknown, true) => {
                let login = self.sessions.find(id).map_or("", |session| session.identity.login());
                let line = Line::new(format!(":tmi.twitch.tv 421 {login} {unknown} :Unknown command"));
                self.send(id, &line);
            }
        }
    }

    pub(crate) fn note_violation(&mut self, id: SessionId, rule: Rule, now: Instant) {
        let login = self.sessions.find(id).map_or("", |session| session.identity.login());
        self.world.log.note_violation(rule, if login.is_empty() { "*" } else { login }, now);
    }

    pub(crate) fn send(&mut self, id: SessionId, line: &Line) {
        let capabilities = self.sessions.find(id).map(|session| session.capabilities).unwrap_or_default();
        if let Some(bytes) = line.render(capabilities) {
            self.send_bytes(id, bytes);
        }
    }

    pub(crate) fn send_all(&mut self, ids: &[SessionId], line: &Line) {
        for &id in ids {
            self.send(id, line);
        }
    }

    /// Queues `bytes`, which include the line ending. A connection whose queue is full is closed.
    pub(crate) fn send_bytes(&mut self, id: SessionId, bytes: Vec<u8>) {
        let Some(session) = self.sessions.find(id) else { return };
        if session.is_half_open || session.is_closing {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = session.outgoing.try_send(Outgoing::Bytes(bytes)) {
            self.note_violation(id, Rule::SlowReader, Instant::now());
            self.sessions.drop_one(id);
        }
    }

    /// Sends a PING. The receiver resolves at the PONG with the same text, and fails if the connection is gone or mute.
    /// `None` for a connection that is not logged in.
    pub(crate) fn ping(&mut self, id: SessionId, text: &str) -> Option<oneshot::Receiver<()>> {
        let session = self.sessions.find_mut(id).filter(|session| session.identity != Identity::NotLoggedIn)?;
        let (answered, answer) = oneshot::channel();
        if !session.is_half_open && !session.is_closing {
            session.pings.insert(text.to_owned(), answered);
        }
        self.send(id, &Line::new(format!("PING :{text}")));
        Some(answer)
    }

    /// Answers with the PING's text and a server prefix. The answer to a bare PING has no prefix: tmi.js looks for PONG
    /// only among lines without one, and otherwise considers the connection lost.
    fn pong(&mut self, id: SessionId, line: &ClientLine<'_>) {
        let answer = match line.params.last().copied().unwrap_or_default() {
            "" => "PONG :tmi.twitch.tv".to_owned(),
            text => format!(":tmi.twitch.tv PONG tmi.twitch.tv :{text}"),
        };
        self.send(id, &Line::new(answer));
    }

    fn note_pong(&mut self, id: SessionId, line: &ClientLine<'_>) {
        let Some(session) = self.sessions.find_mut(id) else { return };
        let answered = line.params.last().and_then(|text| session.pings.remove(*text));
        if let Some(answered) = answered {
            // The receiver may be gone, because its test stopped waiting.
            let _unheard = answered.send(());
        }
    }
}
