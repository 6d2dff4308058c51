//! The state of all open connections.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::{mpsc, oneshot};

use crate::irc::line::Capabilities;
use crate::world::ConnectionId;
use crate::world::secret::Secret;

/// Unread lines after which a connection is closed. Twitch closes slow readers too, but publishes no number.
const OUTGOING_LINES: usize = 16_384;

pub(crate) type SessionId = ConnectionId;

/// A message to the connection's writer.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Bytes(Vec<u8>),
    /// Ends the connection after all earlier bytes are written.
    Close,
}

/// Who a connection is logged in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    NotLoggedIn,
    Account(String),
    /// `justinfan` and digits: may read but not send.
    Anonymous(String),
}

impl Identity {
    /// Empty for a stranger.
    pub(crate) fn login(&self) -> &str {
        match self {
            Self::NotLoggedIn => "",
            Self::Account(login) | Self::Anonymous(login) => login,
        }
    }
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) outgoing: mpsc::Sender<Outgoing>,
    /// Dropped with the session, which tells the connection's task to end.
    _alive: oneshot::Sender<()>,
    pub(crate) capabilities: Capabilities,
    pub(crate) pass: Option<Secret>,
    pub(crate) identity: Identity,
    /// The token lacks the scope for sending.
    pub(crate) is_read_only: bool,
    /// Logins of channels.
    pub(crate) joined: BTreeSet<String>,
    /// The connection is half-open: the server sends nothing, but the socket stays.
    pub(super) is_half_open: bool,
    pub(super) is_closing: bool,
    /// PINGs without a PONG yet, by their text.
    pub(super) pings: HashMap<String, oneshot::Sender<()>>,
}

/// The connection task's ends of its session's channels.
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
    pub(crate) dropped: oneshot::Receiver<()>,
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// While true, new connections are closed at once.
    pub(crate) are_refused: bool,
    sessions: BTreeMap<SessionId, Session>,
    next_ping: u64,
}

impl Sessions {
    /// `None` while connections are refused.
    pub(crate) fn open(&mut self, id: SessionId) -> Option<Opened> {
        if self.are_refused {
            return None;
        }
        let (sender, outgoing) = mpsc::channel(OUTGOING_LINES);
        let (alive, dropped) = oneshot::channel();
        let session = Session {
            outgoing: sender,
            _alive: alive,
            capabilities: Capabilities::default(),
            pass: None,
            identity: Identity::NotLoggedIn,
            is_read_only: false,
            joined: BTreeSet::new(),
            is_half_open: false,
            is_closing: false,
            pings: HashMap::new(),
        };
        self.sessions.insert(id, session);
        Some(Opened { id, outgoing, dropped })
    }

    /// Ends a connection at once. Unsent lines are lost.
    pub(crate) fn drop_one(&mut self, id: SessionId) {
        drop(self.sessions.remove(&id));
    }

    /// Ends a connection after its queued lines are sent.
    pub(crate) fn close(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.is_closing = true;
        session.joined.clear();
        session.pings.clear();
        if session.outgoing.try_send(Outgoing::Close).is_err() {
            self.drop_one(id);
        }
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub(crate) fn find_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    /// Connections that are logged in, oldest first.
    pub(crate) fn list(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let logged_in = |session: &Session| !session.is_closing && session.identity != Identity::NotLoggedIn;
        self.sessions.iter().filter(move |(_, session)| logged_in(session)).map(|(id, session)| (*id, session))
    }

    pub(crate) fn ids(&self) -> Vec<SessionId> {
        self.list().map(|(id, _)| id).collect()
    }

    /// Connections in a channel.
    pub(crate) fn members(&self, channel: &str) -> Vec<SessionId> {
        self.list().filter(|(_, session)| session.joined.contains(channel)).map(|(id, _)| id).collect()
    }

    pub(crate) fn is_joined(&self, login: &str, channel: &str) -> bool {
        self.list().any(|(_, s)| s.identity.login() == login && s.joined.contains(channel))
    }

    /// A text that no earlier PING had.
    pub(crate) fn next_ping_text(&mut self) -> String {
        self.next_ping += 1;
        format!("read-{}", self.next_ping)
    }

    /// Makes all present connections half-open.
    pub(crate) fn mute_all(&mut self) {
        for session in self.sessions.values_mut() {
            session.is_half_open = true;
            session.pings.clear();
        }
    }

    pub(crate) fn drop_all(&mut self) {
        self.sessions.clear();
    }

    /// Removes all members of a channel without sending a PART.
    pub(crate) fn remove_members(&mut self, channel: &str) {
        for session in self.sessions.values_mut() {
            session.joined.remove(channel);
        }
    }
}
