//! A module's state in a channel, and the requested one.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The `version` of a channel that follows new versions.
pub const LATEST: &str = "latest";

/// How a module stands in a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelModuleState {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    pub name: String,
    /// `bundled`, `configured` or `uploaded`.
    #[schema(example = "uploaded")]
    pub source: String,
    /// Whether it is switched on here.
    pub enabled: bool,
    /// `latest`, or the version that the channel stays on.
    #[schema(example = "latest")]
    pub version: String,
    /// Whether it answers here.
    pub running: bool,
    /// Null where it does not answer.
    #[schema(example = "1.2.0")]
    pub running_version: Option<String>,
    /// Why a module that is enabled does not answer: `size_class_not_allowed`, `fuse_blown`, `needs_grant`, `withdrawn`, or
    /// `waiting` for somebody to accept a version. Null where it answers or is off.
    #[schema(example = "size_class_not_allowed")]
    pub reason: Option<String>,
    /// In words: why the size class keeps it from running, or why another version is here than the one that the channel stays
    /// on, or none, where versions are withdrawn.
    #[schema(example = "version 1.2.0 is withdrawn: 1.1.0, the nearest one, takes its place until it is restored")]
    pub note: Option<String>,
    /// The highest version that every channel may have; null where there is none.
    #[schema(example = "1.2.0")]
    pub latest: Option<String>,
    /// The version that `latest` stands for in this channel, so what to `accept` with it: the one that is tried out here, or the
    /// highest; null where there is none.
    #[schema(example = "1.3.0")]
    pub latest_here: Option<String>,
    /// A version that would run, if somebody accepted what it asks for.
    pub waiting: Option<WaitingVersion>,
    /// Set where the module broke too often.
    pub blown: Option<Blown>,
}

/// A version that asks for more than was accepted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitingVersion {
    /// What to `accept`.
    #[schema(example = "2.0.0")]
    pub version: String,
    /// In words.
    #[schema(example = json!(["it asks for the capability http"]))]
    pub asks_more: Vec<String>,
}

/// A fuse that has blown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Blown {
    /// Of the version that broke.
    #[schema(example = "5053e528b77817de55337db1bf2ed3d01845246644d2d39654006cae016e176f")]
    pub digest: String,
    /// When it comes back by itself; null where somebody has to enable it.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub until: Option<String>,
    /// In a row.
    #[schema(example = 1)]
    pub times: u32,
}

/// A module in a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelModule {
    #[serde(flatten)]
    pub state: ChannelModuleState,
    /// What it may do here.
    pub grants: ModuleGrants,
    /// What the version that would run asks for and has no grant of.
    #[schema(example = json!(["storage"]))]
    pub missing_grants: Vec<String>,
    /// Those that were set.
    #[schema(example = json!({ "sides": "20" }))]
    pub settings: BTreeMap<String, String>,
    /// Its secret settings, and whether each was entered.
    #[schema(example = json!({ "token": true }))]
    pub secrets: BTreeMap<String, bool>,
    /// What was set of its commands, by name.
    pub commands: BTreeMap<String, CommandTerms>,
    pub storage: StorageUse,
    /// Of all that is set up in the channel: the ETag.
    #[schema(example = 7)]
    pub revision: u64,
}

/// What the module keeps in this channel, all versions together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StorageUse {
    /// Keys and values together.
    #[schema(example = 12)]
    pub bytes: u64,
    /// How many there are.
    #[schema(example = 1)]
    pub keys: u64,
    /// The version that wrote last; null where none has.
    #[schema(example = "1.2.0")]
    pub written_by: Option<String>,
}

/// How a module is to be in a channel.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedModule {
    /// Enabling also restores a fuse that has blown.
    pub enabled: bool,
    /// `latest` follows new versions, as long as they ask for no more; another one is stayed on. While that one is withdrawn,
    /// the nearest one below it takes its place, or, where there is none, the nearest one above.
    #[serde(default = "latest")]
    #[schema(default = "latest", format = "pinned-version", example = "1.2.0")]
    pub version: String,
    /// All that it may do here; what is granted stays where this is left out.
    pub grants: Option<ModuleGrants>,
    /// The version that waits: all that it asks for is accepted, with the grants above.
    #[schema(format = "version", example = "2.0.0")]
    pub accept: Option<String>,
    /// By key; checked against the module's own declaration.
    #[serde(default)]
    #[schema(example = json!({ "sides": "20" }))]
    pub settings: BTreeMap<String, String>,
    /// By key; null forgets it. Those that are not named stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    pub secrets: BTreeMap<String, Option<Secret>>,
    /// By name.
    #[serde(default)]
    pub commands: BTreeMap<String, CommandTerms>,
}

/// What a module may do in a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModuleGrants {
    /// By name.
    #[schema(format = "capability", example = json!(["storage"]))]
    pub capabilities: Vec<String>,
    /// Of those that the module declares.
    #[serde(default)]
    #[schema(example = json!(["api.example.com"]))]
    pub http_hosts: Vec<String>,
    /// On what it moves by `payments`.
    #[serde(default)]
    pub payments: ModuleCaps,
    /// On what it pays out by `treasury`.
    #[serde(default)]
    pub treasury: ModuleCaps,
}

/// The most that a module may move: each an amount, null for no cap, and nothing at all where it is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModuleCaps {
    /// In one call.
    #[serde(default = "nothing")]
    #[schema(format = "amount", example = "10")]
    pub per_invocation: Option<String>,
    /// In any 24 hours.
    #[serde(default = "nothing")]
    #[schema(format = "amount", example = "50")]
    pub per_chatter: Option<String>,
    /// In any 24 hours, by all calls together.
    #[serde(default = "nothing")]
    #[schema(format = "amount", example = "1000")]
    pub per_day: Option<String>,
}

/// What is set of a command; what is left out is as its author made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandTerms {
    /// `everyone`, `subscriber`, `vip`, `moderator` or `broadcaster`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "chatter-role", example = "vip")]
    pub role: Option<String>,
    /// Between two uses in the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "span", example = "5s")]
    pub cooldown: Option<String>,
    /// Between two uses by one chatter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "span", example = "1m30s")]
    pub chatter_cooldown: Option<String>,
    /// All the words that call it here, in place of its name and its author's aliases.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["roll", "dice"]))]
    pub aliases: Option<Vec<String>>,
}

/// Back to which version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepBack {
    /// Left out: the one that ran before.
    #[schema(format = "version", example = "1.1.0")]
    pub to: Option<String>,
}

/// A secret setting. Debug redacts it, and nothing serializes it.
#[derive(Clone, Debug)]
pub struct Secret(pub SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Secret(text.into()))
    }
}

fn latest() -> String {
    LATEST.to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn nothing() -> Option<String> {
    Some("0".to_owned())
}

impl Default for ModuleCaps {
    fn default() -> Self {
        ModuleCaps { per_invocation: nothing(), per_chatter: nothing(), per_day: nothing() }
    }
}
