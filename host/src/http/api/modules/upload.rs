//! Uploads: bytes of strangers, few at once, through the whole gate, and from then on a version.
//!
//! Promised: whatever the host dies of meanwhile, it starts with the version or without it, never with half of one: the
//! bytes are on disk before the row that names them, and bytes that no row names are removed at the next start.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, warn};

use super::change::parse_channels;
use super::refusal::{BUSY_FOR, refuse_component, refuse_publishing};
use super::shown::VersionDetail;
use super::wanted::UploadQuery;
use super::{powers_of, tell};
use crate::domain::audit::Stamp;
use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{ModuleSource, SizeClass};
use crate::domain::principal::KeyId;
use crate::http::Api;
use crate::http::body::{Json, Query, check_encoding, has_content_type};
use crate::http::error::ApiError;
use crate::http::formats::Binary;
use crate::http::principal::Principal;
use crate::http::throttle::{Place, UnderWay};
use crate::sandbox::{Admitted, Upload};
use crate::setup::powers::Powers;
use crate::setup::publishing::Published;

const WASM: &str = "application/wasm";
/// What clients send that were generated for bytes of any kind.
const BYTES: &str = "application/octet-stream";

/// Uploads that are under way at once. Each is in memory as a whole.
const MOST: usize = 4;
/// Of one key, so that no other has to wait for its slow connections.
const MOST_OF_A_KEY: usize = 2;
/// Of all keys of channels: whatever they do, there is a place for the operator.
const MOST_OF_CREATORS: usize = MOST - 1;

/// What holds uploads back.
pub(in crate::http) struct Uploads {
    places: Arc<Semaphore>,
    of_key: UnderWay<KeyId>,
    of_creators: UnderWay<()>,
    /// Held from the saved bytes to the version: who cleans up after a refusal takes away nothing of another upload.
    publishing: tokio::sync::Mutex<()>,
}

/// The place of one upload, until the last copy is dropped.
#[derive(Clone)]
struct UploadPlace {
    _held: Arc<(Place<KeyId>, Option<Place<()>>, OwnedSemaphorePermit)>,
}

impl Default for Uploads {
    fn default() -> Uploads {
        Uploads {
            places: Arc::new(Semaphore::new(MOST)),
            of_key: UnderWay::new(MOST_OF_A_KEY),
            of_creators: UnderWay::new(MOST_OF_CREATORS),
            publishing: tokio::sync::Mutex::default(),
        }
    }
}

/// The middleware: nothing of a body is read before its upload has a place, which lasts as long as what was begun.
pub(super) async fn hold_place(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    match enter(&api, &request) {
        Ok(place) => {
            request.extensions_mut().insert(place);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn enter(api: &Api, request: &Request) -> Result<UploadPlace, ApiError> {
    let principal: &Principal = request.extensions().get().ok_or(ApiError::KeyMissing)?;
    let of_key = api.uploads.of_key.enter(principal.key_id()).ok_or(ApiError::RateLimited(BUSY_FOR))?;
    let of_creators = match principal.is_operator() {
        true => None,
        false => Some(api.uploads.of_creators.enter(&()).ok_or(ApiError::Busy(BUSY_FOR))?),
    };
    let place = api.uploads.places.clone().try_acquire_owned().map_err(|_| ApiError::Busy(BUSY_FOR))?;
    Ok(UploadPlace { _held: Arc::new((of_key, of_creators, place)) })
}

/// The most that any upload may have here, in bytes.
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
    api.telemetry.note_upload(match &uploaded {
        Ok(published) if published.is_new => "accepted",
        Ok(_) => "unchanged",
        Err(error) => error.code(),
    });
    let Published { version, is_new } = uploaded?;
    let shown = Json(VersionDetail::show(&version));
    if !is_new {
        return Ok(shown.into_response());
    }
    let manifest = &version.manifest;
    let location = format!("/api/v1/modules/{}/versions/{}", manifest.name, manifest.version);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], shown).into_response())
}

async fn upload(api: &Arc<Api>, principal: &Principal, request: Request) -> Result<Published, ApiError> {
    let (mut parts, body) = request.into_parts();
    let place = parts.extensions.get::<UploadPlace>().cloned().ok_or(ApiError::Internal)?;
    let Query(UploadQuery { class, canary }) = Query::from_request_parts(&mut parts, api).await?;
    let canary = canary.map(|ids| parse_channels("canary", ids.split(','))).transpose()?;
    if canary.is_some() {
        // Of channels that are not the caller's.
        principal.require_operator()?;
    }
    check_encoding(&parts.headers)?;
    if ![WASM, BYTES].iter().any(|taken| has_content_type(&parts.headers, taken)) {
        return Err(ApiError::UnsupportedMediaType("application/wasm or application/octet-stream"));
    }
    let size = class.into();
    let limit = api.sandbox.find_upload_limit(size).map_err(|error| refuse_component(&error))?;
    let bytes = read(body, limit).await?;
    let admitted = api.sandbox.admit(Upload { bytes, size }).await.map_err(|error| refuse_component(&error))?;
    let (by, stamp) = (powers_of(principal), principal.stamp(api.now().wall));
    let api = api.clone();
    // What is begun here goes through even if the caller hangs up: a version that is known must be offered, too.
    let publishing = tokio::spawn(async move {
        let published = publish(&api, admitted, canary, by, stamp).await;
        drop(place);
        published
    });
    publishing.await.map_err(|_| ApiError::Internal)?
}

/// Counted as it arrives, and by what its head promises.
async fn read(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::TooLarge(limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
        Err(_) => Err(ApiError::InvalidBody("The body ended early.".to_owned())),
    }
}

/// Bytes first, then callable, then a version: a channel that follows new versions calls it at once.
async fn publish(
    api: &Arc<Api>,
    admitted: Admitted,
    canary: Option<BTreeSet<ChannelId>>,
    by: Powers,
    stamp: Stamp,
) -> Result<Published, ApiError> {
    let Admitted { manifest, bytes } = admitted;
    let digest = manifest.digest;
    // These bytes may be a module of the host, of which nothing here is to be saved or taken away.
    let is_strangers = manifest.source == ModuleSource::Uploaded;
    let _turn = api.uploads.publishing.lock().await;
    let manifest = match is_strangers {
        true => {
            save(api, digest, bytes).await?;
            api.sandbox.offer(manifest)
        }
        false => manifest,
    };
    let is_canary = canary.is_some();
    let published = api.setup.publish(manifest, canary, by, stamp).await;
    match published {
        Ok(published) => {
            if published.is_new {
                let manifest = &published.version.manifest;
                tell(api, &manifest.name, &manifest.version, "uploaded");
                if is_canary {
                    tell(api, &manifest.name, &manifest.version, "canary");
                }
            }
            Ok(published)
        }
        Err(error) => {
            if is_strangers {
                take_back(api, digest).await;
            }
            Err(refuse_publishing(error))
        }
    }
}

async fn save(api: &Api, digest: ModuleDigest, bytes: Vec<u8>) -> Result<(), ApiError> {
    let components = api.sandbox.components().clone();
    block(move || components.save(digest, &bytes)).await.map_err(|error| {
        error!(%error, %digest, "a component is not saved");
        ApiError::Internal
    })
}

/// Leaves nothing of what is no version, neither of this upload nor of an earlier one with the same bytes.
async fn take_back(api: &Api, digest: ModuleDigest) {
    // The catalogue does not know of versions that a module of the host stands in front of.
    let stored = api.store.list_uploaded();
    let is_version = stored.map(|modules| modules.iter().any(|module| module.find_digest(digest).is_some()));
    match is_version {
        Ok(true) => {}
        Ok(false) => {
            api.sandbox.forget(&digest);
            let components = api.sandbox.components().clone();
            if let Err(error) = block(move || components.delete(digest)).await {
                warn!(%error, %digest, "a refused component stays until the next start");
            }
        }
        Err(error) => warn!(%error, %digest, "a refused component stays until the next start"),
    }
}

async fn block<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
