//! Modules and their versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::manifest::{ModuleSource, SizeClass};
use crate::domain::named::named;

/// A module, in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModuleSummary {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    pub name: String,
    /// Where it came from.
    #[schema(value_type = Source)]
    pub source: String,
    /// The id of the key that the name belongs to; absent where it came with the host or over the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    pub publisher: Option<String>,
    /// What a channel gets that takes the module now; absent where every version is withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.2.0")]
    pub latest: Option<String>,
    /// How many there are, withdrawn ones included.
    #[schema(example = 2)]
    pub versions: usize,
    /// What the latest version says of itself.
    #[schema(example = "rolls dice")]
    pub summary: String,
}

/// A module, and its versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModuleDetail {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    pub name: String,
    /// Where it came from.
    #[schema(value_type = Source)]
    pub source: String,
    /// The id of the key that the name belongs to; absent where it came with the host or over the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    pub publisher: Option<String>,
    /// What a channel gets that takes the module now; absent where every version is withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.2.0")]
    pub latest: Option<String>,
    /// Absent where no version is tried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryDetail>,
    /// Ascending.
    pub versions: Vec<VersionSummary>,
    /// In how many channels.
    #[schema(example = 3)]
    pub enabled_in: usize,
}

/// A version that is tried out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CanaryDetail {
    /// Which it is.
    #[schema(example = "1.3.0")]
    pub version: String,
    /// The ids of the channels that have it, of those that the caller may act in.
    #[schema(example = json!(["100"]))]
    pub channels: Vec<String>,
}

/// A version, in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    /// A semantic version.
    #[schema(format = "version", example = "1.2.0")]
    pub version: String,
    /// SHA-256 of the component, in hexadecimal digits.
    #[schema(example = "5053e528b77817de55337db1bf2ed3d01845246644d2d39654006cae016e176f")]
    pub digest: String,
    /// How much it may be and use.
    #[schema(value_type = Class)]
    pub class: String,
    /// Of the component.
    #[schema(example = 50459)]
    pub bytes: u64,
    #[serde(flatten)]
    pub life: Life,
}

/// What became of a version; empty for one that came with the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Life {
    /// Absent where it came with the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub uploaded_at: Option<String>,
    /// The id of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    pub uploaded_by: Option<String>,
    /// Absent where it is on the air.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    pub withdrawn_at: Option<String>,
}

/// A version: what it offers, and what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionDetail {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    pub name: String,
    /// A semantic version.
    #[schema(format = "version", example = "1.2.0")]
    pub version: String,
    /// SHA-256 of the component, in hexadecimal digits.
    #[schema(example = "5053e528b77817de55337db1bf2ed3d01845246644d2d39654006cae016e176f")]
    pub digest: String,
    /// How much it may be and use.
    #[schema(value_type = Class)]
    pub class: String,
    /// Of the component.
    #[schema(example = 50459)]
    pub bytes: u64,
    /// What it does, in its own words.
    #[schema(example = "rolls dice")]
    pub summary: String,
    /// What it answers to.
    pub commands: Vec<CommandDetail>,
    /// What a channel may set.
    pub settings: Vec<SettingDetail>,
    /// What it imports.
    pub capabilities: Vec<CapabilityDetail>,
    /// Names of web hosts that it wants to ask.
    #[schema(example = json!(["api.example.com"]))]
    pub http_hosts: Vec<String>,
    #[serde(flatten)]
    pub life: Life,
}

/// A command that a module declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandDetail {
    /// The word that calls it.
    #[schema(example = "roll")]
    pub name: String,
    /// Other words that call it.
    #[schema(example = json!(["dice"]))]
    pub aliases: Vec<String>,
    /// The arguments, as help shows them.
    #[schema(example = "[sides]")]
    pub usage: String,
    /// What it does.
    #[schema(example = "rolls a die")]
    pub summary: String,
    /// Who may use it: `everyone`, `subscriber`, `vip`, `moderator` or `broadcaster`.
    #[schema(example = "everyone")]
    pub role: String,
    /// Between two uses in a channel.
    #[schema(example = "5s")]
    pub cooldown: String,
    /// Between two uses by one chatter.
    #[schema(example = "30s")]
    pub chatter_cooldown: String,
}

/// A setting that a module declares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingDetail {
    /// Its name.
    #[schema(example = "sides")]
    pub key: String,
    /// What it is for.
    #[schema(example = "sides of a die")]
    pub summary: String,
    /// `text`, `integer`, `number`, `boolean`, `choice`, `duration`, `chatter`, `secret`, or one of a later contract.
    #[schema(example = "integer")]
    pub kind: String,
    /// Of an `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2)]
    pub least: Option<i64>,
    /// Of an `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 100)]
    pub most: Option<i64>,
    /// Of a `choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["red", "blue"]))]
    pub choices: Option<Vec<String>>,
    /// The value where none is set.
    #[schema(example = "6")]
    pub default: String,
}

/// A capability that a module requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CapabilityDetail {
    /// Its name in the contract.
    #[schema(example = "storage")]
    pub name: String,
    /// Whether somebody has to grant it in a channel.
    pub needs_grant: bool,
    /// Who may.
    #[schema(value_type = Granter)]
    pub granted_by: String,
}

/// How far to roll back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackWish {
    /// The version to go back to; without it, the one that was the latest before.
    #[schema(format = "version", example = "1.1.0")]
    pub to: Option<String>,
}

/// A version to try out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCanary {
    /// Which to try out.
    #[schema(format = "version", example = "1.3.0")]
    pub version: String,
    /// The ids of the channels that are to have it.
    #[schema(min_items = 1, format = "twitch-id", example = json!(["100"]))]
    pub channels: Vec<String>,
}

named! {
    /// How much a module may be and use.
    #[derive(Default, Deserialize, ToSchema)]
    #[schema(default = "small")]
    #[serde(rename_all = "snake_case")]
    pub enum Class {
        #[default]
        Small "small",
        Large "large",
    }
}

named! {
    /// Where a module came from.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub enum Source {
        Bundled "bundled",
        Configured "configured",
        Uploaded "uploaded",
    }
}

named! {
    /// Who grants a capability.
    #[derive(ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub enum Granter {
        Creator "creator",
        Operator "operator",
        /// It needs no grant.
        Nobody "nobody",
    }
}

impl From<Class> for SizeClass {
    fn from(class: Class) -> SizeClass {
        match class {
            Class::Small => SizeClass::Small,
            Class::Large => SizeClass::Large,
        }
    }
}

impl From<ModuleSource> for Source {
    fn from(source: ModuleSource) -> Source {
        match source {
            ModuleSource::Bundled => Source::Bundled,
            ModuleSource::Configured => Source::Configured,
            ModuleSource::Uploaded => Source::Uploaded,
        }
    }
}
