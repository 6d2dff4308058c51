//! Capability `http`: requests to the hosts granted to this module, by https, and to no others.
//!
//! A module names the hosts in its `info`, with [`crate::ModuleInfo::http_host`]; somebody grants them. A call has about a
//! second for a request, and a handful of requests; larger answers than a few hundred KiB are refused.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, Replies, answer, http};
//!
//! fn joke() -> Result<Replies, CommandError> {
//!     let response = http::get("https://api.example.com/joke")?.success()?;
//!     Ok(answer(response.text()))
//! }
//! ```
//!
//! # Secrets
//!
//! An API's key is a setting made by [`crate::SettingInfo::secret`]. The module never sees it: where a header's value says
//! `{secret:KEY}`, the host puts it in, in at most 8 places of a request. Only there; an address or a body with it is sent to
//! nobody, or as it is written. An answer that repeats the secret as it was sent has stars in its place, as many as it is long
//! (but for one shorter than 6 bytes): so it does not get into chat by accident.
//!
//! # Headers
//!
//! A request has at most 32, of 8 KiB in all. Those of the connection, such as `Host`, `Content-Length` and `Proxy-...`, and
//! those that the host itself writes, `User-Agent` and `Idempotency-Key`, are refused as [`HttpError::InvalidRequest`].
//!
//! # Once
//!
//! What was sent stays sent, also where the call fails afterwards. Where the host runs a call again, because something else
//! changed what it had read, the same requests get the answers of the first time; one that differs ends the call. So ask
//! for what depends on storage before you send anything that changes something elsewhere.

use crate::CommandError;
pub use crate::bindings::twitchy::command::http::{HttpError, Method, Request, Response};
use crate::host::http;

/// A request without headers and body.
impl Request {
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None }
    }

    /// `{secret:KEY}` in the value is replaced by the host with that secret setting. Some names are the host's own: see
    /// [the module](self#headers).
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

/// What came back, whatever its status.
impl Response {
    /// Whether the status says that all is well: 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Itself, where it is a success.
    ///
    /// # Errors
    /// The chatter gets a plain apology, and the log the status.
    pub fn success(self) -> Result<Self, CommandError> {
        if self.is_success() { Ok(self) } else { Err(CommandError::unavailable(format!("status {}", self.status))) }
    }

    /// The first header of that name, in whatever case it is asked for.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks for what is at that address.
///
/// # Errors
/// As [`Request::send`].
pub fn get(url: &str) -> Result<Response, HttpError> {
    Request::new(Method::Get, url).send()
}

/// Sends a body to that address, as `content_type`: "application/json".
///
/// # Errors
/// As [`Request::send`].
pub fn post(url: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Response, HttpError> {
    Request::new(Method::Post, url).header("content-type", content_type).body(body).send()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16) -> Response {
        let headers = vec![("x-dice".to_owned(), "4".to_owned()), ("x-dice".to_owned(), "5".to_owned())];
        Response { status, headers, body: b"four \xff".to_vec() }
    }

    #[test]
    fn only_two_hundreds_are_a_success() {
        for (status, is_success) in [(199, false), (200, true), (204, true), (299, true), (304, false), (500, false)] {
            assert_eq!(response(status).is_success(), is_success);
            assert_eq!(response(status).success().is_ok(), is_success);
        }
    }

    #[test]
    fn a_response_is_read_by_name_and_as_text() {
        assert_eq!((response(200).header("X-Dice"), response(200).header("x-dic")), (Some("4"), None));
        assert_eq!(response(200).text(), "four \u{fffd}");
    }
}
