//! The audit: changes, and their actors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditLine {
    /// A number that only grows.
    #[schema(example = "26")]
    pub id: String,
    /// When it was done.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub at: String,
    /// Who did it.
    pub actor: AuditActor,
    /// Where the request came from; a channel's key is told only those of its own requests.
    #[schema(example = "127.0.0.1")]
    pub address: Option<String>,
    /// In kebab-case.
    #[schema(example = "change-setting")]
    pub action: String,
    /// Null where it is about the whole host.
    #[schema(example = "100")]
    pub channel: Option<String>,
    /// What was changed; empty where it is the channel itself.
    #[schema(example = "dice/sides")]
    pub subject: String,
    /// What was, in words; null where it was the default, or not there.
    #[schema(example = "off")]
    pub before: Option<String>,
    /// What is now, in words; null where it is the default, or not there.
    #[schema(example = "on")]
    pub after: Option<String>,
}

/// Who asked for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// `key`, `claim` (a key's holder in the name of a chatter), `chatter`, `command-line` or `host`.
    #[schema(example = "key")]
    pub kind: String,
    /// The id of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    pub key: Option<String>,
    /// What the key is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the portal")]
    pub key_name: Option<String>,
    /// A Twitch id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "42")]
    pub chatter: Option<String>,
    /// The chatter's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "alice")]
    pub login: Option<String>,
    /// The user of the host's machine who ran the command line, with its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "root (uid 0)")]
    pub system_user: Option<String>,
}
