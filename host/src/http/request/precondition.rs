//! ETag and If-Match: a change applies only to the revision that its caller has read, so it cannot undo an unseen one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};

use crate::domain::effect::Revision;
use crate::http::error::ApiError;
use crate::http::error::refusals::{INVALID_HEADER, PRECONDITION_FAILED, PRECONDITION_REQUIRED};

/// The header ETag of an answer that shows `revision`.
pub fn etag(revision: Revision) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&write_etag(revision)).expect("a quoted number makes a header");
    [(header::ETAG, value)]
}

fn write_etag(revision: Revision) -> String {
    format!("\"r{}\"", revision.0)
}

/// The header If-Match. An endpoint that takes it declares it in its document:
/// `params(("If-Match" = String, Header, description = "The ETag that was read, or *."))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(Option<String>);

impl IfMatch {
    /// Checks that a thing whose current revision is `revision` may be changed.
    ///
    /// # Errors
    /// `precondition_required`: the header is missing. `precondition_failed`: the header names another revision.
    pub fn check(&self, revision: Revision) -> Result<(), ApiError> {
        let wanted = self.0.as_deref().ok_or(PRECONDITION_REQUIRED)?;
        let ours = write_etag(revision);
        // A weak ETag, `W/"r1"`, never matches here: RFC 9110, section 13.1.1.
        let is_met = wanted.split(',').map(str::trim).any(|tag| tag == "*" || tag == ours);
        if is_met { Ok(()) } else { Err(PRECONDITION_FAILED.into()) }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let values = parts.headers.get_all(header::IF_MATCH).iter().map(HeaderValue::to_str);
        let texts: Result<Vec<&str>, _> = values.collect();
        let texts = texts.map_err(|_| ApiError::because(INVALID_HEADER, "If-Match is an ETag, or *."))?;
        Ok(IfMatch((!texts.is_empty()).then(|| texts.join(","))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_revision_that_was_read_may_be_changed() {
        let check = |header: Option<&str>| IfMatch(header.map(str::to_owned)).check(Revision(7));
        for met in ["\"r7\"", "*", "\"r6\", \"r7\""] {
            assert_eq!(check(Some(met)), Ok(()), "{met}");
        }
        for unmet in ["\"r6\"", "r7", "W/\"r7\"", ""] {
            assert_eq!(check(Some(unmet)), Err(PRECONDITION_FAILED.into()), "{unmet}");
        }
        assert_eq!(check(None), Err(PRECONDITION_REQUIRED.into()));
    }
}
