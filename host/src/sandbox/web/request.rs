//! Requests of guests to the web, and their results.

use hyper::header::HeaderValue;
use hyper::{Method, Response};

use crate::net::guarded::ExchangeError;
use crate::sandbox::bindings::twitchy::command::http as wit;

/// A module's request, unchecked and without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebRequest {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// An answer of any status. Header names are in lower case; bytes that are not UTF-8 are replaced in header values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer. The texts contain nothing from the server, and no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendRequestError {
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// Contains the host.
    #[error("{0} is not granted")]
    NotGranted(String),
    #[error("the host did not answer in time")]
    TimedOut,
    #[error("the answer is too large")]
    TooLarge,
    #[error("the requests of this invocation are used up")]
    OverBudget,
    #[error("a dry run sends nothing")]
    NotSent,
    #[error("unreachable: {0}")]
    Unreachable(String),
}

impl SendRequestError {
    /// The kind of error as one word, for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            SendRequestError::InvalidRequest(_) => "invalid_request",
            SendRequestError::NotGranted(_) => "not_granted",
            SendRequestError::TimedOut => "timed_out",
            SendRequestError::TooLarge => "too_large",
            SendRequestError::OverBudget => "over_budget",
            SendRequestError::NotSent => "not_sent",
            SendRequestError::Unreachable(_) => "unreachable",
        }
    }
}

impl From<wit::Request> for WebRequest {
    fn from(request: wit::Request) -> Self {
        let method = match request.method {
            wit::Method::Get => Method::GET,
            wit::Method::Head => Method::HEAD,
            wit::Method::Post => Method::POST,
            wit::Method::Put => Method::PUT,
            wit::Method::Patch => Method::PATCH,
            wit::Method::Delete => Method::DELETE,
        };
        WebRequest { method, url: request.url, headers: request.headers, body: request.body }
    }
}

impl From<ExchangeError> for SendRequestError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Invalid(_) => SendRequestError::InvalidRequest(error.to_string()),
            ExchangeError::TooLarge => SendRequestError::TooLarge,
            ExchangeError::Unreachable(why) => SendRequestError::Unreachable(why),
        }
    }
}

impl From<Response<Vec<u8>>> for WebResponse {
    fn from(response: Response<Vec<u8>>) -> Self {
        let (head, body) = response.into_parts();
        let shown = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), shown(value))).collect();
        WebResponse { status: head.status.as_u16(), headers, body }
    }
}
