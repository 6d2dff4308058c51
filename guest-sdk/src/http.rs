//! Capability `http`: requests to the hosts granted to this module, by https, and to no others.
//!
//! A module names the hosts in its `info`, with [`crate::ModuleInfo::http_host`], and the operator grants them. A call
//! has about a second for a request, and a handful of requests; answers larger than a few hundred KiB are refused.
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
//! An API's key is a setting made by [`crate::SettingInfo::secret`]. The module never sees the key: where a header's
//! value says `{secret:KEY}`, the host inserts it, in at most 8 places of a request. An address with `{secret:KEY}` is
//! refused, and a body is sent as it is written. If a response repeats the secret as it was sent, the host replaces
//! each byte with a star, so that the secret does not get into chat by accident. Secrets shorter than 6 bytes are
//! not replaced.
//!
//! # Headers
//!
//! A request has at most 32 headers, of 8 KiB in all. Headers of the connection, such as `Host`, `Content-Length` and
//! `Proxy-...`, and those that the host writes, `User-Agent` and `Idempotency-Key`, are refused as
//! [`HttpError::InvalidRequest`].
//!
//! # Once
//!
//! A sent request stays sent, even if the call fails afterwards. If the state that a call has read changes, the host
//! runs the call again: the same requests then get the recorded responses, and a different request ends the call. So
//! read from storage first, and only then send a request that changes something elsewhere.

use crate::CommandError;
pub use crate::bindings::twitchy::command::http::{HttpError, Method, Request, Response};
use crate::host::http;

/// ```
/// use twitchy_sdk::http::{HttpError, Method, Request};
///
/// fn switch_lights() -> Result<bool, HttpError> {
///     let request = Request::new(Method::Put, "https://api.example.com/lights")
///         .header("authorization", "Bearer {secret:token}")
///         .body("on");
///     Ok(request.send()?.is_success())
/// }
/// ```
impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None }
    }

    /// The host replaces `{secret:KEY}` in the value with that secret setting. Some names are reserved for the host:
    /// see [the module](self#headers).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What is sent along, as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the request. This is not part of the transaction: the request stays sent if the invocation fails.
    ///
    /// # Errors
    /// If no response came. A response with an error status (404, 500) is a [`Response`].
    pub fn send(&self) -> Result<Response, HttpError> {
        http::send(self)
    }
}

/// A response with any status.
///
/// ```
/// use twitchy_sdk::testing::response;
///
/// let found = response(200, "four");
/// assert!(found.is_success() && found.header("content-type").is_none());
/// assert_eq!(found.success()?.text(), "four");
/// assert!(response(404, "").success().is_err());
/// # Ok::<(), twitchy_sdk::CommandError>(())
/// ```
impl Response {
    /// Whether the status is a success: 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the response if its status is a success.
    ///
    /// # Errors
    /// For any other status: the chatter gets a plain apology, and the log the status.
    pub fn success(self) -> Result<Self, CommandError> {
        if self.is_success() { Ok(self) } else { Err(CommandError::unavailable(format!("status {}", self.status))) }
    }

    /// The first header of that name, in any case of letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as a value of any type, which derives `Deserialize` of the crate `serde`.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use twitchy_sdk::{CommandError, http};
    ///
    /// #[derive(Deserialize)]
    /// struct Joke {
    ///     text: String,
    /// }
    ///
    /// fn joke() -> Result<String, CommandError> {
    ///     let joke: Joke = http::get("https://api.example.com/joke")?.success()?.json()?;
    ///     Ok(joke.text)
    /// }
    /// ```
    ///
    /// # Errors
    /// If the body is not the JSON of a `T`: the chatter gets a plain apology, and the log the reason.
    pub fn json<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, CommandError> {
        let wrong = |error| CommandError::unavailable(format!("the answer is not what the module expects: {error}"));
        serde_json::from_slice(&self.body).map_err(wrong)
    }

    /// The body as text; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a GET request.
///
/// # Errors
/// As [`Request::send`].
pub fn get(url: &str) -> Result<Response, HttpError> {
    Request::new(Method::Get, url).send()
}

/// Sends a POST request with a body of `content_type`, such as "application/json".
///
/// ```
/// use twitchy_sdk::http::{self, HttpError, Response};
///
/// fn send_score(score: u32) -> Result<Response, HttpError> {
///     http::post("https://api.example.com/scores", "application/json", format!("[{score}]"))
/// }
/// ```
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
            HttpError::NotGranted(host) => {
                [&host, " is not granted: `info` names it by `http_host`, and the channel grants it"].concat()
            }
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
