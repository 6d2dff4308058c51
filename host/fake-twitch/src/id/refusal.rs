//! Every reason for which a request is refused, with Twitch's status and message.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::world::grant::Full;

/// An answer such as `{"status":400,"message":"invalid client"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: Cow<'static, str>,
    /// Whether the answer has the status in words too, as `error`.
    has_error: bool,
}

pub(super) const MISSING_CLIENT_ID: Refusal = Refusal::bad_request("missing client id");
pub(super) const INVALID_CLIENT: Refusal = Refusal::bad_request("invalid client");
pub(super) const MISSING_CLIENT_SECRET: Refusal = Refusal::bad_request("missing client secret");
pub(super) const INVALID_CLIENT_SECRET: Refusal = Refusal::new(StatusCode::FORBIDDEN, "invalid client secret");
pub(super) const MISSING_GRANT_TYPE: Refusal = Refusal::bad_request("missing grant type");
pub(super) const INVALID_GRANT_TYPE: Refusal = Refusal::bad_request("invalid grant type");
pub(super) const MISSING_CODE: Refusal = Refusal::bad_request("missing code");
pub(super) const INVALID_CODE: Refusal = Refusal::bad_request("Invalid authorization code");
pub(super) const MISSING_REDIRECT_URI: Refusal = Refusal::bad_request("missing redirect uri");
pub(super) const REDIRECT_MISMATCH: Refusal =
    Refusal::bad_request("Parameter redirect_uri does not match registered URI");
pub(super) const MISSING_RESPONSE_TYPE: Refusal = Refusal::bad_request("missing response type");
pub(super) const INVALID_RESPONSE_TYPE: Refusal = Refusal::bad_request("invalid response type");
pub(super) const MISSING_REFRESH_TOKEN: Refusal = Refusal::bad_request("missing refresh token");
pub(super) const INVALID_REFRESH_TOKEN: Refusal =
    Refusal { status: StatusCode::BAD_REQUEST, message: Cow::Borrowed("Invalid refresh token"), has_error: true };
pub(super) const MISSING_DEVICE_CODE: Refusal = Refusal::bad_request("missing device code");
pub(super) const INVALID_DEVICE_CODE: Refusal = Refusal::bad_request("invalid device code");
pub(super) const AUTHORIZATION_PENDING: Refusal = Refusal::bad_request("authorization_pending");
pub(super) const MISSING_AUTHORIZATION: Refusal = Refusal::new(StatusCode::UNAUTHORIZED, "missing authorization token");
pub(super) const INVALID_ACCESS_TOKEN: Refusal = Refusal::new(StatusCode::UNAUTHORIZED, "invalid access token");
pub(super) const UNKNOWN_CLIENT: Refusal = Refusal::new(StatusCode::NOT_FOUND, "client does not exist");
pub(super) const MISSING_TOKEN: Refusal = Refusal::bad_request("missing oauth token");
pub(super) const INVALID_TOKEN: Refusal = Refusal::bad_request("Invalid token");
pub(super) const UNKNOWN_ACCOUNT: Refusal = Refusal::bad_request("no account has this login");
pub(super) const NOT_FOUND: Refusal = Refusal::new(StatusCode::NOT_FOUND, "not found");
const UNAVAILABLE: Refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "service unavailable");

impl Refusal {
    const fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message: Cow::Borrowed(message), has_error: false }
    }

    const fn bad_request(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn invalid_scope(scope: &str) -> Self {
        let message = format!("invalid scope requested: '{scope}'").into();
        Self { status: StatusCode::BAD_REQUEST, message, has_error: false }
    }

    /// The failure that a test asked for; 500 if `status` is no HTTP status.
    pub(super) fn wanted(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let message = status.canonical_reason().unwrap_or_default().to_ascii_lowercase().into();
        Self { status, message, has_error: false }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl From<Full> for Refusal {
    fn from(Full: Full) -> Self {
        UNAVAILABLE
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "status": self.status.as_u16(), "message": self.message });
        if self.has_error {
            body["error"] = self.status.canonical_reason().into();
        }
        (self.status, Json(body)).into_response()
    }
}
