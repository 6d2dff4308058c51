//! THE path: from one call of a command, in chat or over HTTP, to what is sent because of it.
//!
//! Read [`accept`] downwards, then [`answer`]: each step before a call may refuse it, and none touches a disk or a sandbox.
//! What is accepted has taken its cooldown, and is carried out. [`call`] is how HTTP comes in, and `blame` what follows
//! where a module breaks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio_util::task::TaskTracker;

use super::cooldown::Cooldowns;
use super::duplicates::Duplicates;
use super::fuse::Fuses;
use super::inbox::{Outboxes, Progress, TURN_WITHIN};
use super::seats::Seats;
use super::seldom::Seldom;
use super::turns::Turns;
use crate::config::FuseConfig;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::message::{ChatMessage, OutgoingMessage};
use crate::domain::ports::Clock;
use crate::domain::report::Fault;
use crate::domain::tally::Tally;
use crate::modules::versions::Versions;
use crate::sandbox::Sandbox;
use crate::setup::Setup;
use crate::store::Store;
use crate::telemetry::Telemetry;

pub mod accept;
pub mod answer;
mod blame;
pub mod call;
mod resting;
mod seen;
mod traced;
pub mod unanswered;

use accept::Silence;
use resting::Resting;
use unanswered::Unanswered;

/// Between two apologies for one module in one channel, and between two warnings in the log about one kind of fault of it: a
/// broken module must not fill chat and log, and must not hide the first fault of another module.
const APOLOGY_EVERY: Duration = Duration::from_secs(60);
/// Between two lines in one channel that tell of a module that was switched off.
const NOTICE_EVERY: Duration = Duration::from_secs(60 * 60);

/// Answers calls.
pub struct Dispatch {
    setup: Arc<Setup>,
    sandbox: Arc<Sandbox>,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
    versions: Option<Arc<Versions>>,
    pub(super) turn_within: Duration,
    tally: Arc<Tally>,
    /// Held while a tally is taken out and saved.
    saving: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
    pub(super) progress: watch::Sender<Progress>,
    unanswered: broadcast::Sender<Unanswered>,
    pub(super) seats: Seats,
    /// Calls under way.
    pub(super) calls: TaskTracker,
    /// None before the loop begins and after it has ended.
    pub(super) outboxes: Mutex<Option<Arc<dyn Outboxes>>>,
}

/// What is remembered from call to call.
pub(super) struct Memory {
    pub(super) turns: Turns,
    duplicates: Duplicates,
    cooldowns: Cooldowns,
    fuses: Fuses,
    /// By module; without one where the host was at fault, which is the same fault for all modules.
    apologies: Seldom<(ChannelId, Option<ModuleDigest>)>,
    warnings: Seldom<(ChannelId, ModuleDigest, Fault)>,
    notices: Seldom<ChannelId>,
    /// None until it is first looked for.
    resting: Option<Resting>,
    /// Bounded by the modules that there are.
    faults: BTreeMap<ModuleName, u64>,
}

impl Dispatch {
    /// With the fuse as it is where nothing is configured.
    pub fn new(
        setup: Arc<Setup>,
        sandbox: Arc<Sandbox>,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        telemetry: Arc<Telemetry>,
    ) -> Dispatch {
        Dispatch {
            setup,
            sandbox,
            store,
            clock,
            telemetry,
            versions: None,
            turn_within: TURN_WITHIN,
            tally: Arc::default(),
            saving: tokio::sync::Mutex::default(),
            memory: Mutex::new(Memory {
                turns: Turns::default(),
                duplicates: Duplicates::default(),
                cooldowns: Cooldowns::default(),
                fuses: Fuses::new(FuseConfig::default()),
                apologies: Seldom::new(APOLOGY_EVERY),
                warnings: Seldom::new(APOLOGY_EVERY),
                notices: Seldom::new(NOTICE_EVERY),
                resting: None,
                faults: BTreeMap::new(),
            }),
            progress: watch::Sender::default(),
            unanswered: unanswered::open(),
            seats: Seats::default(),
            calls: TaskTracker::new(),
            outboxes: Mutex::default(),
        }
    }

    #[must_use]
    pub fn with_fuse(mut self, rules: FuseConfig) -> Dispatch {
        self.memory.get_mut().unwrap_or_else(PoisonError::into_inner).fuses = Fuses::new(rules);
        self
    }

    /// For tests on slow machines: how long a call waits for its channel's earlier ones.
    #[must_use]
    pub fn with_turn_within(mut self, span: Duration) -> Dispatch {
        self.turn_within = span;
        self
    }

    /// Without `versions`, the fuse withdraws no version from all channels.
    #[must_use]
    pub fn with_versions(mut self, versions: Arc<Versions>) -> Dispatch {
        self.versions = Some(versions);
        self
    }

    /// Where whoever passes messages over notes them: dispatch itself notes those that reach it.
    pub fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// What is sent because of a message: any number of replies, or none and why.
    pub async fn answer(&self, message: ChatMessage) -> Result<Vec<OutgoingMessage>, Silence> {
        self.carry_out(self.accept(message)?).await
    }

    /// How often each module broke since the start.
    pub fn list_faults(&self) -> BTreeMap<ModuleName, u64> {
        self.lock().faults.clone()
    }

    /// What is remembered is whole after every statement, and so it survives a panic elsewhere.
    pub(super) fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
