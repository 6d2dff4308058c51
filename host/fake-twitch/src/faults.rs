//! Waits for connections and requests, and simulates failures of connections.

use crate::id::requests::Endpoint;
use crate::irc::line::Line;
use crate::server::FakeTwitch;
use crate::state::State;

/// Connections. "All" means all that are logged in, unless a method says otherwise.
impl FakeTwitch {
    /// The logins of the connections, oldest connection first.
    #[must_use]
    pub fn connected(&self) -> Vec<String> {
        self.shared.lock().irc.list().map(|(_, session)| session.identity.login().to_owned()).collect()
    }

    /// Whether a connection of the account is in the channel.
    #[must_use]
    pub fn is_joined(&self, login: &str, channel: &str) -> bool {
        self.shared.lock().irc.is_joined(&login.to_ascii_lowercase(), &channel.to_ascii_lowercase())
    }

    /// Resolves when a connection of the account is in the channel.
    pub async fn until_joined(&self, login: &str, channel: &str) {
        let (login, channel) = (login.to_ascii_lowercase(), channel.to_ascii_lowercase());
        self.until(|state| state.irc.is_joined(&login, &channel)).await;
    }

    /// Resolves when this many connections are logged in.
    pub async fn until_connected(&self, count: usize) {
        self.until(|state| state.irc.ids().len() == count).await;
    }

    /// Resolves when an endpoint of id.twitch.tv has had this many requests, which may be without an answer yet.
    pub async fn until_requested(&self, endpoint: Endpoint, count: usize) {
        self.until(|state| state.id.count(endpoint) >= count).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            // Listens before checking, so that a change in between is not missed.
            let changed = self.shared.changed.notified();
            if holds(&self.shared.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Sends a fresh PING to all, and resolves when each connection has answered, is gone or is mute: then each has
    /// read everything sent before.
    pub async fn ping_and_wait(&self) {
        let answers: Vec<_> = {
            let mut state = self.shared.lock();
            let text = state.irc.next_ping_text();
            state.irc.ids().into_iter().filter_map(|id| state.irc().ping(id, &text)).collect()
        };
        for answer in answers {
            // A connection that ended will read nothing more.
            let _answered_or_gone = answer.await;
        }
    }

    /// Pushes a line to all, byte for byte, and adds the line ending.
    pub fn raw(&self, line: impl AsRef<[u8]>) {
        let mut state = self.shared.lock();
        for id in state.irc.ids() {
            state.irc().send_bytes(id, [line.as_ref(), b"\r\n"].concat());
        }
    }

    /// Sends RECONNECT to all, and then closes their connections.
    pub fn reconnect(&self) {
        let mut state = self.shared.lock();
        let ids = state.irc.ids();
        state.irc().send_all(&ids, &Line::new(":tmi.twitch.tv RECONNECT").for_commands());
        for id in ids {
            state.irc.close(id);
        }
    }

    /// Drops all connections without a message, even those that are not logged in.
    pub fn drop_connections(&self) {
        self.shared.lock().irc.drop_all();
    }

    /// Makes all connections half-open, even those that are not logged in: the sockets stay open, but the server sends
    /// nothing and ignores all input. New connections work.
    pub fn stop_answering(&self) {
        self.shared.lock().irc.mute_all();
    }

    /// While set, closes new connections at once.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.lock().irc.are_refused = refuse;
    }
}
