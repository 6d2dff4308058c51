//! How an account is, for readers outside of it.

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

/// How an account is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// None until a log-in has told it, now or in an earlier process.
    pub id: Option<AccountId>,
    /// Another account that had the login before, and whose channels are not this one's: Twitch has recycled the login.
    pub former: Option<AccountId>,
    pub phase: Phase,
    /// None until it runs.
    pub phase_since: Option<Instant>,
    /// Why the phase is not a better one, for the operator to read.
    pub trouble: Option<Arc<str>>,
    /// When the next connection is tried, where there is none. May be over already.
    pub retry_at: Option<Instant>,
    /// Channels in which this account is to sit.
    pub wanted: usize,
    /// Those that Twitch has confirmed.
    pub joined: usize,
    /// Those of which it is not known yet whether the account can sit there.
    pub pending: usize,
    /// Those in which it does not sit, without a reason so far, in no order: the pending ones, and those without a place.
    pub outside: Arc<[Login]>,
    /// Those in which it cannot sit, in no order. Whatever is left of the wanted ones finds no place: the account sits in
    /// as many channels as it may.
    pub unreachable: Arc<[(Login, JoinFailure)]>,
    /// Until when no channel is joined, because Twitch's limit on joins is used up. None where none waits for that.
    pub joins_held_until: Option<Instant>,
    /// Events put into the queue so far. Whoever has had an answer to a PING sees all that was read before it counted.
    pub events: u64,
    /// Messages that the outbox holds.
    pub waiting: usize,
    /// Messages taken from `outgoing` so far and then sent in full, or dropped. An account is idle when this is as many
    /// as were put in.
    pub settled: u64,
    pub counts: Counts,
    /// How long messages waited for their first piece to leave.
    pub waits: Histogram,
    /// From the departure of a message to Twitch's receipt.
    pub deliveries: Histogram,
    pub shortage: Shortage,
    /// Until when nothing is sent at all, because Twitch said that this account sends too much. May be over already.
    pub held_until: Option<Instant>,
    /// What the next process has to know. Told at the end.
    pub used: UsedLimits,
}

named! {
    /// What an account is doing about its connection, in snake_case as JSON and metrics have it.
    #[derive(Default, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Phase {
        /// Dialling or logging in, or pausing before that.
        #[default]
        Connecting "connecting",
        Online "online",
        /// There is no token to log in with at the moment, and it asks for one now and then.
        NoToken "no_token",
        /// Twitch refused the token, or it is another account's, and it waits for another one.
        Refused "refused",
        /// The operator has paused it: it has no connection.
        Paused "paused",
        /// Over for good.
        Stopped "stopped",
    }
}
