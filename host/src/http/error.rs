//! Every answer that says no: RFC 9457 problem documents, each with a code that never changes.

use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

use crate::chat::dispatch::call::CallError;
use crate::setup::changing::ChangeSetupError;
use crate::setup::module_change::ModuleChangeError;
use crate::store::StoreError;

mod call;
pub mod codes;
mod module_change;

/// Why a request is not granted. Texts are for whoever wrote the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    InvalidBody(String),
    InvalidQuery(String),
    InvalidPath(String),
    InvalidHeader(String),
    KeyMissing,
    /// Unknown, expired and revoked keys alike: who guesses learns nothing.
    KeyInvalid,
    Forbidden,
    /// What there is none of: `key`, `module`.
    NotFound(&'static str),
    UnknownPath,
    /// The methods that there are.
    MethodNotAllowed(String),
    RequestTimeout,
    /// The first request with this Idempotency-Key is still under way.
    InProgress,
    PreconditionFailed,
    /// A module cannot be as it was wanted in a channel.
    ModuleChange(ModuleChangeError),
    /// A command was not called, or gave no answer.
    Call(CallError),
    /// How many bytes it may be.
    TooLarge(usize),
    /// How many bytes it may be in its size class, and what may be done about it, as a part of the sentence.
    ComponentTooLarge {
        most: usize,
        hint: &'static str,
    },
    /// What would be right.
    UnsupportedMediaType(&'static str),
    /// The body is compressed, or encoded in another way.
    UnsupportedEncoding,
    UnknownHost,
    /// What the request says is well-formed and cannot be: one line for each thing that is wrong.
    InvalidValues(Vec<WrongValue>),
    IdempotencyKeyReused,
    PreconditionRequired,
    /// Worth asking again after so long.
    RateLimited(Duration),
    /// Of events: they listen on, and so a place is free when one of them leaves.
    TooManyListeners,
    /// Too much of this kind is under way, of all callers together; worth asking again after so long.
    Busy(Duration),
    /// Why one endpoint says no, with a code of its own.
    Refused(Refusal),
    /// Our fault; what went wrong was logged.
    Internal,
    /// The host stops, or has not quite started.
    NotReady(Vec<WrongValue>),
}

/// What an endpoint says no to for reasons that no other has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// After which it is worth another try; None where waiting does not help.
    pub retry_after: Option<Duration>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WrongValue {
    /// Where: a field such as `settings.limit`, or a part of the host.
    #[schema(example = "settings.sides")]
    pub field: String,
    /// What should be there.
    #[schema(example = "should be a whole number from 2 to 100")]
    pub detail: String,
}

/// An answer that says no, after RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:twitchy:problem:` and the code.
    #[schema(example = "urn:twitchy:problem:not_found")]
    r#type: String,
    /// What the status means.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// That of the answer.
    #[schema(example = 404)]
    status: u16,
    /// A sentence for people; it may change.
    #[schema(example = "There is no such module.")]
    detail: String,
    /// For programs; it never changes.
    #[schema(example = "not_found")]
    code: &'static str,
    /// All that is wrong, where there are several things.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WrongValue>,
}

/// Twitch tells the id of a channel to who sits in it: of a configured one it is not known before.
const UNKNOWN_CHANNEL: &str = "There is no such channel, or the bot has not joined it yet: then its id is not known.";

impl ApiError {
    /// One value that cannot be.
    pub fn wrong(field: &str, detail: &str) -> ApiError {
        ApiError::InvalidValues(vec![WrongValue { field: field.to_owned(), detail: detail.to_owned() }])
    }

    pub fn status(&self) -> StatusCode {
        codes::find_status(self.code())
    }

    pub fn code(&self) -> &'static str {
        match self {
            ApiError::InvalidBody(_) => "invalid_body",
            ApiError::InvalidQuery(_) => "invalid_query",
            ApiError::InvalidPath(_) => "invalid_path",
            ApiError::InvalidHeader(_) => "invalid_header",
            ApiError::KeyMissing => "key_missing",
            ApiError::KeyInvalid => "invalid_key",
            ApiError::Forbidden => "forbidden",
            ApiError::NotFound(_) => "not_found",
            ApiError::UnknownPath => "unknown_path",
            ApiError::MethodNotAllowed(_) => "method_not_allowed",
            ApiError::RequestTimeout => "request_timeout",
            ApiError::InProgress => "in_progress",
            ApiError::PreconditionFailed => "precondition_failed",
            ApiError::ModuleChange(error) => module_change::code(error),
            ApiError::Call(error) => call::code(error),
            ApiError::TooLarge(_) | ApiError::ComponentTooLarge { .. } => "too_large",
            ApiError::UnsupportedMediaType(_) => "unsupported_media_type",
            ApiError::UnsupportedEncoding => "unsupported_encoding",
            ApiError::UnknownHost => "unknown_host",
            ApiError::InvalidValues(_) => "invalid_values",
            ApiError::IdempotencyKeyReused => "idempotency_key_reused",
            ApiError::PreconditionRequired => "precondition_required",
            ApiError::RateLimited(_) => "rate_limited",
            ApiError::TooManyListeners => "too_many_listeners",
            ApiError::Busy(_) => "busy",
            ApiError::Refused(refusal) => refusal.code,
            ApiError::Internal => "internal",
            ApiError::NotReady(_) => "not_ready",
        }
    }

    /// A sentence for people.
    pub fn detail(&self) -> String {
        let fixed = match self {
            ApiError::InvalidBody(detail)
            | ApiError::InvalidQuery(detail)
            | ApiError::InvalidPath(detail)
            | ApiError::InvalidHeader(detail) => return detail.clone(),
            ApiError::NotFound("channel") => UNKNOWN_CHANNEL,
            ApiError::NotFound(what) => return format!("There is no such {what}."),
            ApiError::MethodNotAllowed(allow) => return format!("This path takes only {allow}."),
            ApiError::UnsupportedMediaType(right) => return format!("The body's content type must be {right}."),
            ApiError::RateLimited(wait) => {
                return format!("Too many requests: try again in {} s.", whole_seconds(*wait));
            }
            ApiError::Busy(wait) => {
                return format!("Too much is under way: try again in {} s.", whole_seconds(*wait));
            }
            ApiError::TooLarge(most) => return format!("The body may be {} at the most here.", show_bytes(*most)),
            ApiError::ComponentTooLarge { most, hint } => {
                return format!("The component may be {} at the most{hint}.", show_bytes(*most));
            }
            ApiError::Refused(refusal) => return refusal.detail.clone(),
            ApiError::ModuleChange(error) => return module_change::detail(error),
            ApiError::Call(error) => return call::detail(error),
            ApiError::UnsupportedEncoding => "The body must be sent as it is, without Content-Encoding.",
            ApiError::KeyMissing => "This needs an API key: send the header Authorization: Bearer twk_...",
            ApiError::KeyInvalid => {
                "The API key is unknown, expired or revoked, or not sent as Authorization: Bearer twk_..."
            }
            ApiError::Forbidden => "The API key does not open this; GET /api/v1/keys/self says what it opens.",
            ApiError::UnknownPath => "There is nothing at this path; /api/docs lists what there is.",
            ApiError::RequestTimeout => "The request was not read and answered in time.",
            ApiError::InProgress => "The first request with this Idempotency-Key is still under way.",
            ApiError::PreconditionFailed => "It has changed since: read it again, and send its new ETag as If-Match.",
            ApiError::UnknownHost => {
                "The Host header names none of this server's names; [http] hosts in its configuration adds one."
            }
            ApiError::InvalidValues(_) => "Some of what the request says cannot be.",
            ApiError::IdempotencyKeyReused => "This Idempotency-Key was sent with another request before.",
            ApiError::PreconditionRequired => {
                "Send the ETag of what you have read as If-Match, or * to change it anyway."
            }
            ApiError::TooManyListeners => "Too many listen to events already; end one of yours, or try again later.",
            ApiError::Internal => "Something went wrong here; the host's log says what.",
            ApiError::NotReady(_) => "The host is not ready.",
        };
        fixed.to_owned()
    }

    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            ApiError::KeyMissing => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"twitchy\""))),
            ApiError::KeyInvalid => {
                let challenge = "Bearer realm=\"twitchy\", error=\"invalid_token\"";
                Some((WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
            }
            ApiError::UnsupportedEncoding => Some((ACCEPT_ENCODING, HeaderValue::from_static("identity"))),
            ApiError::MethodNotAllowed(allow) => Some((ALLOW, HeaderValue::from_str(allow).ok()?)),
            ApiError::RateLimited(wait) | ApiError::Busy(wait) => Some((RETRY_AFTER, whole_seconds(*wait).into())),
            ApiError::TooManyListeners => Some((RETRY_AFTER, HeaderValue::from_static("60"))),
            ApiError::Call(error) => Some((RETRY_AFTER, whole_seconds(call::find_wait(error)?).into())),
            ApiError::Refused(refusal) => Some((RETRY_AFTER, whole_seconds(refusal.retry_after?).into())),
            _ => None,
        }
    }
}

fn show_bytes(bytes: usize) -> String {
    match (bytes >> 20, bytes >> 10) {
        (mebibytes, _) if mebibytes << 20 == bytes && bytes > 0 => format!("{mebibytes} MiB"),
        (_, kibibytes) if kibibytes << 10 == bytes && bytes > 0 => format!("{kibibytes} KiB"),
        _ => format!("{bytes} bytes"),
    }
}

/// Rounded up: who comes back that late is not too early.
fn whole_seconds(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            r#type: format!("urn:twitchy:problem:{}", self.code()),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail(),
            code: self.code(),
            errors: match &self {
                ApiError::InvalidValues(errors) | ApiError::NotReady(errors) => errors.clone(),
                ApiError::ModuleChange(error) => module_change::list_wrong(error),
                _ => Vec::new(),
            },
        };
        let body = serde_json::to_vec(&problem).expect("texts and numbers can be written as JSON");
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<ModuleChangeError> for ApiError {
    fn from(error: ModuleChangeError) -> Self {
        ApiError::ModuleChange(error)
    }
}

/// `Retry-After` of a change that lost to other changes of the channel.
const CHANGE_BUSY_FOR: Duration = Duration::from_secs(1);

impl From<ChangeSetupError> for ApiError {
    fn from(error: ChangeSetupError) -> Self {
        match error {
            ChangeSetupError::UnknownChannel => ApiError::NotFound("channel"),
            ChangeSetupError::Busy => ApiError::Busy(CHANGE_BUSY_FOR),
            // Logged where it was reloaded.
            ChangeSetupError::NotReloaded => ApiError::Internal,
            ChangeSetupError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed | StoreError::NotActing => ApiError::NotReady(Vec::new()),
            StoreError::UnknownChannel => ApiError::NotFound("channel"),
            StoreError::Database(_) | StoreError::RolledBack | StoreError::Amount => {
                error!(%error, "a request fails at the store");
                ApiError::Internal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        for (wait, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(wait)), seconds);
        }
    }
}
