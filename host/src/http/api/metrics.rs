//! What is counted, for Prometheus and its kind.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;
use crate::telemetry::METRICS_TYPE;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(show_metrics))
}

/// Show the metrics
///
/// Calls, modules, uploads, accounts, queues and requests, in the OpenMetrics text format. The addresses of `[http]
/// metrics_from` need no key.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "watch",
    responses((status = 200, description = "The metrics.", body = String, content_type = "application/openmetrics-text"))
)]
async fn show_metrics(State(api): State<Arc<Api>>) -> Response {
    ([(CONTENT_TYPE, METRICS_TYPE)], api.telemetry.render_metrics((api.readings)())).into_response()
}
