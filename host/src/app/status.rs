//! A snapshot of the host's state.
//!
//! Guarantees: a [`Status`] holds names, numbers and reasons, never a token or a chat text; taking one never waits.
//! Not here: how it is shown to people, which is up to `cli`, and the causes, which the parts themselves know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::modules::BARRED;
use crate::domain::histogram::Histogram;
use crate::domain::id::Login;
use crate::domain::manifest::Manifest;
use crate::domain::message::JoinFailure;
use crate::http::state::Host;
use crate::sandbox::compile::registry::offered::UnloadableModule;
use crate::telemetry::log_queue::LostLines;
use crate::twitch::account::shortage::Shortage;
use crate::twitch::account::state::{AccountState, Phase};
use crate::twitch::accounts::Accounts;

pub mod line;
pub mod problems;
pub(super) mod readings;
mod seconds;
pub mod shortage;

/// The host at one moment. Fields are named as in the JSON. All counts begin at the start of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    #[serde(rename = "uptime_seconds", with = "seconds")]
    pub uptime: Duration,
    pub accounts: Vec<AccountStatus>,
    pub queues: QueueStatus,
    pub log: LogStatus,
    pub modules: Vec<ModuleStatus>,
    pub unloadable: Vec<UnloadableStatus>,
    pub storage: StorageStatus,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountStatus {
    pub login: String,
    /// The Twitch id; null until the account has logged in.
    #[serde(default)]
    pub id: Option<String>,
    /// The id of the account that had the login before. Its channels are still wanted, but are not this account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<String>,
    pub phase: Phase,
    #[serde(rename = "phase_seconds", with = "seconds")]
    pub phase_for: Duration,
    /// Why the account is not online.
    pub trouble: Option<String>,
    /// Time until the next connection is tried. Zero if there is one, or one is tried now.
    #[serde(rename = "retry_seconds", with = "seconds")]
    pub retry_in: Duration,
    pub channels: ChannelsStatus,
    /// How long Twitch's limit on joins keeps channels waiting. Zero if none waits for it.
    #[serde(rename = "joins_held_seconds", with = "seconds")]
    pub joins_held_for: Duration,
    pub replies_waiting: usize,
    /// How long nothing is sent, because Twitch said that the account sends too much. Zero if it may send.
    #[serde(rename = "held_seconds", with = "seconds")]
    pub held_for: Duration,
    /// Channels that lost replies in the last minutes because Twitch's limits left no room in time.
    pub lost_to_limits: Vec<LostStatus>,
    /// How many replies were lost in this way since the start.
    pub lost_to_limits_in_all: u64,
    /// The unprivileged channels for which messages to privileged channels are slowed now.
    pub slowed_for: Vec<String>,
    /// By reason, including reasons that never occurred.
    pub dropped: BTreeMap<String, u64>,
    /// How long replies waited before their first piece left.
    pub waits: SpanStatus,
    /// From the departure of a reply to Twitch's receipt.
    pub deliveries: SpanStatus,
}

/// Each wanted channel is joined, pending, unreachable, or without a place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelsStatus {
    pub wanted: usize,
    pub joined: usize,
    /// The join is still undecided: requested, or about to be.
    pub pending: usize,
    /// Ordered by name.
    pub unreachable: Vec<UnreachableChannel>,
    /// Channels beyond the number that the account may join.
    #[serde(rename = "without_place")]
    pub without_slot: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnreachableChannel {
    pub login: String,
    pub reason: String,
}

/// A channel's losses to Twitch's limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LostStatus {
    pub channel: String,
    /// Whether the account is moderator, VIP or broadcaster there.
    pub is_privileged: bool,
    pub replies: u64,
}

/// The queues between the connections and the modules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    pub events_waiting: u64,
    pub events_capacity: usize,
    #[serde(rename = "calls_under_way")]
    pub calls_outstanding: u64,
    /// Calls dropped because there were too many.
    pub calls_dropped: u64,
    /// Replies in an outbox, or on their way there.
    pub replies_waiting: u64,
    /// Replies lost because the outbox was full.
    pub replies_dropped: u64,
}

/// The process's own log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Lines lost because standard error was closed or not read fast enough.
    pub lines_lost: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleStatus {
    pub name: String,
    pub version: String,
    /// How often the module broke.
    pub faults: u64,
    /// Why the module does not run where it is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A module that could not be loaded at its last call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnloadableStatus {
    pub name: String,
    pub version: String,
    pub reason: String,
    /// If false, the module itself is to blame, for example because it takes too long to compile.
    #[serde(default)]
    pub is_hosts_fault: bool,
}

/// Why the last write of each kind failed; null once one has succeeded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StorageStatus {
    /// Changes of the host's data.
    pub database: Option<String>,
    /// Uploaded modules.
    pub components: Option<String>,
    pub artefacts: Option<String>,
}

/// The number and durations of something. Quantiles are exact to a factor of two.
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

/// What a snapshot is taken of.
pub(super) struct Observer {
    pub(super) started_at: Instant,
    pub(super) accounts: Arc<Accounts>,
    pub(super) host: Host,
    pub(super) events_capacity: usize,
    pub(super) lost_log_lines: LostLines,
}

impl Observer {
    pub(super) fn observe(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: self.started_at.elapsed(),
            accounts: self.list_states(AccountStatus::of),
            queues: self.observe_queues(),
            log: LogStatus { lines_lost: self.lost_log_lines.count() },
            modules: self.observe_modules(),
            unloadable: self.observe_unloadable(),
            storage: self.observe_storage(),
        }
    }

    pub(super) fn list_states<T>(&self, read: impl Fn(&Login, &AccountState) -> T) -> Vec<T> {
        self.accounts.list().iter().map(|account| read(&account.login, &account.states.borrow())).collect()
    }

    fn observe_queues(&self) -> QueueStatus {
        let progress = *self.host.dispatch.progress().borrow();
        let sum =
            |number: fn(&AccountState) -> u64| -> u64 { self.list_states(|_, state| number(state)).into_iter().sum() };
        QueueStatus {
            // An account reports its events a moment after it has queued them.
            events_waiting: sum(|state| state.events).saturating_sub(progress.taken),
            events_capacity: self.events_capacity,
            calls_outstanding: progress.taken.saturating_sub(progress.settled),
            calls_dropped: progress.calls_dropped,
            replies_waiting: progress.replies.saturating_sub(sum(|state| state.settled)),
            replies_dropped: progress.replies_dropped,
        }
    }

    fn observe_modules(&self) -> Vec<ModuleStatus> {
        let faults = self.host.dispatch.list_faults();
        let barred = self.host.setup.list_barred();
        let module = |manifest: &Arc<Manifest>| ModuleStatus {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            faults: faults.get(&manifest.name).copied().unwrap_or_default(),
            trouble: barred.iter().any(|(name, _)| *name == manifest.name).then(|| BARRED.to_owned()),
        };
        self.host.setup.catalogue().list_latest().map(module).collect()
    }

    fn observe_unloadable(&self) -> Vec<UnloadableStatus> {
        let catalogue = self.host.setup.catalogue();
        // A withdrawn version concerns no channel.
        let is_offered = |module: &UnloadableModule| {
            let uploaded = catalogue.find_uploaded(&module.manifest.name);
            let version = uploaded.and_then(|uploaded| uploaded.find_version(&module.manifest.version));
            version.is_none_or(|version| version.withdrawn_at.is_none())
        };
        let unloadable = self.host.sandbox.list_unloadable().into_iter().filter(is_offered);
        let status = unloadable.map(|UnloadableModule { manifest, reason, is_hosts_fault }| UnloadableStatus {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            reason,
            is_hosts_fault,
        });
        status.collect()
    }

    fn observe_storage(&self) -> StorageStatus {
        let owned = |reason: Option<Arc<str>>| reason.as_deref().map(str::to_owned);
        StorageStatus {
            database: owned(self.host.store.write_trouble()),
            components: owned(self.host.sandbox.components().save_error()),
            artefacts: owned(self.host.sandbox.artefact_save_error()),
        }
    }
}

impl AccountStatus {
    pub(super) fn of(login: &Login, state: &AccountState) -> AccountStatus {
        let dropped = state.counts.list().into_iter().map(|(reason, count)| (reason.to_owned(), count));
        AccountStatus {
            login: login.to_string(),
            id: state.id.map(|id| id.to_string()),
            former: state.former.map(|id| id.to_string()),
            phase: state.phase,
            phase_for: state.phase_since.map(|since| since.elapsed()).unwrap_or_default(),
            trouble: state.trouble.as_deref().map(str::to_owned),
            retry_in: state.retry_at.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default(),
            channels: ChannelsStatus::of(state),
            joins_held_for: span_until(state.joins_held_until),
            replies_waiting: state.waiting,
            held_for: span_until(state.held_until),
            lost_to_limits: list_lost(&state.shortage, Instant::now()),
            lost_to_limits_in_all: state.shortage.lost_total,
            slowed_for: state.shortage.slowed_for.iter().map(Login::to_string).collect(),
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
            without_slot: state.wanted.saturating_sub(accounted_for),
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

fn list_lost(shortage: &Shortage, now: Instant) -> Vec<LostStatus> {
    let recent = shortage.lost.iter().filter(|lost| lost.is_recent(now));
    let lost = recent.map(|lost| LostStatus {
        channel: lost.channel.to_string(),
        is_privileged: lost.is_privileged,
        replies: lost.replies,
    });
    lost.collect()
}

fn span_until(moment: Option<Instant>) -> Duration {
    moment.map(|moment| moment.saturating_duration_since(Instant::now())).unwrap_or_default()
}

pub(super) fn describe_failure(reason: JoinFailure) -> &'static str {
    match reason {
        JoinFailure::Banned => "banned there",
        JoinFailure::Suspended => "suspended",
        JoinFailure::Recycled { .. } => "the login belongs to another channel now",
        JoinFailure::Unconfirmed => "never confirmed by Twitch",
    }
}
