//! Uploads: reads the bytes of strangers, few at once, passes them through the whole gate, and publishes them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::answers::report;
use super::change::parse_channels;
use super::paced_body::PacedBody;
use super::refusal::{BUSY_FOR, find_hint, refuse_component, refuse_size};
use super::shown::show_uploaded;
use crate::domain::manifest::SizeClass;
use crate::http::error::ApiError;
use crate::http::error::refusals::{INTERNAL, TOO_LARGE};
use crate::http::openapi::formats::Binary;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Query, check_encoding, has_content_type, read_body, refuse_media_type};
use crate::http::shapes::module::{Class, VersionDetail};
use crate::http::state::Api;
use crate::modules::versions::Published;
use crate::sandbox::compile::compiler::Uploader;
use crate::sandbox::compile::parts::Upload;

const WASM: &str = "application/wasm";
/// The content type of generated clients that send arbitrary bytes.
const BYTES: &str = "application/octet-stream";

/// How a component is uploaded.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct UploadQuery {
    /// `large` is for components with a JavaScript or Python runtime.
    #[serde(default)]
    #[param(inline)]
    class: Class,
    /// The ids of the channels, with commas between, that are to have the version before all others: its canary from the
    /// first moment. For the operator.
    #[param(format = "twitch-ids", example = "100,200")]
    canary: Option<String>,
}

/// Middleware: bounds the number of bodies that are read at once, and requires a least speed of each.
pub(super) async fn pace_body(State(api): State<Arc<Api>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let permit = api.uploads.read.enter(&Principal::of(request.extensions())?, BUSY_FOR)?;
    Ok(next.run(request.map(|body| Body::new(PacedBody::new(body, permit)))).await)
}

/// Largest upload of any size class, in bytes.
pub(super) fn largest_upload(api: &Api) -> usize {
    let limits = [SizeClass::Small, SizeClass::Large].map(|size| api.sandbox.find_upload_limit(size).unwrap_or(0));
    limits.into_iter().max().unwrap_or(0)
}

/// Upload a component
///
/// Its name and version are what it says about itself. A new name belongs to the key that brought it: only that key and
/// the operator add versions. It is enabled nowhere by this; where the module is on, a version that asks for no more runs at
/// once, unless it is tried out in some channels first. The same bytes again change nothing.
#[utoipa::path(
    post,
    path = "/api/v1/modules",
    tag = "modules",
    params(
        UploadQuery,
        ("Idempotency-Key" = Option<String>, Header, nullable = false, pattern = "^[!-~]{1,128}$", description = "The same key again gets the same answer, for a day.")
    ),
    request_body(
        description = "The component.",
        content((inline(Binary) = "application/wasm"), (inline(Binary) = "application/octet-stream"))
    ),
    responses(
        (status = 200, description = "These very bytes were there already.", body = VersionDetail),
        (
            status = 201,
            description = "It is a version now.",
            body = VersionDetail,
            headers(("Location" = String, description = "The version's path."))
        ),
        (status = 403, description = "Only the operator brings a canary."),
        (status = 409, description = "Its name, its version or one of its words belongs to something else, or it cannot be a canary."),
        (status = 422, description = "It is no component that could be a module here, or no such canary can be.")
    )
)]
pub(super) async fn upload_module(
    State(api): State<Arc<Api>>,
    principal: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    let uploaded = upload(&api, &principal, request).await;
    api.telemetry.metrics.note_upload(match &uploaded {
        Ok(published) if !published.transitions.is_empty() => "accepted",
        Ok(_) => "unchanged",
        Err(error) => error.refusal().code,
    });
    let Published { version, transitions } = uploaded?;
    let shown = Json(show_uploaded(&version));
    if transitions.is_empty() {
        return Ok(shown.into_response());
    }
    let manifest = &version.manifest;
    let location = format!("/api/v1/modules/{}/versions/{}", manifest.name, manifest.version);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], shown).into_response())
}

async fn upload(api: &Arc<Api>, principal: &Principal, request: Request) -> Result<Published, ApiError> {
    let (mut parts, body) = request.into_parts();
    let Query(UploadQuery { class, canary }) = Query::from_request_parts(&mut parts, api).await?;
    let canary = canary.map(|ids| parse_channels("canary", ids.split(','))).transpose()?;
    if canary.is_some() {
        // A canary affects channels that are not the caller's.
        principal.require_operator()?;
    }
    check_encoding(&parts.headers)?;
    if ![WASM, BYTES].iter().any(|taken| has_content_type(&parts.headers, taken)) {
        return Err(refuse_media_type("application/wasm or application/octet-stream"));
    }
    let size = class.into();
    let hint = find_hint(size, api.sandbox.find_upload_limit(SizeClass::Large).is_ok());
    let limit = api.sandbox.find_upload_limit(size).map_err(|error| refuse_component(&error, hint))?;
    let bytes = read_body(body, limit).await.map_err(|error| match error.refusal() {
        TOO_LARGE => refuse_size(limit, hint),
        _ => error,
    })?;
    let permit = api.uploads.worked_on.enter(principal, BUSY_FOR)?;
    let admitted = api.sandbox.admit(Upload { bytes: bytes.into(), size, by: uploader_of(principal) }).await;
    let admitted = admitted.map_err(|error| refuse_component(&error, hint))?;
    let (by, stamp) = (principal.powers(), principal.stamp(api.now().wall));
    let api = api.clone();
    // A task, which a hang-up does not stop: listeners get the event, and the permit is held as long as the bytes are.
    let publishing = tokio::spawn(async move {
        let published = api.publisher.publish(admitted, canary, by, stamp).await?;
        report(&api, &published.version.manifest.name, &published.transitions);
        drop(permit);
        Ok::<_, ApiError>(published)
    });
    publishing.await.map_err(|_| INTERNAL)?
}

fn uploader_of(principal: &Principal) -> Uploader {
    if principal.is_operator() { Uploader::Operator } else { Uploader::Creator(principal.caller().clone()) }
}
