//! Refusals as answers: RFC 9457 problem documents, each with a code that never changes.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::shapes::problem::{Problem, WrongValue};
use crate::http::request::echo::show_field;

mod causes;
pub mod refusals;

use refusals::{BUSY, INVALID_QUERY, INVALID_VALUES, NO_CHANNEL, NOT_FOUND, RATE_LIMITED, Refusal, TOO_LARGE};

/// The reason why a request is refused. Texts are for the author of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    refusal: &'static Refusal,
    /// A sentence for people.
    detail: Cow<'static, str>,
    /// Each wrong value or unready part, if there are several.
    errors: Vec<WrongValue>,
    header: Option<(HeaderName, String)>,
}

/// Collects all wrong values of a request, so that one answer can list them.
#[derive(Debug, Default)]
pub struct WrongValues(pub Vec<WrongValue>);

impl WrongValues {
    /// Records a wrong field if `found` is `None`. `detail` describes the right value.
    pub fn expect<T>(&mut self, found: Option<T>, field: &str, detail: &str) -> Option<T> {
        if found.is_none() {
            self.0.push(WrongValue { field: show_field(field), detail: detail.to_owned() });
        }
        found
    }
}

impl From<&'static Refusal> for ApiError {
    fn from(refusal: &'static Refusal) -> Self {
        ApiError::because(refusal, refusal.detail)
    }
}

impl ApiError {
    /// The refusal with `detail` in place of the usual sentence.
    pub fn because(refusal: &'static Refusal, detail: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { refusal, detail: detail.into(), errors: Vec::new(), header: None }
    }

    /// `what` names the kind of the missing thing: `key`, `module`.
    pub fn not_found(what: &str) -> ApiError {
        ApiError::because(NOT_FOUND, format!("There is no such {what}."))
    }

    pub fn invalid_query(detail: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::because(INVALID_QUERY, detail)
    }

    pub fn no_channel() -> ApiError {
        ApiError::because(NOT_FOUND, NO_CHANNEL)
    }

    /// `most`: the limit, in bytes.
    pub fn too_large(most: usize) -> ApiError {
        ApiError::because(TOO_LARGE, format!("The body may be {} at the most here.", show_bytes(most)))
    }

    pub fn rate_limited(wait: Duration) -> ApiError {
        ApiError::because(RATE_LIMITED, format!("Too many requests: try again in {} s.", whole_seconds(wait)))
            .retry_after(wait)
    }

    /// All callers together have too many requests of this kind in flight; worth a retry after `wait`.
    pub fn busy(wait: Duration) -> ApiError {
        ApiError::because(BUSY, format!("Too much is under way: try again in {} s.", whole_seconds(wait)))
            .retry_after(wait)
    }

    /// The request is well-formed, but its values are not allowed. `errors` lists them all.
    pub fn invalid_values(errors: Vec<WrongValue>) -> ApiError {
        ApiError::from(INVALID_VALUES).with_errors(errors)
    }

    /// A single value that is not allowed.
    pub fn wrong(field: &str, detail: &str) -> ApiError {
        ApiError::invalid_values(vec![WrongValue { field: field.to_owned(), detail: detail.to_owned() }])
    }

    #[must_use]
    pub fn with_errors(self, errors: Vec<WrongValue>) -> ApiError {
        ApiError { errors, ..self }
    }

    #[must_use]
    pub fn with_header(self, name: HeaderName, value: String) -> ApiError {
        ApiError { header: Some((name, value)), ..self }
    }

    /// Suggests a retry after `wait`.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> ApiError {
        self.with_header(RETRY_AFTER, whole_seconds(wait).to_string())
    }

    pub fn refusal(&self) -> &'static Refusal {
        self.refusal
    }
}

pub(super) fn show_bytes(bytes: usize) -> String {
    match (bytes >> 20, bytes >> 10) {
        (mebibytes, _) if mebibytes << 20 == bytes && bytes > 0 => format!("{mebibytes} MiB"),
        (_, kibibytes) if kibibytes << 10 == bytes && bytes > 0 => format!("{kibibytes} KiB"),
        _ => format!("{bytes} bytes"),
    }
}

/// Rounded up, so that a client that waits this long is never too early.
fn whole_seconds(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

/// `the name dice is taken` -> `The name dice is taken.`
pub(super) fn sentence(text: &impl ToString) -> String {
    let text = text.to_string();
    let stop = if text.ends_with('.') { "" } else { "." };
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(stop.chars()).collect()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refusal { status, code, header, .. } = *self.refusal;
        let status = StatusCode::from_u16(status).expect("the table has statuses of HTTP");
        let problem = Problem {
            r#type: format!("urn:twitchy:problem:{code}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.detail.into_owned(),
            code: code.to_owned(),
            errors: self.errors,
        };
        let body = serde_json::to_vec(&problem).expect("texts and numbers can be written as JSON");
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        let of_table = header.map(|(name, value)| (HeaderName::from_static(name), value.to_owned()));
        for (name, value) in of_table.into_iter().chain(self.header) {
            let value = HeaderValue::from_str(&value).expect("methods and numbers make a header");
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_given_in_whole_seconds_and_never_too_short() {
        for (wait, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(wait)), seconds);
        }
    }
}
