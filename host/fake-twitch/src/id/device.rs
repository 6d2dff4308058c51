//! `POST /oauth2/device`, and the page where a person enters the code that a device shows.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::HOST;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::form::Form;
use super::page::{self, Choice, Question};
use super::refusal::{INVALID_CLIENT, MISSING_CLIENT_ID, Refusal};
use crate::server::Shared;
use crate::world::authority::Authority;
use crate::world::devices::{Consent, DEVICE_INTERVAL, DEVICE_LIFETIME};
use crate::world::scope::parse_scopes;

pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let (mut state, form) = (shared.lock(), Form::parse(&body));
    let world = &mut state.world;
    let client_id = form.require("client_id", MISSING_CLIENT_ID)?;
    world.authority.find_application(client_id).ok_or(INVALID_CLIENT)?;
    let scopes = parse_scopes(form.find("scopes").unwrap_or_default());
    let scopes = scopes.map_err(|unknown| Refusal::invalid_scope(&unknown))?;
    let Authority { devices, secrets, .. } = &mut world.authority;
    let (device_code, user_code) = devices.add(secrets, client_id, scopes, Instant::now())?;
    // The address by which this client reached the server.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    Ok(Json(json!({
        "device_code": device_code.expose(),
        "expires_in": DEVICE_LIFETIME.as_secs(),
        "interval": DEVICE_INTERVAL.as_secs(),
        "user_code": user_code.expose(),
        "verification_uri": format!("http://{host}/activate?device-code={}", user_code.expose()),
    })))
}

/// Asks for the code, unless the address has it already: then for consent.
pub(super) async fn show_activation(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let (state, form) = (shared.lock(), Form::parse(query.unwrap_or_default().as_bytes()));
    let user_code = form.find("device-code").unwrap_or_default();
    let Some(device) = state.world.authority.devices.find(user_code, Instant::now()) else {
        return page::ask_code(&state.world, user_code);
    };
    let application = state.world.authority.find_application(&device.client_id);
    let question = Question {
        action: "/activate",
        application: application.map_or("", |application| &application.name),
        scopes: &device.scopes,
        fields: &[("device-code", user_code)],
    };
    page::ask(&state.world, &question)
}

/// Handles the forms of both pages: `device-code`, `choice` (`approve` or `deny`) and `login`.
pub(super) async fn activate(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let (mut state, form) = (shared.lock(), Form::parse(&body));
    let consent = match Choice::parse(&mut state.world, &form) {
        Ok(Choice::Approve(user_id)) => Consent::Given(user_id),
        Ok(Choice::Deny) => Consent::Denied,
        Err(refusal) => return refusal.into_response(),
    };
    let user_code = form.find("device-code").unwrap_or_default();
    if state.world.authority.devices.answer(user_code, consent, Instant::now()) {
        return page::show_text(StatusCode::OK, "Done: you can go back to your device.");
    }
    page::show_text(StatusCode::BAD_REQUEST, "No device waits for this code.")
}
