//! One bot account: connected for as long as the host runs, whatever happens to its sockets.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::own_messages::OwnMessages;
use super::server::Dial;
use crate::config::LimitsConfig;
use crate::domain::id::Login;
use crate::domain::message::{Event, OutgoingMessage, WantedChannel};
use crate::domain::ports::Credentials;

/// What an account needs to live.
pub struct Account<C, D> {
    pub login: Login,
    pub server: D,
    pub credentials: Arc<C>,
    /// All wanted channels; those of other accounts are passed over.
    pub wanted: watch::Receiver<Arc<[WantedChannel]>>,
    pub events: mpsc::Sender<Event>,
    /// Messages of this account only.
    pub outgoing: mpsc::Receiver<OutgoingMessage>,
    pub limits: LimitsConfig,
    pub own_messages: Arc<OwnMessages>,
    /// Kept up to date for whoever looks.
    pub state: watch::Sender<AccountState>,
    /// How long messages that wait may hold up the end.
    pub drain_within: Duration,
}

/// How an account is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    pub phase: Phase,
    /// Channels that Twitch has confirmed.
    pub joined: usize,
    /// Messages that the outbox holds.
    pub waiting: usize,
    /// Messages taken from `outgoing` so far and then sent in full, or dropped. An account is idle when this is as many
    /// as were put in.
    pub settled: u64,
    pub counts: Counts,
}

/// What an account is doing about its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Dialling or logging in, or pausing before that.
    #[default]
    Connecting,
    Online,
    /// There is no token to log in with, and it asks for one now and then.
    NoToken,
    /// Twitch refused the token, and it waits for another one.
    Refused,
    /// Over for good.
    Stopped,
}

/// What was lost, and why; since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub long_lines: u64,
    pub malformed_lines: u64,
    /// Nobody took them from the full queue in time.
    pub events_dropped: u64,
    /// Messages that waited until they were stale.
    pub stale: u64,
    /// Messages that found the outbox full.
    pub no_room: u64,
    /// Messages of which nothing was left to say.
    pub empty: u64,
}

impl<C: Credentials, D: Dial> Account<C, D> {
    /// Runs until `shutdown`; then sends what waits, for at most `drain_within`, and closes.
    pub async fn run(self, shutdown: CancellationToken) {
        todo!("{} {}", self.login, shutdown.is_cancelled())
    }
}
