//! What host calls reach, and all that they reach.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::web::WebClient;
use crate::balances::Balances;
use crate::config::SandboxConfig;
use crate::domain::effect::{Commit, Scope};
use crate::domain::id::ChannelId;
use crate::domain::ports::{Clock, Secrets};
use crate::joining::Joining;
use crate::setup::Setup;
use crate::store::{Store, StoreError};
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

impl World {
    /// Loads anew each channel whose set-up a commit read or wrote: after it was made, so that the next message sees
    /// the change, and after a conflict, so that the next run reads what is true by now.
    pub fn reload_setups(&self, commit: &Commit) -> Result<(), StoreError> {
        let noted = commit.noted.iter().map(|(scope, _)| scope.clone());
        let written = commit.effects.iter().flat_map(|effect| effect.scopes(commit.channel));
        let channels: BTreeSet<ChannelId> = noted.chain(written).filter_map(|scope| set_up_channel(&scope)).collect();
        channels.into_iter().try_for_each(|channel| self.setup.reload(channel))
    }
}

fn set_up_channel(scope: &Scope) -> Option<ChannelId> {
    match scope {
        Scope::Setup { channel } => Some(*channel),
        Scope::Storage { .. } | Scope::Account { .. } | Scope::Budget { .. } => None,
    }
}
