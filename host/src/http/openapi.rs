//! The OpenAPI document: each endpoint's own description, completed with everything that all endpoints share.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response as Described,
    Schema, Server,
};
use utoipa::{PartialSchema, ToSchema};

use super::access::{CallerKind, Row, find_row};
use super::error::ApiError;
use super::error::refusals::{INTERNAL, REFUSALS, Refusal};
use super::shapes::problem::{Problem, WrongValue};

pub(super) mod formats;
pub(super) mod page;
pub(super) mod served;

use super::state::Api;
use formats::add_patterns;
use served::{Parameters, Served, find_inline, list_operations};

/// Shapes that are answered with their revision as the ETag.
const TAGGED: [&str; 3] = ["Channel", "ChannelModule", "ModuleDetail"];
/// Shapes in requests and answers. The types ignore unknown fields, for older clients; a request must not have any.
const CLOSED: [&str; 3] = ["CommandTerms", "ModuleCaps", "ModuleGrants"];
const SCHEME: &str = "api_key";
/// An SPDX expression.
const LICENSE: &str = env!("CARGO_PKG_LICENSE");
const TEXT: &str = "Modules, channels and commands of this host. Every answer that says no is a problem document \
                    (RFC 9457) whose `code` never changes.";

/// The document without endpoints, which add themselves.
pub(super) fn begin() -> OpenApi {
    let license = LicenseBuilder::new().name(LICENSE).identifier(Some(LICENSE)).build();
    let info = InfoBuilder::new().title("twitchy").version(env!("CARGO_PKG_VERSION")).description(Some(TEXT));
    let info = info.license(Some(license)).build();
    // A relative address: the server that the document was read from.
    let server = Server::new("/");
    OpenApiBuilder::new().info(info).servers(Some([server])).build()
}

/// Adds everything that all endpoints share, so that each declares only its own part.
pub(super) fn complete(document: &mut OpenApi) -> Served {
    let components = document.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), describe_problem());
    components.schemas.insert(WrongValue::name().into_owned(), WrongValue::schema());
    for name in CLOSED {
        if let Some(RefOr::T(Schema::Object(shape))) = components.schemas.get_mut(name) {
            shape.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key: `twk_...`")).build();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in list_operations(item) {
            complete_operation(method, path, operation);
        }
    }
    let parameters = Parameters::of(document);
    let mut document = serde_json::to_value(document).expect("the document is made of texts and maps by text");
    add_patterns(&mut document);
    let page = page::write_page(&document).into();
    Served { json: document.to_string().into(), page, parameters }
}

/// Answered before the request is parsed, so without a problem document.
const TOO_LARGE_HEAD: &str = "431";

/// The shape of problem documents, with a list of all codes, so that authors of clients need not find them by trial.
fn describe_problem() -> RefOr<Schema> {
    let mut problem = Problem::schema();
    if let RefOr::T(Schema::Object(object)) = &mut problem
        && let Some(RefOr::T(Schema::Object(code))) = object.properties.get_mut("code")
    {
        let lines =
            REFUSALS.iter().map(|Refusal { status, code, meaning, .. }| format!("\n- `{code}` ({status}): {meaning}"));
        let text = "For programs; it keeps its meaning for ever, and others may be added.\n";
        code.description = Some(text.to_owned() + &lines.collect::<String>());
    }
    problem
}

/// Adds the headers of an answer that programs use.
fn add_headers(status: &str, is_idempotent: bool, response: &mut Described) {
    let headers = &mut response.headers;
    match status {
        "401" => drop(headers.insert("WWW-Authenticate".to_owned(), text("`Bearer`, and what is wrong with the key."))),
        "429" => drop(headers.insert("Retry-After".to_owned(), text("Seconds after which it is worth another try."))),
        _ => {}
    }
    if status.starts_with('2') && is_idempotent {
        let replayed = "`true` where this is what the first request with this Idempotency-Key was answered.";
        headers.insert("Idempotency-Replayed".to_owned(), text(replayed));
    }
    let is_tagged = response.content.values().any(|content| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(shape)), .. }) = content else { return false };
        TAGGED.iter().any(|name| shape.ref_location.ends_with(&format!("/{name}")))
    });
    if status == "200" && is_tagged {
        headers.insert("ETag".to_owned(), text("The revision of what is shown: a change sends it as If-Match."));
    }
}

fn text(description: &str) -> RefOr<Header> {
    RefOr::T(HeaderBuilder::new().schema(Some(String::schema())).description(Some(description)).build())
}

/// Adds the answers that follow from the operation's parts: a key, a body, parameters.
fn complete_operation(method: &str, path: &str, operation: &mut Operation) {
    let row = find_row(method, path);
    let (needs_key, is_probe) = (row.is_some_and(Row::needs_key), row.is_some_and(Row::is_probe));
    let parameters: Vec<&Parameter> = operation.parameters.iter().flatten().filter_map(find_inline).collect();
    let has = |place: fn(&ParameterIn) -> bool| parameters.iter().any(|parameter| place(&parameter.parameter_in));
    let has_header = |wanted: &str| {
        parameters.iter().any(|parameter| parameter.parameter_in == ParameterIn::Header && parameter.name == wanted)
    };
    let names_channel = parameters.iter().any(|parameter| parameter.name == "channel");
    let may_be_closed = needs_key && (names_channel || row.is_some_and(|row| !row.is_open_to(CallerKind::OwnChannel)));
    let in_path = has(|place| *place == ParameterIn::Path);
    let in_query = has(|place| *place == ParameterIn::Query);
    let (is_idempotent, is_conditional) = (has_header("Idempotency-Key"), has_header("If-Match"));
    let has_body = operation.request_body.is_some();
    let answers = [
        (in_path || in_query || has_body || is_idempotent || is_conditional, "400", "The request is not well-formed."),
        (needs_key, "401", "There is no API key, or no valid one."),
        (may_be_closed, "403", "The API key does not open this."),
        (in_path, "404", "There is no such thing."),
        (has_body, "408", "The request was not read in time."),
        (is_idempotent, "409", "The first request with this Idempotency-Key is still under way."),
        (is_conditional, "412", "It has changed since it was read."),
        (has_body, "413", "The body is too large."),
        (has_body, "415", "The body is of another content type, or encoded."),
        (!is_probe, "421", "The Host header names none of this server's names."),
        (is_idempotent, "422", "The Idempotency-Key was sent with another request before."),
        (is_conditional, "428", "The header If-Match is missing."),
        (true, "429", "Too many requests: Retry-After says when to try again."),
        (
            true,
            TOO_LARGE_HEAD,
            "The request line and the headers are too large; 32 KiB always fit. The answer has no body.",
        ),
        (true, "500", "Something went wrong here."),
        (needs_key, "503", "The host is not ready, or too busy: Retry-After says when to try again."),
    ];
    for (applies, status, description) in answers {
        if applies {
            let none = || RefOr::T(Described::new(description));
            operation.responses.responses.entry(status.to_owned()).or_insert_with(none);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        add_headers(status, is_idempotent, response);
        if status.starts_with(['4', '5']) && status != TOO_LARGE_HEAD && response.content.is_empty() {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.insert("application/problem+json".to_owned(), RefOr::T(problem));
        }
    }
    let scheme = || SecurityRequirement::new(SCHEME, [] as [&str; 0]);
    // In OpenAPI an empty list means that no key is needed. A missing one would not say that.
    operation.security = Some(needs_key.then(scheme).into_iter().collect());
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "about",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value, content_type = "application/json"))
)]
pub(super) async fn show_document(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let served = api.document.get().ok_or(INTERNAL)?;
    Ok(([(CONTENT_TYPE, "application/json")], served.json.clone()).into_response())
}

/// This document, for people.
#[utoipa::path(
    get,
    path = "/api/docs",
    tag = "about",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html"))
)]
pub(super) async fn show_page(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let served = api.document.get().ok_or(INTERNAL)?;
    Ok(page::answer(served.page.clone()))
}
