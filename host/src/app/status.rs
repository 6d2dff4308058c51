//! How the accounts are: a snapshot, for whoever asks.
//!
//! Promised: a snapshot holds names, numbers and reasons, never a token and never what was said; taking one waits for
//! nothing. Absent: how people read it, which is `cli`'s, and what led to it, which the parts themselves know.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::histogram::Histogram;
use crate::domain::id::Login;
use crate::domain::message::JoinFailure;
use crate::twitch::account::{AccountState, Phase};

pub(super) mod line;
mod seconds;

/// A bot account at one moment. The fields' names are those of the JSON; all numbers count from the start of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountStatus {
    pub login: String,
    #[serde(with = "PhaseName")]
    pub phase: Phase,
    #[serde(rename = "phase_seconds", with = "seconds")]
    pub phase_for: Duration,
    /// Why the phase is not a better one.
    pub trouble: Option<String>,
    pub channels: ChannelsStatus,
    pub replies_waiting: usize,
    /// By reason; those that never happened are there too.
    pub dropped: BTreeMap<String, u64>,
    /// How long replies were held by Twitch's limits.
    pub waits: SpanStatus,
    /// From a reply's departure to Twitch's word that it arrived.
    pub deliveries: SpanStatus,
}

/// Of the wanted channels each is joined, pending, unreachable, or finds no place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelsStatus {
    pub wanted: usize,
    pub joined: usize,
    /// Not known yet: asked for, or about to be.
    pub pending: usize,
    /// In the order of their names.
    pub unreachable: Vec<UnreachableChannel>,
    /// The account sits in as many channels as it may.
    pub without_place: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnreachableChannel {
    pub login: String,
    pub reason: String,
}

/// How long something took, so often; quantiles are exact to a factor of two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpanStatus {
    pub count: u64,
    #[serde(rename = "total_seconds", with = "seconds")]
    pub total: Duration,
    #[serde(rename = "p50_seconds", with = "seconds")]
    pub p50: Duration,
    #[serde(rename = "p99_seconds", with = "seconds")]
    pub p99: Duration,
    #[serde(rename = "max_seconds", with = "seconds")]
    pub max: Duration,
}

/// The phases as JSON has them; a new one does not compile until it is here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Phase", rename_all = "snake_case")]
enum PhaseName {
    Connecting,
    Online,
    NoToken,
    Refused,
    Stopped,
}

impl AccountStatus {
    pub(super) fn of(login: &Login, state: &AccountState) -> AccountStatus {
        let dropped = state.counts.list().into_iter().map(|(reason, count)| (reason.to_owned(), count));
        AccountStatus {
            login: login.to_string(),
            phase: state.phase,
            phase_for: state.phase_since.map(|since| since.elapsed()).unwrap_or_default(),
            trouble: state.trouble.as_deref().map(str::to_owned),
            channels: ChannelsStatus::of(state),
            replies_waiting: state.waiting,
            dropped: dropped.collect(),
            waits: SpanStatus::of(&state.waits),
            deliveries: SpanStatus::of(&state.deliveries),
        }
    }
}

impl ChannelsStatus {
    fn of(state: &AccountState) -> ChannelsStatus {
        let unreachable = state.unreachable.iter().map(|(login, reason)| UnreachableChannel {
            login: login.to_string(),
            reason: describe_failure(*reason).to_owned(),
        });
        let mut unreachable: Vec<_> = unreachable.collect();
        unreachable.sort_by(|one, other| one.login.cmp(&other.login));
        let accounted_for = state.joined + state.pending + unreachable.len();
        ChannelsStatus {
            wanted: state.wanted,
            joined: state.joined,
            pending: state.pending,
            without_place: state.wanted.saturating_sub(accounted_for),
            unreachable,
        }
    }
}

impl SpanStatus {
    fn of(spans: &Histogram) -> SpanStatus {
        SpanStatus {
            count: spans.count(),
            total: spans.total(),
            p50: spans.quantile(0.5),
            p99: spans.quantile(0.99),
            max: spans.longest(),
        }
    }
}

pub(super) fn describe_failure(reason: JoinFailure) -> &'static str {
    match reason {
        JoinFailure::Banned => "banned there",
        JoinFailure::Suspended => "suspended",
        JoinFailure::Recycled { .. } => "the login belongs to another channel now",
        JoinFailure::Unconfirmed => "never confirmed by Twitch",
    }
}
