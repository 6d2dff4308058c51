//! How the host is: one snapshot, for whoever asks.
//!
//! Promised: a [`Status`] holds names, numbers and reasons, never a token and never what was said; taking one waits for
//! nothing. Absent: how people read it, which is `cli`'s, and what led to it, which the parts themselves know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::chat::dispatch::Dispatch;
use crate::domain::histogram::Histogram;
use crate::domain::id::Login;
use crate::domain::manifest::Manifest;
use crate::domain::message::JoinFailure;
use crate::sandbox::Sandbox;
use crate::setup::Setup;
use crate::telemetry::log_queue::LostLines;
use crate::twitch::account::{AccountState, Phase};

pub(super) mod line;
mod readings;
mod seconds;
pub mod socket;

/// The host at one moment. The fields' names are those of the JSON; all numbers count from the start of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    #[serde(rename = "uptime_seconds", with = "seconds")]
    pub uptime: Duration,
    pub accounts: Vec<AccountStatus>,
    pub queues: QueueStatus,
    pub log: LogStatus,
    pub modules: Vec<ModuleStatus>,
}

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
    /// Nothing is sent for so long, because Twitch said that the account sends too much. Zero where it may send.
    #[serde(rename = "held_seconds", with = "seconds")]
    pub held_for: Duration,
    /// By reason; those that never happened are there too.
    pub dropped: BTreeMap<String, u64>,
    /// How long replies waited for their first piece to leave.
    pub waits: SpanStatus,
    /// From the departure of a reply to Twitch's receipt.
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

/// Between the connections and the modules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    pub events_waiting: u64,
    pub events_capacity: usize,
    pub calls_under_way: u64,
    /// Too many were under way.
    pub calls_dropped: u64,
    /// On their way to an outbox, or in it.
    pub replies_waiting: u64,
    /// The outbox took no more.
    pub replies_dropped: u64,
}

/// The process's own log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Standard error was not read fast enough, or was closed.
    pub lines_lost: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleStatus {
    pub name: String,
    pub version: String,
    /// How often it broke.
    pub faults: u64,
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

/// What a snapshot is taken of.
pub(super) struct Observer {
    pub(super) started_at: Instant,
    pub(super) accounts: Vec<(Login, watch::Receiver<AccountState>)>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) setup: Arc<Setup>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) events_capacity: usize,
    pub(super) lost_log_lines: LostLines,
}

impl Observer {
    pub(super) fn observe(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: self.started_at.elapsed(),
            accounts: self.accounts.iter().map(|(login, state)| AccountStatus::of(login, &state.borrow())).collect(),
            queues: self.observe_queues(),
            log: LogStatus { lines_lost: self.lost_log_lines.count() },
            modules: self.observe_modules(),
        }
    }

    fn observe_queues(&self) -> QueueStatus {
        let progress = *self.dispatch.progress().borrow();
        let sum = |number: fn(&AccountState) -> u64| -> u64 {
            self.accounts.iter().map(|(_, state)| number(&state.borrow())).sum()
        };
        QueueStatus {
            // An account tells of its events a moment after they are in the queue.
            events_waiting: sum(|state| state.events).saturating_sub(progress.taken),
            events_capacity: self.events_capacity,
            calls_under_way: progress.taken.saturating_sub(progress.settled),
            calls_dropped: progress.calls_dropped,
            replies_waiting: progress.replies.saturating_sub(sum(|state| state.settled)),
            replies_dropped: progress.replies_dropped,
        }
    }

    fn observe_modules(&self) -> Vec<ModuleStatus> {
        let faults = self.dispatch.list_faults();
        let module = |manifest: Arc<Manifest>| ModuleStatus {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            faults: faults.get(&manifest.name).copied().unwrap_or_default(),
        };
        self.setup.list_manifests().into_iter().map(module).collect()
    }
}

impl Status {
    /// What is not as it should be, for people to read. A channel that the account cannot sit in by Twitch's word is none
    /// of it.
    pub fn list_problems(&self) -> Vec<String> {
        let told = |account: &AccountStatus| {
            let problems = account.list_problems().into_iter();
            problems.map(|problem| format!("account {}: {problem}", account.login)).collect::<Vec<_>>()
        };
        self.accounts.iter().flat_map(told).collect()
    }
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
            held_for: state.held_until.map(|until| until.duration_since(Instant::now())).unwrap_or_default(),
            dropped: dropped.collect(),
            waits: SpanStatus::of(&state.waits),
            deliveries: SpanStatus::of(&state.deliveries),
        }
    }

    fn list_problems(&self) -> Vec<String> {
        if self.phase != Phase::Online {
            return vec![self.describe_phase()];
        }
        let ChannelsStatus { pending, without_place, .. } = self.channels;
        let pending = (pending > 0).then(|| format!("still joining {}", line::channels(pending)));
        let without_place = (without_place > 0).then(|| format!("no place for {}", line::channels(without_place)));
        [pending, without_place, self.describe_hold()].into_iter().flatten().collect()
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
