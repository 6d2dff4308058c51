//! What host calls reach, and all that they reach.

use std::sync::Arc;

use crate::balances::Balances;
use crate::config::SandboxConfig;
use crate::domain::ports::Clock;
use crate::joining::Joining;
use crate::setup::Setup;
use crate::store::Store;

/// The host's parts that a module's calls are answered from. No part of Twitch, and no token, is among them.
pub struct World {
    pub store: Arc<Store>,
    pub setup: Arc<Setup>,
    pub joining: Joining,
    pub balances: Balances,
    pub clock: Arc<dyn Clock>,
    pub limits: SandboxConfig,
}
