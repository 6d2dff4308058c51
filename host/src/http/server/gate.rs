//! Checks every request before its endpoint: the Host header, the caller, the rate, and the permission.

use std::sync::Arc;
use std::time::Duration;

use axum::RequestExt;
use axum::body::Body;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tracing::{debug, error, warn};

use crate::domain::id::ChannelId;
use crate::domain::principal::CallerId;
use crate::http::access::{self, Row};
use crate::http::error::ApiError;
use crate::http::error::refusals::{
    FORBIDDEN, INTERNAL, INVALID_KEY, KEY_MISSING, METHOD_NOT_ALLOWED, REQUEST_TIMEOUT, UNKNOWN_HOST,
};
use crate::http::key::KeySecret;
use crate::http::principal::Principal;
use crate::http::server::address::{AddressGroup, Peer, find_address, is_known, is_unknown_proxy};
use crate::http::server::throttle::{Permit, lock};
use crate::http::state::Api;
use crate::store::host::api_keys::ApiKey;

/// Middleware: refuses the request, or runs it within the time limit and with the caller's permit.
pub(in crate::http) async fn admit(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (request, permit) = check_request(&api, request).await?;
    let answer = tokio::time::timeout(api.config.request_within, next.run(request)).await;
    let answer = answer.unwrap_or_else(|_| ApiError::from(REQUEST_TIMEOUT).into_response());
    // The body owns the permit, because a request is in flight until its answer is sent.
    Ok(answer.map(|body| {
        Body::new(body.map_err(move |error| {
            let _owned = &permit;
            error
        }))
    }))
}

async fn check_request(api: &Arc<Api>, mut request: Request) -> Result<(Request, Option<Permit<CallerId>>), ApiError> {
    let row = find_row(&request);
    let is_probe = matches!(row, Ok(Some(row)) if row.is_probe());
    if !is_probe && !api.gate.hosts.contain(request.uri(), request.headers()) {
        return Err(UNKNOWN_HOST.into());
    }
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
        error!("a request comes from nowhere: the server did not say who its peer is");
        return Err(INTERNAL.into());
    };
    let address = find_address(peer.ip(), request.headers(), &api.config.trusted_proxies);
    let group = AddressGroup::from(address);
    if is_unknown_proxy(peer.ip(), request.headers(), &api.config.trusted_proxies) {
        api.gate.warn_of_proxy.call_once(|| {
            warn!(peer = %peer.ip(), "a proxy is not in http.trusted_proxies: whoever comes through it counts as one caller");
        });
    }
    let token = match row {
        Ok(Some(row)) if row.needs_key() => find_token(request.headers()),
        // A key that is not needed is not checked, so that a wrong one is not refused.
        _ => None,
    };
    let Some(token) = token else {
        let now = api.now().instant;
        lock(&api.gate.without_key).take(group, now).map_err(ApiError::rate_limited)?;
        return match row? {
            Some(row) if row.is_metrics() && is_known(peer.ip(), &request, &api.config) => Ok((request, None)),
            Some(row) if row.needs_key() => Err(KEY_MISSING.into()),
            _ => Ok((request, None)),
        };
    };
    let key = identify(api, group, &token).await?;
    let principal = Principal::new(key, address);
    let permit = take_permit(api, principal.caller())?;
    note_use(api, principal.key());
    let caller_kind = access::classify(&principal, find_channel(&mut request).await);
    if !row?.is_some_and(|row| row.is_open_to(caller_kind)) {
        return Err(FORBIDDEN.into());
    }
    request.extensions_mut().insert(principal);
    Ok((request, Some(permit)))
}

/// The request's row of the table. `None`: no route has this path, and the router answers.
fn find_row(request: &Request) -> Result<Option<&'static Row>, ApiError> {
    let Some(path) = request.extensions().get::<MatchedPath>() else { return Ok(None) };
    if let Some(row) = access::find_row(request.method().as_str(), path.as_str()) {
        return Ok(Some(row));
    }
    // A route without a row is closed to all callers.
    Err(access::list_methods(path.as_str()).map_or(FORBIDDEN.into(), |methods| {
        ApiError::because(METHOD_NOT_ALLOWED, format!("This path takes only {methods}."))
            .with_header(header::ALLOW, methods)
    }))
}

/// The API key in the header Authorization. `None` without the header, `Err` if it is not a well-formed key.
fn find_token(headers: &HeaderMap) -> Option<Result<KeySecret, ()>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next()?;
    let mut read = || {
        let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
        let is_single = values.next().is_none();
        (is_single && scheme.eq_ignore_ascii_case("bearer")).then(|| KeySecret::parse(token.trim()))?
    };
    Some(read().ok_or(()))
}

/// Finds `token`'s valid key. An address with too many wrong keys may only send keys that were valid before.
async fn identify(api: &Api, group: AddressGroup, token: &Result<KeySecret, ()>) -> Result<ApiKey, ApiError> {
    let now = api.now();
    let slowed = lock(&api.gate.wrong_keys).check(&group, now.instant);
    let shown = token.as_ref().ok().map(|secret| (secret.id().clone(), group));
    let was_right = shown.is_some_and(|shown| lock(&api.gate.right_keys).contains(&shown));
    slowed.or_else(|wait| if was_right { Ok(()) } else { Err(ApiError::rate_limited(wait)) })?;
    let found = match token {
        Ok(secret) => api.store.host.find_api_key(secret.id()).await?.filter(|key| secret.opens(&key.digest)),
        Err(()) => None,
    };
    let Some(key) = found.filter(|key| key.is_valid(now.wall)) else {
        // An address over its limit passed above because this key was valid before. Now it is not, so `take` fails.
        lock(&api.gate.wrong_keys).take(group, now.instant).map_err(ApiError::rate_limited)?;
        debug!("a wrong key was shown");
        return Err(INVALID_KEY.into());
    };
    lock(&api.gate.right_keys).put((key.id.clone(), group), ());
    Ok(key)
}

fn take_permit(api: &Api, caller: &CallerId) -> Result<Permit<CallerId>, ApiError> {
    lock(&api.gate.caller_rates).take(caller.clone(), api.now().instant).map_err(ApiError::rate_limited)?;
    // The end of the caller's other requests cannot be predicted, so a second is a guess.
    api.gate.in_flight.enter(caller).ok_or_else(|| ApiError::rate_limited(Duration::from_secs(1)))
}

/// Stores the key's last use in a task, so that the request does not wait, and at most once a minute.
fn note_use(api: &Arc<Api>, key: &ApiKey) {
    let now = api.now().wall;
    if api.gate.note_use(&key.id, now) {
        let (store, id) = (api.store.clone(), key.id.clone());
        tokio::spawn(async move {
            if let Err(error) = store.host.save_key_use(id, now).await {
                debug!(%error, "the use of a key is not noted");
            }
        });
    }
}

/// The channel in the path, if the route has one. `Err`: the id is malformed, or the path cannot be read.
async fn find_channel(request: &mut Request) -> Option<Result<ChannelId, ()>> {
    let Ok(params) = request.extract_parts::<RawPathParams>().await else { return Some(Err(())) };
    let (_, id) = params.iter().find(|(name, _)| *name == "channel")?;
    Some(id.parse().map_err(|_| ()))
}
