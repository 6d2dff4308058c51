//! One client's connection: finds the endpoint of each request, and lets it fail if a test asked for that.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tower::ServiceExt;

use super::refusal::{NOT_FOUND, Refusal};
use super::requests::{Endpoint, Fault};
use super::{authorize, device, revoke, token, validate};
use crate::server::Shared;

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a test wants the connection to end")]
struct DropConnectionError;

/// Serves `stream` until either side ends the connection.
pub(crate) async fn run_connection(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let router = Router::new()
        .route("/oauth2/authorize", get(authorize::show).post(authorize::answer))
        .route("/oauth2/token", post(token::answer))
        .route("/oauth2/device", post(device::answer))
        .route("/activate", get(device::show_activation).post(device::activate))
        .route("/oauth2/validate", get(validate::answer))
        .route("/oauth2/revoke", post(revoke::answer))
        .fallback(|| async { NOT_FOUND })
        .with_state(shared.clone());
    let service = service_fn(move |request| answer(shared.clone(), router.clone(), request));
    // Fails if the client is gone, or by the error above.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    shared: Arc<Shared>,
    router: Router,
    request: Request<Incoming>,
) -> Result<Response, DropConnectionError> {
    let endpoint = Endpoint::find(request.uri().path());
    let fault = endpoint.map_or(Fault::None, |endpoint| shared.lock().id.note(endpoint));
    shared.changed.notify_waiters();
    match fault {
        Fault::Drop => return Err(DropConnectionError),
        Fault::Status(status) => return Ok(Refusal::wanted(status).into_response()),
        Fault::Slow(by) => sleep(by).await,
        Fault::None | Fault::LoseAnswer => {}
    }
    let response = router.oneshot(request).await.unwrap_or_else(|error| match error {});
    shared.changed.notify_waiters();
    if fault == Fault::LoseAnswer { Err(DropConnectionError) } else { Ok(response) }
}
