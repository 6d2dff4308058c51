//! Channels, and changes of their set-up.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// A channel, and how the bot is set up in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its broadcaster's Twitch id.
    #[schema(format = "twitch-id", example = "100")]
    pub id: String,
    /// Its broadcaster's name, which may change.
    #[schema(example = "shop")]
    pub login: String,
    /// As Twitch writes it.
    #[schema(example = "Shop")]
    pub display_name: String,
    /// The bot account that sits there.
    #[schema(example = "mybot")]
    pub account: String,
    /// What a command begins with.
    #[schema(example = "!")]
    pub prefix: String,
    /// BCP 47.
    #[schema(example = "en")]
    pub locale: String,
    /// Until then the bot is silent; null where it is not.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub muted_until: Option<String>,
    /// Whether moderators may change the set-up from chat.
    pub moderators_may_change: bool,
    /// Of all that is set up here, modules included: the ETag.
    #[schema(example = 7)]
    pub revision: u64,
}

/// What of a channel is to be otherwise. What is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelPatch {
    /// 1 to 5 characters.
    #[schema(min_length = 1, max_length = 5, example = "!")]
    pub prefix: Option<String>,
    /// BCP 47.
    #[schema(example = "en")]
    pub locale: Option<String>,
    /// At most a day from now; null ends the silence.
    #[serde(default, deserialize_with = "read_given")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub muted_until: Option<Option<String>>,
    /// Whether moderators may change the set-up from chat.
    #[schema(example = false)]
    pub moderators_may_change: Option<bool>,
    /// By a word that calls the command here.
    #[serde(default)]
    pub commands: BTreeMap<String, TermsPatch>,
}

/// Who may use a command, and how often. What is left out stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsPatch {
    /// `everyone`, `subscriber`, `vip`, `moderator` or `broadcaster`.
    #[schema(format = "chatter-role", example = "vip")]
    pub role: Option<String>,
    /// Between two uses in the channel.
    #[schema(format = "span", example = "5s")]
    pub cooldown: Option<String>,
    /// Between two uses by one chatter.
    #[schema(format = "span", example = "1m30s")]
    pub chatter_cooldown: Option<String>,
}

/// Distinguishes `null` from a missing field.
fn read_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
