//! Everything that the server knows, behind one lock; nothing here waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::irc::line::{Capabilities, ClientLine, Line};
use crate::observed::Log;
use crate::rules::{AccountRecord, Rule};
use crate::server::Policy;
use crate::world::World;

/// Lines that a connection may be behind in reading before it is closed. Twitch closes slow readers too; it does
/// not say when.
const OUTGOING_LINES: usize = 16_384;

pub(crate) type SessionId = u64;

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
    outgoing: mpsc::Sender<Outgoing>,
    /// Dropped with the session, which is how the connection's task learns of it.
    _alive: oneshot::Sender<()>,
    pub(crate) capabilities: Capabilities,
    pub(crate) pass: Option<String>,
    pub(crate) identity: Identity,
    /// Logins of channels.
    pub(crate) joined: BTreeSet<String>,
    /// Half-open: nothing is answered, nothing is sent, the socket stays.
    is_mute: bool,
    is_closing: bool,
    /// PINGs that have no PONG yet, by their text.
    pings: HashMap<String, oneshot::Sender<()>>,
}

/// What a connection's task holds of its session.
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
    pub(crate) dropped: oneshot::Receiver<()>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(crate) policy: Policy,
    pub(crate) log: Log,
    pub(crate) refuses_connections: bool,
    sessions: BTreeMap<SessionId, Session>,
    next_session: SessionId,
    next_ping: u64,
    records: HashMap<String, AccountRecord>,
}

impl State {
    pub(crate) fn new(clock: Clock, policy: Policy) -> Self {
        Self {
            world: World::default(),
            clock,
            policy,
            log: Log::default(),
            refuses_connections: false,
            sessions: BTreeMap::new(),
            next_session: 0,
            next_ping: 0,
            records: HashMap::new(),
        }
    }

    /// `None` while connections are refused.
    pub(crate) fn open_session(&mut self) -> Option<Opened> {
        if self.refuses_connections {
            return None;
        }
        let (sender, outgoing) = mpsc::channel(OUTGOING_LINES);
        let (alive, dropped) = oneshot::channel();
        let id = self.next_session;
        self.next_session += 1;
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
    pub(crate) fn drop_session(&mut self, id: SessionId) {
        drop(self.sessions.remove(&id));
    }

    /// Ends a connection after what was sent to it so far.
    pub(crate) fn close_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.is_closing = true;
        session.joined.clear();
        session.pings.clear();
        if session.outgoing.try_send(Outgoing::Close).is_err() {
            self.drop_session(id);
        }
    }

    pub(crate) fn find_session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub(crate) fn find_session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id)
    }

    /// Connections that are logged in, in the order in which they came.
    pub(crate) fn list_sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let logged_in = |session: &Session| !session.is_closing && session.identity != Identity::Stranger;
        self.sessions.iter().filter(move |(_, session)| logged_in(session)).map(|(id, session)| (*id, session))
    }

    pub(crate) fn ids(&self) -> Vec<SessionId> {
        self.list_sessions().map(|(id, _)| id).collect()
    }

    /// Connections in a channel.
    pub(crate) fn members(&self, channel: &str) -> Vec<SessionId> {
        self.list_sessions().filter(|(_, session)| session.joined.contains(channel)).map(|(id, _)| id).collect()
    }

    pub(crate) fn is_joined(&self, login: &str, channel: &str) -> bool {
        self.list_sessions().any(|(_, s)| s.identity.login() == login && s.joined.contains(channel))
    }

    /// What counts against an account. Only for logins of accounts that exist, so that strangers cannot fill it.
    pub(crate) fn record(&mut self, login: &str) -> &mut AccountRecord {
        self.records.entry(login.to_owned()).or_default()
    }

    pub(crate) fn note_violation(&mut self, id: SessionId, rule: Rule, now: Instant) {
        let login = self.sessions.get(&id).map_or("", |session| session.identity.login());
        self.log.note_violation(rule, if login.is_empty() { "*" } else { login }, now);
    }

    pub(crate) fn send(&mut self, id: SessionId, line: &Line) {
        let capabilities = self.sessions.get(&id).map(|session| session.capabilities).unwrap_or_default();
        if let Some(bytes) = line.render(capabilities) {
            self.send_bytes(id, bytes);
        }
    }

    pub(crate) fn send_all(&mut self, ids: &[SessionId], line: &Line) {
        for &id in ids {
            self.send(id, line);
        }
    }

    /// `bytes` with their line ending. A connection whose queue is full is closed.
    pub(crate) fn send_bytes(&mut self, id: SessionId, bytes: Vec<u8>) {
        let Some(session) = self.sessions.get(&id) else { return };
        if session.is_mute || session.is_closing {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = session.outgoing.try_send(Outgoing::Bytes(bytes)) {
            self.note_violation(id, Rule::SlowReader, Instant::now());
            self.drop_session(id);
        }
    }

    /// Sends a PING; the receiver resolves with the PONG of the same text, or fails when the connection is gone or
    /// mute. `None` for a connection that is not logged in.
    pub(crate) fn ping(&mut self, id: SessionId, text: &str) -> Option<oneshot::Receiver<()>> {
        let session = self.sessions.get_mut(&id).filter(|session| session.identity != Identity::Stranger)?;
        let (answered, answer) = oneshot::channel();
        if !session.is_mute && !session.is_closing {
            session.pings.insert(text.to_owned(), answered);
        }
        self.send(id, &Line::new(format!("PING :{text}")));
        Some(answer)
    }

    /// A text that no PING had before.
    pub(crate) fn next_ping_text(&mut self) -> String {
        self.next_ping += 1;
        format!("read-{}", self.next_ping)
    }

    /// From now on every connection there is stays open and dead.
    pub(crate) fn mute_sessions(&mut self) {
        for session in self.sessions.values_mut() {
            session.is_mute = true;
            session.pings.clear();
        }
    }

    pub(crate) fn drop_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Everybody is out of a channel, and nobody is told.
    pub(crate) fn forget_members(&mut self, channel: &str) {
        for session in self.sessions.values_mut() {
            session.joined.remove(channel);
        }
    }

    /// One line from a connection. `is_clean` is false if bytes had to be mended to read it.
    pub(crate) fn receive(&mut self, id: SessionId, text: &str, is_clean: bool, now: Instant) {
        let Some(session) = self.sessions.get(&id) else { return };
        if session.is_mute || session.is_closing {
            return;
        }
        let is_logged_in = session.identity != Identity::Stranger;
        if !is_clean {
            self.note_violation(id, Rule::ForbiddenBytes, now);
        }
        let Some(line) = ClientLine::parse(text) else { return };
        match (line.command.as_str(), is_logged_in) {
            ("PING", _) => self.pong(id, &line),
            ("PONG", _) => self.note_pong(id, &line),
            ("QUIT", _) => self.close_session(id),
            ("CAP", _) => self.negotiate(id, &line),
            ("PASS" | "NICK", false) => self.log_in(id, &line, now),
            ("PASS" | "NICK" | "USER", _) | (_, false) => {}
            ("JOIN", true) => self.join(id, &line, now),
            ("PART", true) => self.part(id, &line),
            ("NAMES", true) => self.list_names(id, &line),
            ("PRIVMSG", true) => self.take_message(id, &line, now),
            (unknown, true) => {
                let login = self.sessions.get(&id).map_or("", |session| session.identity.login());
                let line = Line::new(format!(":tmi.twitch.tv 421 {login} {unknown} :Unknown command"));
                self.send(id, &line);
            }
        }
    }

    /// The text of a PING comes back with a prefix. A bare PING is answered without one: tmi.js looks for PONG only among
    /// lines that have none, and takes the connection for lost otherwise.
    fn pong(&mut self, id: SessionId, line: &ClientLine<'_>) {
        let answer = match line.params.last().copied().unwrap_or_default() {
            "" => "PONG :tmi.twitch.tv".to_owned(),
            text => format!(":tmi.twitch.tv PONG tmi.twitch.tv :{text}"),
        };
        self.send(id, &Line::new(answer));
    }

    fn note_pong(&mut self, id: SessionId, line: &ClientLine<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let answered = line.params.last().and_then(|text| session.pings.remove(*text));
        if let Some(answered) = answered {
            // Whoever waited may have given up.
            let _unheard = answered.send(());
        }
    }
}
