//! The HTTP API: who may ask for what, and how the answers look.
//!
//! Guarantees: what is not in the table of [`access`] is denied; every answer that says no is a problem document with a
//! stable code ([`error`]); a secret is in no URL, log line or answer but the one that makes it; what a caller may ask
//! for, how often and how large, is bounded. Not here: what the host does when it is asked, which the parts below know,
//! and how the process listens and ends, which is `app`'s.
//!
//! A connection whose request was not read to its end stays open until the other end has its answer (`server/linger`). An endpoint that opts
//! in to `request/idempotency` finishes what was begun even if the caller hangs up, and keeps its answer for a day. Limits, quotas, owners of
//! modules' names, kept answers and the audit know a caller by a [`CallerId`](crate::domain::principal::CallerId): an API key, or,
//! once there are sessions, a person.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

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

pub mod access;
pub mod api;
pub mod entropy;
pub mod error;
pub mod key;
mod openapi;
pub mod principal;
pub mod request;
mod router;
pub mod server;
pub mod shapes;

use error::ApiError;
use request::idempotency;
pub use router::build_router;
pub use server::serve;

/// The host's long-lived parts, each made once. Clones are of the same parts.
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
    /// With the parts that `sandbox` has already.
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

/// What endpoints work with: the host, and the API's own parts. They take it as `State<Arc<Api>>`.
pub struct Api {
    host: Host,
    config: HttpConfig,
    readiness: Box<dyn api::health::Readiness>,
    entropy: Box<dyn entropy::Entropy>,
    readings: Readings,
    /// When it is cancelled, answers that have no end of their own are over.
    stop: CancellationToken,
    gate: server::gate::Gate,
    running: idempotency::Running,
    uploads: api::modules::Uploads,
    document: OnceLock<openapi::Served>,
    listeners: api::events::Listeners,
    begun: SystemTime,
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
        readiness: Box<dyn api::health::Readiness>,
        entropy: Box<dyn entropy::Entropy>,
        readings: Readings,
        stop: CancellationToken,
    ) -> Arc<Api> {
        Arc::new(Api {
            gate: server::gate::Gate::new(&config),
            begun: host.clock.now().wall,
            host,
            config,
            readiness,
            entropy,
            readings,
            stop,
            running: idempotency::Running::default(),
            uploads: api::modules::Uploads::default(),
            document: OnceLock::new(),
            listeners: api::events::Listeners::default(),
        })
    }

    /// A channel's set-up, as it is in memory.
    fn find_channel(&self, channel: ChannelId) -> Result<ChannelSetup, ApiError> {
        self.setup.find_channel(channel).ok_or_else(ApiError::no_channel)
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }
}
