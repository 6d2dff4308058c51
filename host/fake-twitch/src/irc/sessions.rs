//! The connections that are open, as the server knows them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::{mpsc, oneshot};

use crate::irc::line::Capabilities;
use crate::world::ConnectionId;

/// Lines that a connection may be behind in reading before it is closed. Twitch closes slow readers too; it does
/// not say when.
const OUTGOING_LINES: usize = 16_384;

pub(crate) type SessionId = ConnectionId;

/// What the connection's writer is told.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Bytes(Vec<u8>),
    /// After everything before it is written.
    Close,
}

/// Who a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    Stranger,
    Account(String),
    /// `justinfan` and digits: reads, never sends.
    Anonymous(String),
}

impl Identity {
    /// Empty for a stranger.
    pub(crate) fn login(&self) -> &str {
        match self {
            Self::Stranger => "",
            Self::Account(login) | Self::Anonymous(login) => login,
        }
    }
}

/// One connection, as the server knows it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) outgoing: mpsc::Sender<Outgoing>,
    /// Dropped with the session, which is how the connection's task learns of it.
    _alive: oneshot::Sender<()>,
    pub(crate) capabilities: Capabilities,
    pub(crate) pass: Option<String>,
    pub(crate) identity: Identity,
    /// Logins of channels.
    pub(crate) joined: BTreeSet<String>,
    /// Half-open: nothing is answered, nothing is sent, the socket stays.
    pub(super) is_mute: bool,
    pub(super) is_closing: bool,
    /// PINGs that have no PONG yet, by their text.
    pub(super) pings: HashMap<String, oneshot::Sender<()>>,
}

/// What a connection's task holds of its session.
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
    pub(crate) dropped: oneshot::Receiver<()>,
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// New ones are ended at once.
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
            identity: Identity::Stranger,
            joined: BTreeSet::new(),
            is_mute: false,
            is_closing: false,
            pings: HashMap::new(),
        };
        self.sessions.insert(id, session);
        Some(Opened { id, outgoing, dropped })
    }

    /// Ends a connection at once; what is unsent is lost.
    pub(crate) fn drop_one(&mut self, id: SessionId) {
        drop(self.sessions.remove(&id));
    }

    /// Ends a connection after what was sent to it so far.
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

    /// Connections that are logged in, in the order in which they came.
    pub(crate) fn list(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let logged_in = |session: &Session| !session.is_closing && session.identity != Identity::Stranger;
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

    /// A text that no PING had before.
    pub(crate) fn next_ping_text(&mut self) -> String {
        self.next_ping += 1;
        format!("read-{}", self.next_ping)
    }

    /// From now on every connection there is stays open and dead.
    pub(crate) fn mute_all(&mut self) {
        for session in self.sessions.values_mut() {
            session.is_mute = true;
            session.pings.clear();
        }
    }

    pub(crate) fn drop_all(&mut self) {
        self.sessions.clear();
    }

    /// Removes all members of a channel, without a PART to anybody.
    pub(crate) fn forget_members(&mut self, channel: &str) {
        for session in self.sessions.values_mut() {
            session.joined.remove(channel);
        }
    }
}
