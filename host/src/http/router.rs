//! The routes, and the middleware around all of them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{debug, error};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::ROOT;
use super::api;
use super::error::ApiError;
use super::error::refusals::{INTERNAL, UNKNOWN_PATH};
use super::key::write_hex;
use super::openapi::{self, page};
use super::request::query;
use super::server::gate;
use super::state::Api;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Default headers of every answer. Browsers must not cache, sniff, frame or run anything of the API. No other site may
/// load it into its process either, because on this machine the metrics need no key.
const DEFAULT_HEADERS: [(HeaderName, &str); 5] = [
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// All routes. Each request must carry its [`crate::http::server::address::Peer`].
pub fn build_router(api: Arc<Api>) -> Router {
    let routes = OpenApiRouter::with_openapi(openapi::begin())
        .routes(routes!(openapi::show_document))
        .routes(routes!(openapi::show_page))
        .routes(routes!(page::show_style))
        .route(ROOT, get(async || Redirect::to("/api/docs")))
        .merge(api::routes(&api));
    let (router, mut document) = routes.split_for_parts();
    // A second router of the same API serves the first one's document.
    api.document.get_or_init(|| openapi::complete(&mut document));
    router
        .fallback(async || ApiError::from(UNKNOWN_PATH))
        .layer(from_fn_with_state(api.clone(), query::check))
        .layer(from_fn_with_state(api.clone(), gate::admit))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(from_fn_with_state(api.clone(), finish_answer))
        .with_state(api)
}

/// Answers a request whose handler panicked. The panic's own text is in the log already.
fn answer_panic(_: Box<dyn Any + Send>) -> Response {
    error!("a request broke");
    ApiError::from(INTERNAL).into_response()
}

/// Adds the request id, by which its log line is found, and the default headers to the answer; counts the request.
///
/// The log line has the route's template instead of the path, because a caller may have put a key into the path by
/// mistake.
async fn finish_answer(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut id = [0; 8];
    api.entropy.fill(&mut id);
    let id = write_hex(&id);
    let method = request.method().clone();
    let (route, began) = (request.extensions().get::<MatchedPath>().cloned(), api.now().instant);
    let mut response = next.run(request).await;
    let took = api.now().instant.saturating_duration_since(began);
    let route = route.as_ref().map(MatchedPath::as_str);
    api.telemetry.metrics.note_request(route, method.as_str(), response.status().as_u16(), took);
    debug!(%id, %method, route = route.unwrap_or("none"), status = response.status().as_u16(), "answered a request");
    let headers = response.headers_mut();
    for (name, value) in DEFAULT_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("hexadecimal digits make a header"));
    response
}
