//! The API's door: its listener, made before anything is joined, and what it asks of the rest of the host.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::status::Observer;
use crate::chat::dispatch::Dispatch;
use crate::config::HttpConfig;
use crate::domain::ports::Clock;
use crate::http::entropy::SystemEntropy;
use crate::http::health::Readiness;
use crate::http::{Api, Parts};
use crate::modules::publish::Publisher;
use crate::modules::versions::Versions;
use crate::sandbox::Sandbox;
use crate::setup::Setup;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::telemetry::reading::Readings;
use crate::vault::Sealer;

/// Listens, where there is to be an API.
///
/// # Errors
/// Says which key of the configuration to change.
pub(super) async fn listen(config: &HttpConfig) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    let Some(wanted) = config.listen else { return Ok(None) };
    let advice = || format!("cannot listen on {wanted}: change http.listen in the configuration, or set it to \"off\"");
    let listener = TcpListener::bind(wanted).await.with_context(advice)?;
    let address = listener.local_addr().with_context(advice)?;
    Ok(Some((listener, address)))
}

/// What endpoints work with.
pub(super) struct Surroundings {
    pub(super) store: Arc<Store>,
    pub(super) setup: Arc<Setup>,
    pub(super) versions: Arc<Versions>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) sealer: Arc<Sealer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Observer,
    pub(super) readings: Readings,
    pub(super) stop: CancellationToken,
}

pub(super) fn join_api(config: HttpConfig, surroundings: Surroundings) -> Arc<Api> {
    let Surroundings {
        store,
        setup,
        versions,
        sandbox,
        publisher,
        dispatch,
        telemetry,
        sealer,
        clock,
        observer,
        readings,
        stop,
    } = surroundings;
    Api::new(Parts {
        store,
        setup,
        versions,
        sandbox,
        publisher,
        dispatch,
        telemetry,
        sealer,
        clock,
        config,
        readiness: Box::new(Health(observer)),
        entropy: Box::new(SystemEntropy),
        readings,
        stop,
    })
}

/// Ready is a host without a problem that keeps it from its work.
struct Health(Observer);

impl Readiness for Health {
    fn list_unready(&self) -> Vec<(String, String)> {
        let problems = self.0.observe().list_problems().into_iter();
        problems.filter_map(|problem| Some((problem.subject, problem.unready?))).collect()
    }
}
