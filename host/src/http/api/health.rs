//! The probes: whether the host is alive, and whether it is ready.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::error::ApiError;
use crate::http::error::refusals::NOT_READY;
use crate::http::request::body::Json;
use crate::http::shapes::problem::WrongValue;
use crate::http::state::Api;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(tell_health)).routes(routes!(tell_readiness))
}

/// How the host is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`: what is not is a problem document.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "watch", responses((status = 200, description = "It lives.", body = Health)))]
async fn tell_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the host can work: its database answers and takes changes, its modules can be loaded, and its accounts are connected to Twitch.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "watch",
    responses((status = 200, description = "All is ready.", body = Health), (status = 503, description = "Something is not."))
)]
async fn tell_readiness(State(api): State<Arc<Api>>) -> Result<Json<Health>, ApiError> {
    let mut unready = (api.readiness)();
    if api.store.host.list_api_keys(None, 1).await.is_err() {
        unready.push(("store".to_owned(), "The database does not answer.".to_owned()));
    }
    if unready.is_empty() {
        return Ok(Json(Health { status: "ok" }));
    }
    let errors = unready.into_iter().map(|(field, detail)| WrongValue { field, detail });
    Err(ApiError::from(NOT_READY).with_errors(errors.collect()))
}
