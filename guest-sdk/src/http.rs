//! Capability `http`: requests to the hosts granted to this module.

use crate::CommandError;
use crate::bindings::twitchy::command::http;
pub use crate::bindings::twitchy::command::http::{HttpError, Method, Request, Response};

/// A request without headers and body.
impl Request {
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None }
    }

    /// `{secret:KEY}` in the value is replaced by the host with that secret setting.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Not part of the transaction: what was sent stays sent when the invocation fails.
    ///
    /// # Errors
    /// Where no answer came; an answer that says no (404, 500) is a [`Response`].
    pub fn send(&self) -> Result<Response, HttpError> {
        http::send(self)
    }
}

/// Asks for what is at that address.
///
/// # Errors
/// As [`Request::send`].
pub fn get(url: &str) -> Result<Response, HttpError> {
    Request::new(Method::Get, url).send()
}

impl From<HttpError> for CommandError {
    fn from(error: HttpError) -> Self {
        Self::unavailable(match error {
            HttpError::InvalidRequest(why) => ["invalid request: ", &why].concat(),
            HttpError::NotGranted(host) => ["not granted: ", &host].concat(),
            HttpError::TimedOut => "timed out".to_owned(),
            HttpError::TooLarge => "the answer is too large".to_owned(),
            HttpError::OverBudget => "the requests of this call are used up".to_owned(),
            HttpError::NotSent => "a dry run sends nothing".to_owned(),
            HttpError::Unreachable(why) => ["unreachable: ", &why].concat(),
        })
    }
}
