//! `POST /oauth2/token`: exchanges a code, a refresh token, a client secret or a device code for an access token.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::form::Form;
use super::refusal::{
    AUTHORIZATION_PENDING, INVALID_CLIENT, INVALID_CLIENT_SECRET, INVALID_CODE, INVALID_DEVICE_CODE,
    INVALID_GRANT_TYPE, INVALID_REFRESH_TOKEN, MISSING_CLIENT_ID, MISSING_CLIENT_SECRET, MISSING_CODE,
    MISSING_DEVICE_CODE, MISSING_GRANT_TYPE, MISSING_REDIRECT_URI, MISSING_REFRESH_TOKEN, REDIRECT_MISMATCH, Refusal,
};
use crate::server::Shared;
use crate::world::World;
use crate::world::application::Application;
use crate::world::authority::Issued;
use crate::world::devices::RedeemDeviceError;
use crate::world::grant::Grant;
use crate::world::rules::Rule;
use crate::world::scope::parse_scopes;

pub(super) async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let issued = exchange(&mut shared.lock().world, &Form::parse(&body), Instant::now())?;
    let mut answer = json!({
        "access_token": issued.access_token.expose(),
        "expires_in": issued.expires_in.as_secs(),
        "token_type": "bearer",
    });
    // Twitch leaves out what is empty: an application's own token has neither.
    if let Some(refresh_token) = issued.refresh_token {
        answer["refresh_token"] = refresh_token.expose().into();
    }
    if !issued.scopes.is_empty() {
        answer["scope"] = issued.scopes.into();
    }
    Ok(Json(answer))
}

fn exchange(world: &mut World, form: &Form, now: Instant) -> Result<Issued, Refusal> {
    let client_id = form.require("client_id", MISSING_CLIENT_ID)?;
    let application = world.authority.find_application(client_id).ok_or(INVALID_CLIENT)?.clone();
    match form.require("grant_type", MISSING_GRANT_TYPE)? {
        "authorization_code" => {
            check_secret(&application, form)?;
            exchange_code(world, &application, form, now)
        }
        "refresh_token" => {
            // A public application has no secret to send.
            if !application.is_public() {
                check_secret(&application, form)?;
            }
            refresh(world, &application, form, now)
        }
        "client_credentials" => {
            check_secret(&application, form)?;
            let scopes = parse_scopes(form.find("scope").unwrap_or_default());
            let scopes = scopes.map_err(|unknown| Refusal::invalid_scope(&unknown))?;
            let grant = Grant { client_id: application.client_id, user_id: None, scopes };
            Ok(world.authority.issue(grant, now)?)
        }
        "urn:ietf:params:oauth:grant-type:device_code" => exchange_device_code(world, &application, form, now),
        _ => Err(INVALID_GRANT_TYPE),
    }
}

/// No secret is right for a public application.
fn check_secret(application: &Application, form: &Form) -> Result<(), Refusal> {
    let sent = form.require("client_secret", MISSING_CLIENT_SECRET)?;
    let is_right = application.client_secret.as_ref().is_some_and(|secret| secret.expose() == sent);
    is_right.then_some(()).ok_or(INVALID_CLIENT_SECRET)
}

fn exchange_code(world: &mut World, application: &Application, form: &Form, now: Instant) -> Result<Issued, Refusal> {
    let code = form.require("code", MISSING_CODE)?;
    let redirect_uri = form.require("redirect_uri", MISSING_REDIRECT_URI)?;
    if !application.redirect_uris.iter().any(|registered| registered == redirect_uri) {
        return Err(REDIRECT_MISMATCH);
    }
    let redeemed = world.authority.redeem_code(code, &application.client_id, redirect_uri, now);
    Ok(world.authority.issue(redeemed.ok_or(INVALID_CODE)?, now)?)
}

fn refresh(world: &mut World, application: &Application, form: &Form, now: Instant) -> Result<Issued, Refusal> {
    let refresh_token = form.require("refresh_token", MISSING_REFRESH_TOKEN)?;
    let refreshed = world.authority.refresh(refresh_token, &application.client_id, now);
    Ok(refreshed.ok_or(INVALID_REFRESH_TOKEN)??)
}

fn exchange_device_code(
    world: &mut World,
    application: &Application,
    form: &Form,
    now: Instant,
) -> Result<Issued, Refusal> {
    let device_code = form.require("device_code", MISSING_DEVICE_CODE)?;
    if !world.authority.devices.note_poll(device_code, now) {
        // Twitch documents the interval, but no answer to a device that ignores it.
        world.log.note_violation(Rule::Polling, &application.client_id, now);
    }
    let redeemed = world.authority.devices.redeem(device_code, &application.client_id, now);
    let grant = redeemed.map_err(|error| match error {
        RedeemDeviceError::Pending => AUTHORIZATION_PENDING,
        RedeemDeviceError::Invalid => INVALID_DEVICE_CODE,
    })?;
    Ok(world.authority.issue(grant, now)?)
}
