//! `POST /oauth2/revoke`: ends an access token.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use tokio::time::Instant;

use super::form::Form;
use super::refusal::{INVALID_TOKEN, MISSING_CLIENT_ID, MISSING_TOKEN, Refusal, UNKNOWN_CLIENT};
use crate::server::Shared;

/// The answer to success is empty.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<(), Refusal> {
    let form = Form::parse(&body);
    let client_id = form.require("client_id", MISSING_CLIENT_ID)?;
    let authority = &mut shared.lock().world.authority;
    authority.find_application(client_id).ok_or(UNKNOWN_CLIENT)?;
    let token = form.require("token", MISSING_TOKEN)?;
    let is_theirs = authority.find_access(token).is_some_and(|access| access.grant.client_id == client_id);
    (is_theirs && authority.revoke(token, Instant::now())).then_some(()).ok_or(INVALID_TOKEN)
}
