//! Modules as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::kinds::{Class, Granter, Source};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Capability, Command, Manifest, Setting, SettingKind};
use crate::domain::span::show_span;
use crate::domain::timestamp::write_timestamp;
use crate::domain::version::{Canary, UploadedVersion};
use crate::http::principal::Principal;
use crate::modules::catalogue::Listed;
use crate::modules::powers::Powers;

/// A module, in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModuleSummary {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    name: String,
    /// Where it came from.
    source: Source,
    /// The id of the key that the name belongs to; absent where it came with the host or over the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    publisher: Option<String>,
    /// What a channel gets that takes the module now; absent where every version is withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.2.0")]
    latest: Option<String>,
    /// How many there are, withdrawn ones included.
    #[schema(example = 2)]
    versions: usize,
    /// What the latest version says of itself.
    #[schema(example = "rolls dice")]
    summary: String,
}

/// A module, and its versions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModuleDetail {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    name: String,
    /// Where it came from.
    source: Source,
    /// The id of the key that the name belongs to; absent where it came with the host or over the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    publisher: Option<String>,
    /// What a channel gets that takes the module now; absent where every version is withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.2.0")]
    latest: Option<String>,
    /// Absent where no version is tried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<CanaryDetail>,
    /// Ascending.
    versions: Vec<VersionSummary>,
    /// In how many channels.
    #[schema(example = 3)]
    enabled_in: usize,
}

/// A version that is tried out.
#[derive(Debug, Serialize, ToSchema)]
struct CanaryDetail {
    /// Which it is.
    #[schema(example = "1.3.0")]
    version: String,
    /// The ids of the channels that have it, of those that the caller may act in.
    #[schema(example = json!(["100"]))]
    channels: Vec<String>,
}

/// A version, in a list.
#[derive(Debug, Serialize, ToSchema)]
struct VersionSummary {
    /// A semantic version.
    #[schema(format = "version", example = "1.2.0")]
    version: String,
    /// SHA-256 of the component, in hexadecimal digits.
    #[schema(example = "5053e528b77817de55337db1bf2ed3d01845246644d2d39654006cae016e176f")]
    digest: String,
    /// How much it may be and use.
    class: Class,
    /// Of the component.
    #[schema(example = 50459)]
    bytes: u64,
    #[serde(flatten)]
    life: Life,
}

/// What became of a version; empty for one that came with the host.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Life {
    /// Absent where it came with the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    uploaded_at: Option<String>,
    /// The id of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0123456789ab")]
    uploaded_by: Option<String>,
    /// Absent where it is on the air.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    withdrawn_at: Option<String>,
}

/// A version: what it offers, and what it asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionDetail {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    name: String,
    /// A semantic version.
    #[schema(format = "version", example = "1.2.0")]
    version: String,
    /// SHA-256 of the component, in hexadecimal digits.
    #[schema(example = "5053e528b77817de55337db1bf2ed3d01845246644d2d39654006cae016e176f")]
    digest: String,
    /// How much it may be and use.
    class: Class,
    /// Of the component.
    #[schema(example = 50459)]
    bytes: u64,
    /// What it does, in its own words.
    #[schema(example = "rolls dice")]
    summary: String,
    /// What it answers to.
    commands: Vec<CommandDetail>,
    /// What a channel may set.
    settings: Vec<SettingDetail>,
    /// What it imports.
    capabilities: Vec<CapabilityDetail>,
    /// Names of web hosts that it wants to ask.
    #[schema(example = json!(["api.example.com"]))]
    http_hosts: Vec<String>,
    #[serde(flatten)]
    life: Life,
}

/// A command that a module declares.
#[derive(Debug, Serialize, ToSchema)]
struct CommandDetail {
    /// The word that calls it.
    #[schema(example = "roll")]
    name: String,
    /// Other words that call it.
    #[schema(example = json!(["dice"]))]
    aliases: Vec<String>,
    /// The arguments, as help shows them.
    #[schema(example = "[sides]")]
    usage: String,
    /// What it does.
    #[schema(example = "rolls a die")]
    summary: String,
    /// Who may use it: `everyone`, `subscriber`, `vip`, `moderator` or `broadcaster`.
    #[schema(example = "everyone")]
    role: String,
    /// Between two uses in a channel.
    #[schema(example = "5s")]
    cooldown: String,
    /// Between two uses by one chatter.
    #[schema(example = "30s")]
    chatter_cooldown: String,
}

/// A setting that a module declares.
#[derive(Debug, Serialize, ToSchema)]
struct SettingDetail {
    /// Its name.
    #[schema(example = "sides")]
    key: String,
    /// What it is for.
    #[schema(example = "sides of a die")]
    summary: String,
    /// `text`, `integer`, `number`, `boolean`, `choice`, `duration`, `chatter`, `secret`, or one of a later contract.
    #[schema(example = "integer")]
    kind: String,
    /// Of an `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2)]
    least: Option<i64>,
    /// Of an `integer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 100)]
    most: Option<i64>,
    /// Of a `choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["red", "blue"]))]
    choices: Option<Vec<String>>,
    /// The value where none is set.
    #[schema(example = "6")]
    default: String,
}

/// A capability that a module requests.
#[derive(Debug, Serialize, ToSchema)]
struct CapabilityDetail {
    /// Its name in the contract.
    #[schema(example = "storage")]
    name: String,
    /// Whether somebody has to grant it in a channel.
    needs_grant: bool,
    /// Who may.
    granted_by: Granter,
}

impl ModuleSummary {
    pub(super) fn show(name: &ModuleName, listed: &Listed) -> ModuleSummary {
        let uploaded = listed.find_uploaded();
        ModuleSummary {
            name: name.to_string(),
            source: match listed {
                Listed::Fixed(manifest) => manifest.source.into(),
                Listed::Uploaded(_) => Source::Uploaded,
            },
            publisher: uploaded.and_then(|module| module.publisher.as_ref()).map(ToString::to_string),
            latest: listed.latest().map(|manifest| manifest.version.to_string()),
            versions: uploaded.map_or(1, |module| module.versions.len()),
            summary: listed.shown().map(|manifest| manifest.summary.clone()).unwrap_or_default(),
        }
    }
}

impl ModuleDetail {
    /// As `principal` may see it.
    pub(super) fn show(name: &ModuleName, listed: &Listed, enabled_in: usize, principal: &Principal) -> ModuleDetail {
        let (canary, versions) = match listed {
            Listed::Fixed(manifest) => (None, vec![VersionSummary::show(manifest, Life::default())]),
            Listed::Uploaded(module) => {
                let show = |version: &UploadedVersion| VersionSummary::show(&version.manifest, Life::show(version));
                (module.canary.as_ref(), module.versions.iter().map(show).collect())
            }
        };
        let ModuleSummary { name, source, publisher, latest, .. } = ModuleSummary::show(name, listed);
        ModuleDetail {
            name,
            source,
            publisher,
            latest,
            canary: canary.map(|canary| CanaryDetail::show(canary, principal)),
            versions,
            enabled_in,
        }
    }
}

impl CanaryDetail {
    fn show(canary: &Canary, principal: &Principal) -> CanaryDetail {
        let seen = list_seen(canary, principal);
        CanaryDetail { version: canary.version.to_string(), channels: seen.iter().map(ChannelId::to_string).collect() }
    }
}

/// The channels of a canary that `principal` may know of.
pub(super) fn list_seen(canary: &Canary, principal: &Principal) -> Vec<ChannelId> {
    canary.channels.iter().copied().filter(|channel| principal.may_act_in(*channel)).collect()
}

impl Life {
    fn show(version: &UploadedVersion) -> Life {
        Life {
            uploaded_at: Some(write_timestamp(version.uploaded_at)),
            uploaded_by: version.uploaded_by.as_ref().map(ToString::to_string),
            withdrawn_at: version.withdrawn_at.map(write_timestamp),
        }
    }
}

impl VersionSummary {
    fn show(manifest: &Manifest, life: Life) -> VersionSummary {
        VersionSummary {
            version: manifest.version.to_string(),
            digest: manifest.digest.to_string(),
            class: manifest.size.into(),
            bytes: manifest.component_bytes,
            life,
        }
    }
}

impl VersionDetail {
    pub(super) fn show(version: &UploadedVersion) -> VersionDetail {
        VersionDetail { life: Life::show(version), ..VersionDetail::show_fixed(&version.manifest) }
    }

    /// Of a module that came with the host.
    pub(super) fn show_fixed(manifest: &Manifest) -> VersionDetail {
        VersionDetail {
            name: manifest.name.to_string(),
            version: manifest.version.to_string(),
            digest: manifest.digest.to_string(),
            class: manifest.size.into(),
            bytes: manifest.component_bytes,
            summary: manifest.summary.clone(),
            commands: manifest.commands.iter().map(|command| CommandDetail::show(command)).collect(),
            settings: manifest.settings.iter().map(SettingDetail::show).collect(),
            capabilities: manifest.capabilities.iter().copied().map(CapabilityDetail::show).collect(),
            http_hosts: manifest.http_hosts.clone(),
            life: Life::default(),
        }
    }
}

impl CommandDetail {
    fn show(command: &Command) -> CommandDetail {
        CommandDetail {
            name: command.name.to_string(),
            aliases: command.aliases.iter().map(ToString::to_string).collect(),
            usage: command.usage.clone(),
            summary: command.summary.clone(),
            role: command.role.to_string(),
            cooldown: show_span(command.channel_cooldown),
            chatter_cooldown: show_span(command.chatter_cooldown),
        }
    }
}

impl SettingDetail {
    fn show(setting: &Setting) -> SettingDetail {
        let (mut range, mut choices) = (None, None);
        let kind = match &setting.kind {
            SettingKind::Text => "text",
            SettingKind::Integer { least, most } => {
                range = Some((*least, *most));
                "integer"
            }
            SettingKind::Number => "number",
            SettingKind::Boolean => "boolean",
            SettingKind::Choice(all) => {
                choices = Some(all.clone());
                "choice"
            }
            SettingKind::Duration => "duration",
            SettingKind::Chatter => "chatter",
            SettingKind::Secret => "secret",
            SettingKind::Other(kind) => kind,
        };
        SettingDetail {
            key: setting.key.clone(),
            summary: setting.summary.clone(),
            kind: kind.to_owned(),
            least: range.map(|(least, _)| least),
            most: range.map(|(_, most)| most),
            choices,
            default: setting.default.clone(),
        }
    }
}

impl CapabilityDetail {
    fn show(capability: Capability) -> CapabilityDetail {
        let granted_by = match capability {
            capability if !capability.needs_grant() => Granter::Nobody,
            capability if Powers::Creator.may_grant(capability) => Granter::Creator,
            _ => Granter::Operator,
        };
        CapabilityDetail { name: capability.to_string(), needs_grant: capability.needs_grant(), granted_by }
    }
}
