//! What a request brings along: JSON, a query, the parts of a path. What does not fit is a problem like any other.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// A body of JSON, in a request and in an answer. In a request it must say so: a page in a browser cannot send this
/// content type to another site without asking it first.
pub struct Json<T>(pub T);

/// What stands behind the `?`.
pub struct Query<T>(pub T);

/// What stands at the `{}` of the path.
pub struct Path<T>(pub T);

const JSON: &str = "application/json";

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !has_content_type(request.headers(), JSON) {
            return Err(ApiError::UnsupportedMediaType(JSON));
        }
        let bytes = read_body(request, state).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| ApiError::InvalidBody(sentence(&error)))?;
        Ok(Json(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The whole body, within the limit of its route.
pub async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::InvalidBody("The body ended early.".to_owned()),
    })
}

/// Whether the content type is `wanted`, whatever its parameters.
pub fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let axum::extract::Query(value) =
            query.map_err(|error| ApiError::InvalidQuery(sentence(&source_of(&error))))?;
        Ok(Query(value))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let axum::extract::Path(value) = path.map_err(|error| ApiError::InvalidPath(sentence(&error.body_text())))?;
        Ok(Path(value))
    }
}

/// axum's own words around an error are about types.
fn source_of(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// From an error's text.
pub(super) fn sentence(text: &impl ToString) -> String {
    let mut text = text.to_string();
    if !text.ends_with('.') {
        text.push('.');
    }
    let first = text.chars().next().map(|first| first.to_ascii_uppercase()).unwrap_or('.');
    text.replace_range(..text.chars().next().map_or(0, char::len_utf8), &first.to_string());
    text
}
