//! Refusals, as problem documents of RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrongValue {
    /// Where: a field such as `settings.limit`, or a part of the host.
    #[schema(example = "settings.sides")]
    pub field: String,
    /// What should be there.
    #[schema(example = "should be a whole number from 2 to 100")]
    pub detail: String,
}

/// An answer that says no, after RFC 9457.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:twitchy:problem:` and the code.
    #[schema(example = "urn:twitchy:problem:not_found")]
    pub r#type: String,
    /// What the status means.
    #[schema(example = "Not Found")]
    pub title: String,
    /// That of the answer.
    #[schema(example = 404)]
    pub status: u16,
    /// A sentence for people; it may change.
    #[schema(example = "There is no such module.")]
    pub detail: String,
    /// For programs; it never changes.
    #[schema(example = "not_found")]
    pub code: String,
    /// All that is wrong, where there are several things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<WrongValue>,
}
