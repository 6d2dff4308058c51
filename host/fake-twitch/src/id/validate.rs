//! `GET /oauth2/validate`: whose an access token is, and what it may do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::refusal::{INVALID_ACCESS_TOKEN, MISSING_AUTHORIZATION, Refusal};
use crate::server::Shared;
use crate::world::World;
use crate::world::scope::{CHAT_EDIT, CHAT_READ};

/// The client id of a token that a test gave to an account itself: no application asked for it.
const NO_APPLICATION: &str = "fake-twitch";

pub(super) async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = match authorization.split_once(' ') {
        Some(("OAuth" | "Bearer", token)) if !token.is_empty() => token,
        _ => return Err(MISSING_AUTHORIZATION),
    };
    let described = describe(&shared.lock().world, token, Instant::now());
    described.map(Json).ok_or(INVALID_ACCESS_TOKEN)
}

fn describe(world: &World, token: &str, now: Instant) -> Option<Value> {
    let Some(access) = world.authority.find_access(token) else { return describe_static(world, token) };
    let grant = Some(&access.grant).filter(|_| access.is_valid(now))?;
    let login = match &grant.user_id {
        Some(user_id) => Some(world.find_login(user_id)?),
        None => None,
    };
    Some(json!({
        "client_id": grant.client_id,
        "login": login,
        "user_id": grant.user_id,
        // Twitch sends no empty list.
        "scopes": Some(&grant.scopes).filter(|scopes| !scopes.is_empty()),
        "expires_in": access.expires_in(now).as_secs(),
    }))
}

/// A token of `add_account` is for chat, and never expires.
fn describe_static(world: &World, token: &str) -> Option<Value> {
    let login = world.find_token_owner(token, "")?;
    let user_id = &world.find_chatter(&login)?.id;
    Some(json!({
        "client_id": NO_APPLICATION,
        "login": login,
        "user_id": user_id,
        "scopes": [CHAT_EDIT, CHAT_READ],
        "expires_in": 0,
    }))
}
