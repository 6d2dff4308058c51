//! Connections: waiting for them, and making trouble with them.

use crate::irc::line::Line;
use crate::server::FakeTwitch;
use crate::state::State;

/// Connections. "All" is all that are logged in, unless it says more.
impl FakeTwitch {
    /// The logins of the connections, in the order in which they came.
    #[must_use]
    pub fn connected(&self) -> Vec<String> {
        self.shared.lock().irc.list().map(|(_, session)| session.identity.login().to_owned()).collect()
    }

    /// Whether some connection of the account is in the channel.
    #[must_use]
    pub fn is_joined(&self, login: &str, channel: &str) -> bool {
        self.shared.lock().irc.is_joined(&login.to_ascii_lowercase(), &channel.to_ascii_lowercase())
    }

    /// Resolves when some connection of the account is in the channel.
    pub async fn until_joined(&self, login: &str, channel: &str) {
        let (login, channel) = (login.to_ascii_lowercase(), channel.to_ascii_lowercase());
        self.until(|state| state.irc.is_joined(&login, &channel)).await;
    }

    /// Resolves when this many connections are logged in.
    pub async fn until_connected(&self, count: usize) {
        self.until(|state| state.irc.ids().len() == count).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            // Listening starts before looking, or what happens between the two would be missed.
            let changed = self.shared.changed.notified();
            if holds(&self.shared.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Sends all a PING of its own and resolves when each has answered it, is gone or never will: then everything
    /// sent before has been read.
    pub async fn ping_and_wait(&self) {
        let answers: Vec<_> = {
            let mut state = self.shared.lock();
            let text = state.irc.next_ping_text();
            state.irc.ids().into_iter().filter_map(|id| state.irc().ping(id, &text)).collect()
        };
        for answer in answers {
            // A connection that ended has read all that it will.
            let _answered_or_gone = answer.await;
        }
    }

    /// Pushes a line to all, byte for byte; the line ending is added.
    pub fn raw(&self, line: impl AsRef<[u8]>) {
        let mut state = self.shared.lock();
        for id in state.irc.ids() {
            state.irc().send_bytes(id, [line.as_ref(), b"\r\n"].concat());
        }
    }

    /// RECONNECT to all, and then the end of their connections.
    pub fn reconnect(&self) {
        let mut state = self.shared.lock();
        let ids = state.irc.ids();
        state.irc().send_all(&ids, &Line::new(":tmi.twitch.tv RECONNECT").for_commands());
        for id in ids {
            state.irc.close(id);
        }
    }

    /// All connections end without a word, those that are not logged in too.
    pub fn drop_connections(&self) {
        self.shared.lock().irc.drop_all();
    }

    /// All connections stay open, those that are not logged in too, but nothing comes from them and nothing is
    /// heard of what they say: half-open. New connections work.
    pub fn stop_answering(&self) {
        self.shared.lock().irc.mute_all();
    }

    /// New connections are ended as soon as they are made.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.lock().irc.are_refused = refuse;
    }
}
