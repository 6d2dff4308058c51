//! How a manifest stands in its column. The name, the version and the digest have columns of their own.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::manifest::{Capability, Command, Manifest, ModuleSource, Setting, SettingKind, SizeClass};
use crate::domain::role::Role;
use crate::store::json_text::texts;

#[derive(Serialize, Deserialize)]
pub(super) struct StoredManifest {
    is_large: bool,
    component_bytes: u64,
    summary: String,
    #[serde(with = "texts")]
    capabilities: Vec<Capability>,
    commands: Vec<StoredCommand>,
    settings: Vec<StoredSetting>,
    http_hosts: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredCommand {
    name: Box<str>,
    aliases: Vec<Box<str>>,
    usage: String,
    summary: String,
    role: String,
    /// Milliseconds.
    channel_cooldown: u64,
    chatter_cooldown: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredSetting {
    key: String,
    summary: String,
    kind: StoredKind,
    default: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredKind {
    Text,
    Integer { least: i64, most: i64 },
    Number,
    Boolean,
    Choice(Vec<String>),
    Duration,
    Chatter,
    Secret,
    Other(String),
}

impl StoredManifest {
    pub(super) fn of(manifest: &Manifest) -> StoredManifest {
        StoredManifest {
            is_large: manifest.size == SizeClass::Large,
            component_bytes: manifest.component_bytes,
            summary: manifest.summary.clone(),
            capabilities: manifest.capabilities.clone(),
            commands: manifest.commands.iter().map(|command| StoredCommand::of(command)).collect(),
            settings: manifest.settings.iter().map(StoredSetting::of).collect(),
            http_hosts: manifest.http_hosts.clone(),
        }
    }

    pub(super) fn into_manifest(self, name: ModuleName, version: semver::Version, digest: ModuleDigest) -> Manifest {
        Manifest {
            digest,
            source: ModuleSource::Uploaded,
            size: if self.is_large { SizeClass::Large } else { SizeClass::Small },
            component_bytes: self.component_bytes,
            name,
            version,
            summary: self.summary,
            capabilities: self.capabilities,
            commands: self.commands.into_iter().map(|command| Arc::new(command.into_command())).collect(),
            settings: self.settings.into_iter().map(StoredSetting::into_setting).collect(),
            http_hosts: self.http_hosts,
        }
    }
}

impl StoredCommand {
    fn of(command: &Command) -> StoredCommand {
        let milliseconds = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        StoredCommand {
            name: command.name.clone(),
            aliases: command.aliases.clone(),
            usage: command.usage.clone(),
            summary: command.summary.clone(),
            role: command.role.as_str().to_owned(),
            channel_cooldown: milliseconds(command.channel_cooldown),
            chatter_cooldown: milliseconds(command.chatter_cooldown),
        }
    }

    fn into_command(self) -> Command {
        Command {
            name: self.name,
            aliases: self.aliases,
            usage: self.usage,
            summary: self.summary,
            // Of a role that this binary does not know, nobody but the broadcaster is sure to be meant.
            role: self.role.parse().unwrap_or(Role::Broadcaster),
            channel_cooldown: Duration::from_millis(self.channel_cooldown),
            chatter_cooldown: Duration::from_millis(self.chatter_cooldown),
        }
    }
}

impl StoredSetting {
    fn of(setting: &Setting) -> StoredSetting {
        let Setting { key, summary, kind, default } = setting.clone();
        let kind = match kind {
            SettingKind::Text => StoredKind::Text,
            SettingKind::Integer { least, most } => StoredKind::Integer { least, most },
            SettingKind::Number => StoredKind::Number,
            SettingKind::Boolean => StoredKind::Boolean,
            SettingKind::Choice(choices) => StoredKind::Choice(choices),
            SettingKind::Duration => StoredKind::Duration,
            SettingKind::Chatter => StoredKind::Chatter,
            SettingKind::Secret => StoredKind::Secret,
            SettingKind::Other(name) => StoredKind::Other(name),
        };
        StoredSetting { key, summary, kind, default }
    }

    fn into_setting(self) -> Setting {
        let kind = match self.kind {
            StoredKind::Text => SettingKind::Text,
            StoredKind::Integer { least, most } => SettingKind::Integer { least, most },
            StoredKind::Number => SettingKind::Number,
            StoredKind::Boolean => SettingKind::Boolean,
            StoredKind::Choice(choices) => SettingKind::Choice(choices),
            StoredKind::Duration => SettingKind::Duration,
            StoredKind::Chatter => SettingKind::Chatter,
            StoredKind::Secret => SettingKind::Secret,
            StoredKind::Other(name) => SettingKind::Other(name),
        };
        Setting { key: self.key, summary: self.summary, kind, default: self.default }
    }
}
