//! The state that the endpoints share.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use super::entropy::Entropy;
use super::error::ApiError;
use super::openapi::served::Served;
use super::request::running::Running;
use super::server::callers::Gate;
use super::server::throttle::{Quota, Uploads, limit_listeners};
use crate::chat::dispatch::Dispatch;
use crate::config::HttpConfig;
use crate::domain::id::ChannelId;
use crate::domain::ports::{Clock, Moment};
use crate::modules::publish::Publisher;
use crate::modules::versions::Versions;
use crate::sandbox::Sandbox;
use crate::sandbox::world::World;
use crate::setup::Setup;
use crate::setup::channel::ChannelSetup;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::telemetry::reading::Readings;
use crate::vault::Sealer;

/// The host's long-lived parts. A clone shares the same parts.
#[derive(Clone)]
pub struct Host {
    pub store: Arc<Store>,
    pub setup: Arc<Setup>,
    pub versions: Arc<Versions>,
    pub sandbox: Arc<Sandbox>,
    pub publisher: Arc<Publisher>,
    pub dispatch: Arc<Dispatch>,
    pub telemetry: Arc<Telemetry>,
    pub sealer: Arc<Sealer>,
    pub clock: Arc<dyn Clock>,
}

impl Host {
    /// Takes the store, the set-up, the telemetry and the clock from `sandbox`.
    pub fn new(
        sandbox: Arc<Sandbox>,
        publisher: Publisher,
        dispatch: Arc<Dispatch>,
        versions: Arc<Versions>,
        sealer: Arc<Sealer>,
    ) -> Host {
        let World { store, setup, telemetry, clock, .. } = sandbox.world();
        let (store, setup, telemetry, clock) = (store.clone(), setup.clone(), telemetry.clone(), clock.clone());
        Host { store, setup, versions, sandbox, publisher: Arc::new(publisher), dispatch, telemetry, sealer, clock }
    }
}

/// Returns the parts of the host that are not ready, each with the reason; empty if all are ready. Must not block.
pub type Readiness = Box<dyn Fn() -> Vec<(String, String)> + Send + Sync>;

/// The state of all endpoints, which take it as `State<Arc<Api>>`: the host, and the API's own parts.
pub struct Api {
    pub(super) host: Host,
    pub(super) config: HttpConfig,
    pub(super) readiness: Readiness,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) readings: Readings,
    /// Cancelled at shutdown, which ends answers that would otherwise never end, such as streams of events.
    pub(super) stop: CancellationToken,
    pub(super) gate: Gate,
    pub(super) running: Running,
    pub(super) uploads: Uploads,
    pub(super) document: OnceLock<Served>,
    pub(super) listeners: Quota,
    pub(super) begun: SystemTime,
}

impl Deref for Api {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Api {
    pub fn new(
        host: Host,
        config: HttpConfig,
        readiness: Readiness,
        entropy: Box<dyn Entropy>,
        readings: Readings,
        stop: CancellationToken,
    ) -> Arc<Api> {
        Arc::new(Api {
            gate: Gate::new(&config),
            begun: host.clock.now().wall,
            host,
            config,
            readiness,
            entropy,
            readings,
            stop,
            running: Running::default(),
            uploads: Uploads::default(),
            document: OnceLock::new(),
            listeners: limit_listeners(),
        })
    }

    /// The channel's set-up from memory. An unknown channel is the error `not_found`.
    pub(super) fn find_channel(&self, channel: ChannelId) -> Result<ChannelSetup, ApiError> {
        self.setup.find_channel(channel).ok_or_else(ApiError::no_channel)
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }
}
