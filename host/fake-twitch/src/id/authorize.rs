//! `GET /oauth2/authorize`: asks a person for consent, and sends them back to the application with a code or an error.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::{COOKIE as COOKIES, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::form::Form;
use super::page::{self, Choice, Question};
use super::refusal::{
    INVALID_CLIENT, INVALID_RESPONSE_TYPE, MISSING_CLIENT_ID, MISSING_REDIRECT_URI, MISSING_RESPONSE_TYPE,
    REDIRECT_MISMATCH, Refusal,
};
use crate::server::Shared;
use crate::world::World;
use crate::world::application::Application;
use crate::world::grant::Grant;
use crate::world::scope::parse_scopes;

/// The cookie with the id of the user who a browser is logged in as.
const COOKIE: &str = "fake-twitch-user";

/// A request that may be shown to a person.
struct Asked {
    application: Application,
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
}

/// Why a request ends without a code.
pub(super) enum AuthorizeError {
    Refused(Refusal),
    /// The person is sent to this address of the application, which names the error.
    SentBack(String),
}

impl From<Refusal> for AuthorizeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for AuthorizeError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::SentBack(address) => redirect(address),
        }
    }
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, AuthorizeError> {
    const NAMES: [&str; 6] = ["response_type", "client_id", "redirect_uri", "scope", "state", "force_verify"];
    let (mut state, form) = (shared.lock(), Form::parse(query.unwrap_or_default().as_bytes()));
    let world = &mut state.world;
    let asked = Asked::read(world, &form)?;
    let remembered = find_remembered(world, &headers).map(|user_id| asked.write_grant(user_id));
    if let Some(grant) = remembered.filter(|_| form.find("force_verify") != Some("true"))
        && world.authority.has_consent(&grant)
    {
        return Ok(redirect(asked.approve(world, grant)?));
    }
    let fields: Vec<_> = NAMES.iter().filter_map(|&name| Some((name, form.find(name)?))).collect();
    let question = Question {
        action: "/oauth2/authorize",
        application: &asked.application.name,
        scopes: &asked.scopes,
        fields: &fields,
    };
    Ok(page::ask(world, &question))
}

/// Handles the form of the page: the parameters of the request again, `choice` (`approve` or `deny`) and `login`.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, AuthorizeError> {
    let (mut state, form) = (shared.lock(), Form::parse(&body));
    let world = &mut state.world;
    let asked = Asked::read(world, &form)?;
    let Choice::Approve(user_id) = Choice::parse(world, &form)? else {
        return Err(asked.refuse("access_denied", "The user denied you access"));
    };
    let cookie = format!("{COOKIE}={user_id}; Path=/oauth2/authorize; HttpOnly; SameSite=Lax");
    let address = asked.approve(world, asked.write_grant(user_id))?;
    if world.authority.remembers_people {
        return Ok(([(SET_COOKIE, cookie)], redirect(address)).into_response());
    }
    Ok(redirect(address))
}

/// The id of the user who this browser is logged in as.
fn find_remembered(world: &World, headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIES).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split("; ")).filter_map(|pair| pair.split_once('='));
    let (_, user_id) = pairs.find(|(name, _)| *name == COOKIE).filter(|_| world.authority.remembers_people)?;
    world.find_login(user_id).map(|_| user_id.to_owned())
}

impl Asked {
    /// A person is sent only to a registered address: if the one in the request is another, then to the application's
    /// first one.
    fn read(world: &World, form: &Form) -> Result<Self, AuthorizeError> {
        let client_id = form.require("client_id", MISSING_CLIENT_ID)?;
        let application = world.authority.find_application(client_id).ok_or(INVALID_CLIENT)?;
        let mut asked = Self {
            application: application.clone(),
            redirect_uri: form.require("redirect_uri", MISSING_REDIRECT_URI)?.to_owned(),
            scopes: Vec::new(),
            state: form.find("state").map(str::to_owned),
        };
        if !application.redirect_uris.contains(&asked.redirect_uri) {
            asked.redirect_uri = application.redirect_uris.first().ok_or(REDIRECT_MISMATCH)?.clone();
            return Err(asked.refuse("redirect_mismatch", REDIRECT_MISMATCH.message()));
        }
        if form.require("response_type", MISSING_RESPONSE_TYPE)? != "code" {
            return Err(INVALID_RESPONSE_TYPE.into());
        }
        match parse_scopes(form.find("scope").unwrap_or_default()) {
            Ok(scopes) => Ok(Self { scopes, ..asked }),
            Err(unknown) => Err(asked.refuse("invalid_scope", Refusal::invalid_scope(&unknown).message())),
        }
    }

    fn write_grant(&self, user_id: String) -> Grant {
        let client_id = self.application.client_id.clone();
        Grant { client_id, user_id: Some(user_id), scopes: self.scopes.clone() }
    }

    /// Returns the address to send the person back to, with a code.
    fn approve(&self, world: &mut World, grant: Grant) -> Result<String, AuthorizeError> {
        let code = world.authority.add_code(grant, &self.redirect_uri, Instant::now()).map_err(Refusal::from)?;
        Ok(self.write_address(&[("code", code.expose()), ("scope", &self.scopes.join(" "))]))
    }

    fn refuse(&self, error: &str, description: &str) -> AuthorizeError {
        AuthorizeError::SentBack(self.write_address(&[("error", error), ("error_description", description)]))
    }

    /// The application's address with these parameters and the `state`, which belongs to success and to failure.
    fn write_address(&self, parameters: &[(&str, &str)]) -> String {
        let state = self.state.as_ref().map(|state| ("state", state.as_str()));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters.iter().copied().chain(state))
            .finish();
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.redirect_uri)
    }
}

fn redirect(address: String) -> Response {
    (StatusCode::FOUND, [(LOCATION, address)]).into_response()
}
