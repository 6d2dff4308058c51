//! API keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// The 12 digits after `twk_`.
    #[schema(format = "key-id", example = "0123456789ab")]
    pub id: String,
    /// What it is for.
    #[schema(example = "the shop's site")]
    pub name: String,
    /// `operator`, or `channel:` and a channel's id.
    #[schema(example = json!(["channel:100"]))]
    pub scopes: Vec<String>,
    /// What chatters count as who call commands under this key; absent where they are everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "moderator")]
    pub role: Option<String>,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub created_at: String,
    /// Absent where it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2027-11-24T12:00:00Z")]
    pub expires_at: Option<String>,
    /// Absent where it was not revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub revoked_at: Option<String>,
    /// To the minute; absent where it was never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub last_used_at: Option<String>,
}

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for.
    #[schema(min_length = 1, max_length = 64, example = "the portal")]
    pub name: String,
    /// `operator`, or `channel:` and a channel's id.
    #[schema(min_items = 1, max_items = 32, format = "key-scope", example = json!(["channel:100"]))]
    pub scopes: Vec<String>,
    /// What chatters count as who call commands under this key: `everyone`, `subscriber`, `vip` or `moderator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "key-role", example = "moderator")]
    pub role: Option<String>,
    /// In the future; absent for a key that does not expire.
    #[schema(format = DateTime, example = "2027-11-24T12:00:00Z")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A key that was just made.
#[derive(Clone, Serialize, ToSchema)]
pub struct CreatedKey {
    /// The key itself. It is shown here and never again.
    #[schema(example = "twk_0123456789ab_...")]
    pub secret: String,
    #[serde(flatten)]
    pub key: Key,
}
