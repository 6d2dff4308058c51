//! Log lines of modules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line that a module logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When the call was made.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub at: String,
    /// The channel's id.
    #[schema(example = "100")]
    pub channel: String,
    /// Of the module.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// Names the call, as in events.
    #[schema(example = "chat:b34ccfc7-4977-403a-8a94-33c6bac34fb8")]
    pub invocation: String,
    /// `debug`, `info`, `warn` or `error` by the module's own word; `trap` where it broke.
    #[schema(example = "info")]
    pub level: String,
    /// Without line breaks; what cannot be seen is escaped.
    #[schema(example = "rolled 4")]
    pub text: String,
}

/// Lines that a module logged, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLines {
    /// The lines of this page.
    pub items: Vec<LogLine>,
    /// Asks for the next page; absent where there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1790000000.7")]
    pub next_cursor: Option<String>,
    /// Asks for what is logged after these lines, whenever that is.
    #[schema(example = "1790000000.7")]
    pub later_cursor: String,
}
