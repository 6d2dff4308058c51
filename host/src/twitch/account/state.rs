//! The published state of an account.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::counts::Counts;
use super::shortage::Shortage;
use crate::domain::histogram::Histogram;
use crate::domain::id::{AccountId, Login};
use crate::domain::message::JoinFailure;
use crate::domain::named::named;
use crate::domain::used_limits::UsedLimits;

/// A snapshot of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// `None` until a log-in of this or an earlier process reported it.
    pub id: Option<AccountId>,
    /// The account that had this login before; Twitch has recycled the login. Its channels are not this account's.
    pub former: Option<AccountId>,
    pub phase: Phase,
    /// `None` until the account runs.
    pub phase_since: Option<Instant>,
    /// Why the account is not online, for the operator to read.
    pub trouble: Option<Arc<str>>,
    /// When the next connection is tried; `None` if none is due. May be in the past.
    pub retry_at: Option<Instant>,
    /// Channels that this account is to join.
    pub wanted: usize,
    /// Channels whose join Twitch has confirmed.
    pub joined: usize,
    /// Channels whose join is still undecided.
    pub pending: usize,
    /// Channels that are neither joined nor known to fail: the pending ones, and those beyond the limit. Unordered.
    pub outside: Arc<[Login]>,
    /// Channels that cannot be joined, with the reason. Unordered. Wanted channels that are neither joined, pending nor
    /// in this list are beyond Twitch's limit of channels.
    pub unreachable: Arc<[(Login, JoinFailure)]>,
    /// Until when the used-up limit on joins keeps channels from being joined. `None` if no channel waits for that.
    pub joins_held_until: Option<Instant>,
    /// Events queued so far. Published before a PONG leaves, so it then includes everything read before that PING.
    pub events: u64,
    /// Messages in the outbox.
    pub waiting: usize,
    /// Messages taken from `outgoing` that were sent completely or dropped. All of them are, once the account is idle.
    pub settled: u64,
    pub counts: Counts,
    /// How long each message waited before its first piece left.
    pub waits: Histogram,
    /// Time from the departure of a message to Twitch's receipt.
    pub deliveries: Histogram,
    pub shortage: Shortage,
    /// Until when no message is sent, because Twitch said that this account sends too much. May be in the past.
    pub held_until: Option<Instant>,
    /// The limits used, for the next process. Set at the end.
    pub used: UsedLimits,
}

named! {
    /// The phase of an account's connection. JSON and metrics use its snake_case name.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Phase {
        /// Dialling, logging in, or waiting before that.
        #[default]
        Connecting "connecting",
        Online "online",
        /// There is no token at the moment; the account asks for one now and then.
        NoToken "no_token",
        /// Twitch refused the token, or the token is another account's; the account waits for another token.
        Refused "refused",
        /// Paused by the operator, without a connection.
        Paused "paused",
        /// Ended for good.
        Stopped "stopped",
    }
}
