//! Idempotency-Key: a repeated request gets the answer of the first one, for a day.
//!
//! An endpoint opts in on its route, with the largest size of its body in bytes, and documents the header:
//!
//! ```text
//! let once = axum::middleware::from_fn_with_state((api, 16 << 20), idempotency::answer_once);
//! OpenApiRouter::default().routes(routes!(upload).layer(once))
//! #[utoipa::path(..., params(("Idempotency-Key" = Option<String>, Header, description = "...")))]
//! ```
//!
//! The whole body is read first, because the key is bound to it. A caller that hangs up does not stop the work, and
//! gets the answer by a repeated request. Answers that ask for a retry (429, 5xx) and those over 64 KiB are not kept.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tracing::warn;

use crate::http::error::ApiError;
use crate::http::error::refusals::{IDEMPOTENCY_KEY_REUSED, INTERNAL, INVALID_HEADER};
use crate::http::principal::Principal;
use crate::http::request::body::{check_encoding, read_body};
use crate::http::request::running::Name;
use crate::http::state::Api;
use crate::store::host::idempotency::KeptAnswer;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEY: &str = "idempotency-key";
/// Longest key, in characters.
const LONGEST_KEY: usize = 128;
/// Largest answer that is kept, in bytes.
const LARGEST_ANSWER: usize = 64 << 10;

/// The request's Idempotency-Key for the endpoint, as sent.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub Box<str>);

/// Middleware; `axum::middleware::from_fn_with_state((api, limit), answer_once)`.
pub async fn answer_once(
    State((api, limit)): State<(Arc<Api>, usize)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(key) = find_key(request.headers())? else { return Ok(next.run(request).await) };
    // Checked first, so that this refusal is not kept: the client may repeat the key with the body unencoded.
    check_encoding(request.headers())?;
    let principal = Principal::of(request.extensions())?;
    let (mut parts, body) = request.into_parts();
    let body = read_body(body, limit).await?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let fingerprint = fingerprint(parts.method.as_str(), target, &parts.headers, &body);
    let name: Name = (principal.caller().clone(), key.clone());
    // Registered as running before the lookup: otherwise an answer that is kept in between would be missed.
    let run = api.running.begin(&name, fingerprint)?;
    if let Some(kept) = api.store.host.find_answer(&name.0, &name.1, api.now().wall).await? {
        return if kept.fingerprint == fingerprint { Ok(replay(kept)) } else { Err(IDEMPOTENCY_KEY_REUSED.into()) };
    }
    parts.extensions.insert(IdempotencyKey(key));
    let request = Request::from_parts(parts, Body::from(body));
    let answered = tokio::spawn(async move {
        let response = keep(&api, &run.name, fingerprint, next.run(request).await).await;
        drop(run);
        response
    });
    answered.await.map_err(|error| {
        // A panic is in the log already. Nothing else ends the task early but the end of the host.
        warn!(%error, "a request broke");
        INTERNAL.into()
    })
}

fn find_key(headers: &HeaderMap) -> Result<Option<Box<str>>, ApiError> {
    let mut values = headers.get_all(KEY).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let text = first.to_str().unwrap_or_default();
    let is_key = (1..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_key || values.next().is_some() {
        let detail = "Idempotency-Key is one text of 1 to 128 visible ASCII characters.";
        return Err(ApiError::because(INVALID_HEADER, detail));
    }
    Ok(Some(text.into()))
}

/// SHA-256 of the request. Each part is hashed with its length, so that no two parts run together.
fn fingerprint(method: &str, target: &str, headers: &HeaderMap, body: &[u8]) -> [u8; 32] {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), target.as_bytes(), content_type, body] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

async fn keep(api: &Api, (caller, key): &Name, fingerprint: [u8; 32], response: Response) -> Response {
    let status = response.status();
    let is_large = HttpBody::size_hint(response.body()).upper().is_none_or(|size| size > LARGEST_ANSWER as u64);
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() || is_large {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = read_body(body, LARGEST_ANSWER).await else { return ApiError::from(INTERNAL).into_response() };
    let find = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(Into::into);
    let answer = KeptAnswer {
        fingerprint,
        status: status.as_u16(),
        content_type: find(header::CONTENT_TYPE),
        location: find(header::LOCATION),
        body: body.to_vec().into(),
    };
    if let Err(error) = api.store.host.save_answer(caller.clone(), key.clone(), answer, api.now().wall).await {
        // The work is done, so the caller gets the answer even if a repeated request will not.
        warn!(%error, "an answer is not kept for its Idempotency-Key");
    }
    Response::from_parts(parts, Body::from(body))
}

fn replay(kept: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(REPLAYED, "true")], kept.body.into_vec()).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, kept) in [(header::CONTENT_TYPE, kept.content_type), (header::LOCATION, kept.location)] {
        if let Some(value) = kept.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(name, value);
        }
    }
    response
}
