//! What host calls reach, and all that they reach.

use std::sync::Arc;

use super::web::client::WebClient;
use crate::balances::Balances;
use crate::config::SandboxConfig;
use crate::domain::ports::{Clock, Secrets};
use crate::joining::Joining;
use crate::setup::Setup;
use crate::store::Store;
use crate::telemetry::Telemetry;

/// The host's parts that a module's calls are answered from. No part of Twitch, and no token, is among them; the modules'
/// own secrets go through it into requests.
pub struct World {
    pub store: Arc<Store>,
    pub setup: Arc<Setup>,
    pub joining: Joining,
    pub balances: Balances,
    pub web: WebClient,
    pub secrets: Arc<dyn Secrets>,
    pub clock: Arc<dyn Clock>,
    pub limits: SandboxConfig,
    /// Where guests' lines go.
    pub telemetry: Arc<Telemetry>,
}
