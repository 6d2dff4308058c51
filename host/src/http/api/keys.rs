//! API keys: made and revoked by the operator. A key is shown once.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::label::is_label;
use crate::domain::principal::{KeyId, KeyScope};
use crate::domain::role::Role;
use crate::domain::timestamp::{MOMENT, parse_timestamp, write_timestamp};
use crate::http::error::refusals::{INVALID_PATH, LAST_OPERATOR_KEY};
use crate::http::error::{ApiError, WrongValues};
use crate::http::key::KeySecret;
use crate::http::principal::Principal;
use crate::http::request::body::{Json, Path};
use crate::http::request::paging::{Page, PageQuery};
use crate::http::shapes::key::{CreatedKey, Key, NewKey};
use crate::http::shapes::page::Listed;
use crate::http::shapes::problem::WrongValue;
use crate::http::state::Api;
use crate::store::host::api_keys::{ApiKey, KeyGuard, Revoked};

/// Longest name of a key, in characters.
const LONGEST_NAME: usize = 64;
const MOST_SCOPES: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list_keys, create_key))
        .routes(routes!(show_own_key))
        .routes(routes!(revoke_key))
}

/// `last_use`: a use that the database may not have yet.
pub fn show_key(key: &ApiKey, last_use: Option<SystemTime>) -> Key {
    let shown = |at: Option<SystemTime>| at.map(write_timestamp);
    Key {
        id: key.id.to_string(),
        name: key.name.to_string(),
        scopes: key.scopes.iter().map(KeyScope::to_string).collect(),
        role: key.role.map(|role| role.to_string()),
        created_at: write_timestamp(key.created_at),
        expires_at: shown(key.expires_at),
        revoked_at: shown(key.revoked_at),
        last_used_at: shown(key.last_used_at.max(last_use)),
    }
}

fn show(api: &Api, key: &ApiKey) -> Key {
    show_key(key, api.gate.find_use(&key.id))
}

/// List all keys
///
/// The oldest first, and those that open nothing any more too.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "keys",
    params(PageQuery),
    responses((status = 200, description = "A page of keys.", body = Listed<Key>))
)]
async fn list_keys(State(api): State<Arc<Api>>, page: Page) -> Result<Json<Listed<Key>>, ApiError> {
    let after: Option<KeyId> = page.parse_cursor()?;
    let keys = api.store.host.list_api_keys(after.as_ref(), page.limit + 1).await?;
    Ok(Json(page.cut(keys, |key| key.id.to_string(), |key| show(&api, &key))))
}

/// Make a key
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    tag = "keys",
    request_body = NewKey,
    responses(
        (status = 201, description = "It is made; its secret is not shown again.", body = CreatedKey),
        (status = 422, description = "Such a key cannot be.")
    )
)]
async fn create_key(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Json(wanted): Json<NewKey>,
) -> Result<(StatusCode, Json<CreatedKey>), ApiError> {
    let now = api.now().wall;
    let secret = KeySecret::make(&*api.entropy);
    let key = make_key(&secret, &wanted, now).map_err(ApiError::invalid_values)?;
    api.store.host.save_api_key(key.clone(), principal.stamp(now)).await?;
    let secret = secret.reveal().expose_secret().to_owned();
    Ok((StatusCode::CREATED, Json(CreatedKey { secret, key: show(&api, &key) })))
}

/// Makes the stored key of `secret`.
///
/// # Errors
/// Every wrong value of `wanted`.
pub fn make_key(secret: &KeySecret, wanted: &NewKey, now: SystemTime) -> Result<ApiKey, Vec<WrongValue>> {
    let mut wrong = WrongValues::default();
    let name = Some(wanted.name.trim()).filter(|name| is_label(name, LONGEST_NAME));
    let name = wrong.expect(name, "name", "must be 1 to 64 characters that can be seen");
    let scopes: Option<Vec<KeyScope>> = wanted.scopes.iter().map(|scope| scope.parse().ok()).collect();
    let scopes = scopes.filter(|scopes| (1..=MOST_SCOPES).contains(&scopes.len()));
    let scopes = wrong.expect(scopes, "scopes", "must be 1 to 32 of \"operator\" and \"channel:\" with a channel's id");
    let role = wanted.role.as_deref().and_then(|text| {
        let role = text.parse().ok().filter(|role| *role <= Role::Moderator);
        wrong.expect(role, "role", "must be everyone, subscriber, vip or moderator")
    });
    let expires_at = wanted.expires_at.as_deref().and_then(|text| {
        let at = parse_timestamp(text).filter(|at| *at > now);
        wrong.expect(at, "expires_at", &format!("must be {MOMENT}, in the future"))
    });
    let (Some(name), Some(mut scopes), true) = (name, scopes, wrong.0.is_empty()) else { return Err(wrong.0) };
    scopes.sort_unstable();
    scopes.dedup();
    Ok(ApiKey {
        id: secret.id().clone(),
        name: name.into(),
        digest: secret.digest(),
        scopes: scopes.into(),
        role,
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    })
}

/// Show the key that asks
#[utoipa::path(
    get,
    path = "/api/v1/keys/self",
    tag = "keys",
    responses((status = 200, description = "The key.", body = Key))
)]
async fn show_own_key(State(api): State<Arc<Api>>, principal: Principal) -> Json<Key> {
    Json(show(&api, principal.key()))
}

/// Revoke a key
///
/// It opens nothing from now on; revoking it again changes nothing. The last one that opens everything stays: whoever
/// wants to be rid of it makes another one first.
#[utoipa::path(
    delete,
    path = "/api/v1/keys/{id}",
    tag = "keys",
    params(("id" = String, Path, format = "key-id", description = "The key's id.", example = "0123456789ab")),
    responses(
        (status = 200, description = "It is revoked.", body = Key),
        (status = 409, description = "No other key opens everything.")
    )
)]
async fn revoke_key(
    State(api): State<Arc<Api>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Key>, ApiError> {
    let id: KeyId = id.parse().map_err(|_| ApiError::because(INVALID_PATH, "A key's id is 12 hexadecimal digits."))?;
    match api.store.host.revoke_api_key(id, KeyGuard::LastOperator, principal.stamp(api.now().wall)).await? {
        Revoked::Done(key) => Ok(Json(show(&api, &key))),
        Revoked::Unknown => Err(ApiError::not_found("key")),
        Revoked::Refused => Err(LAST_OPERATOR_KEY.into()),
    }
}
