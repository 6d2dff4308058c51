//! Everything that host calls can reach.

use std::sync::Arc;

use super::rehearsal::Rehearsal;
use super::web::client::WebClient;
use crate::balances::Balances;
use crate::config::SandboxConfig;
use crate::domain::ports::{Clock, Secrets};
use crate::joining::Joining;
use crate::setup::Setup;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// The host's parts that answer a module's host calls. They include no part of Twitch and no token. Modules' own
/// secrets pass through `secrets` into web requests.
pub struct World {
    pub store: Arc<Store>,
    pub setup: Arc<Setup>,
    pub joining: Joining,
    pub balances: Balances,
    pub web: WebClient,
    pub secrets: Arc<dyn Secrets>,
    pub clock: Arc<dyn Clock>,
    pub limits: SandboxConfig,
    /// Receives guests' log lines.
    pub telemetry: Arc<Telemetry>,
    /// Set by the author's runner alone.
    pub rehearsal: Option<Arc<Rehearsal>>,
}
