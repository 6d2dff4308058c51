//! Calls of commands over HTTP, and their answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What follows the command, and who calls it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandCall {
    /// As a chatter would type it, or one by one.
    #[serde(default)]
    pub arguments: CallArguments,
    /// Who is said to call it.
    pub chatter: ClaimedChatter,
}

/// Together at most as long as a chat message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "arguments are a text, or a list of texts")]
pub enum CallArguments {
    Text(String),
    List(Vec<String>),
}

/// Whom the caller says that it acts for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimedChatter {
    /// A Twitch id. May be left out for the broadcaster, and for whoever was last seen in the channel under the login.
    #[schema(format = "twitch-id", example = "42")]
    pub id: Option<String>,
    /// A name on Twitch.
    #[schema(format = "login", example = "alice")]
    pub login: String,
    /// The login where it is left out.
    #[schema(min_length = 1, max_length = 50, example = "Alice")]
    pub display_name: Option<String>,
}

/// What a command answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandAnswer {
    /// What the command answered.
    pub replies: Vec<CommandReply>,
    /// From the question to the answer, waiting included.
    #[schema(example = "0.004s")]
    pub duration: String,
    /// Names the call, as events and logs do.
    #[schema(example = "http:7377a0450aade9f0047481e7d83c1862")]
    pub invocation_id: String,
    /// `answered`; `usage`, `refused` or `unavailable` where the command says so; `duplicate` where this is what a call with
    /// the same Idempotency-Key was answered before.
    #[schema(example = "answered")]
    pub outcome: String,
    /// Replies that are on their way to the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub delivered: Option<usize>,
    /// What would change, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandReply {
    /// `answer` is meant for the chatter, `say` for all, and `action` is a /me.
    #[schema(example = "answer")]
    pub kind: String,
    /// As it would be said in chat.
    #[schema(example = "rolled 4")]
    pub text: String,
}

impl Default for CallArguments {
    fn default() -> Self {
        CallArguments::Text(String::new())
    }
}

/// One change that would be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// In kebab-case, as in the audit.
    #[schema(example = "save-entry")]
    pub kind: String,
    /// For people; it may change.
    #[schema(example = "writes 1 byte to count")]
    pub text: String,
    /// What is in it depends on the kind.
    #[schema(value_type = Object)]
    pub data: Value,
}
