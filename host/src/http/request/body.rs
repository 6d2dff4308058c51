//! Extractors of a JSON body, a query and path parameters. A malformed one is refused with a problem document.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::error::refusals::{
    INVALID_BODY, INVALID_PATH, REQUEST_TIMEOUT, UNSUPPORTED_ENCODING, UNSUPPORTED_MEDIA_TYPE,
};
use crate::http::error::{ApiError, sentence};
use crate::http::request::echo::{mask_values, show_path};
use crate::http::request::strict::Strict;
use crate::http::state::Api;

/// A JSON body of a request or an answer. A request must have the content type of JSON: a browser lets a page send that
/// to another site only after asking that site.
pub struct Json<T>(pub T);

/// The query, as a struct.
pub struct Query<T>(pub T);

/// The path's parameters, as one value or a tuple.
pub struct Path<T>(pub T);

const JSON: &str = "application/json";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, ApiError> {
        check_encoding(request.headers())?;
        if !has_content_type(request.headers(), JSON) {
            return Err(refuse_media_type(JSON));
        }
        let bytes = read_body(request.into_body(), api.config.body).await?;
        parse_object(&bytes).map(Json).map_err(|detail| ApiError::because(INVALID_BODY, detail))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Parses a JSON object. The error names the field and the expected value, for the client's author.
fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    // Some editors and shells begin every UTF-8 text with a byte order mark.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("The body must be a JSON object.".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Strict(&mut reader)).map_err(|error| {
        let (path, text) = (show_path(error.path()), name_no_type(&mask_values(&error.inner().to_string())));
        // serde gives a missing field no path, and already names an unknown field in its text.
        let is_of_field = error.inner().is_data() && !path.is_empty() && !text.starts_with("unknown field");
        if is_of_field { format!("{path}: {text}.") } else { sentence(&text) }
    })?;
    reader.end().map_err(|error| sentence(&error))?;
    Ok(value)
}

/// Replaces serde's names of Rust types, which mean nothing to a client's author.
fn name_no_type(text: &str) -> String {
    let Some((before, named)) = text.split_once("expected struct ") else { return text.to_owned() };
    let after = named.split_once(' ').map_or("", |(_, after)| after);
    format!("{before}expected an object {after}").trim_end().to_owned()
}

/// Reads a whole body of at most `limit` bytes. A body whose declared length is larger is refused unread.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::too_large(limit));
    }
    let collected = Limited::new(body, limit).collect().await;
    collected.map(Collected::to_bytes).map_err(|error| refuse_body(&*error, limit))
}

/// The error of a body that arrives more slowly than it may.
#[derive(Debug, thiserror::Error)]
#[error("the body comes too slowly")]
pub struct BodyTooSlow;

fn refuse_body(error: &(dyn Error + 'static), limit: usize) -> ApiError {
    let causes = || successors(Some(error), |cause| (*cause).source());
    if causes().any(|cause| cause.is::<LengthLimitError>()) {
        ApiError::too_large(limit)
    } else if causes().any(|cause| cause.is::<BodyTooSlow>()) {
        REQUEST_TIMEOUT.into()
    } else {
        ApiError::because(INVALID_BODY, "The body ended early.")
    }
}

/// Refuses encoded bodies: the decompressed size of a compressed body is not known beforehand.
///
/// # Errors
/// `unsupported_encoding`: the body is encoded.
pub fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let codings =
        headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    if codings.map(<[u8]>::trim_ascii).all(is_plain) { Ok(()) } else { Err(UNSUPPORTED_ENCODING.into()) }
}

/// `right`: the content type that the endpoint reads.
pub fn refuse_media_type(right: &str) -> ApiError {
    ApiError::because(UNSUPPORTED_MEDIA_TYPE, format!("The body's content type must be {right}."))
}

/// Whether the content type is `wanted`; its parameters are ignored.
pub fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let axum::extract::Query(value) =
            query.map_err(|error| ApiError::invalid_query(format!("{}.", mask_values(&source_of(&error)))))?;
        Ok(Query(value))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let axum::extract::Path(value) =
            path.map_err(|error| ApiError::because(INVALID_PATH, sentence(&mask_values(&error.body_text()))))?;
        Ok(Path(value))
    }
}

/// The innermost cause. axum's outer texts are about Rust types.
fn source_of(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is wrong is never read")]
    struct Wish {
        is_on: bool,
        #[serde(default)]
        settings: BTreeMap<String, String>,
        inner: Option<Box<Wish>>,
    }

    #[test]
    fn a_wrong_body_tells_the_field_and_what_belongs_there() {
        let told = |body: &str| parse_object::<Wish>(body.as_bytes()).unwrap_err();
        for none in ["", "  ", "[true]", "\"text\"", "null"] {
            assert_eq!(told(none), "The body must be a JSON object.");
        }
        assert_eq!(told("{}"), "Missing field `is_on` at line 1 column 2.");
        let wrong = r#"{"is_on": true, "settings": {"sides": 8}}"#;
        assert_eq!(told(wrong), "settings.sides: invalid type: integer, expected a string at line 1 column 39.");
        let wrong = r#"{"is_on": true, "inner": 5}"#;
        assert_eq!(told(wrong), "inner: invalid type: integer, expected an object at line 1 column 26.");
        assert_eq!(told("{"), "EOF while parsing an object at line 1 column 1.");
        assert!(told(r#"{"is_off": true}"#).starts_with("Unknown field `is_off`, expected one of `is_on`"));
        assert_eq!(told(r#"{"is_on": true} x"#), "Trailing characters at line 1 column 17.");
    }
}
