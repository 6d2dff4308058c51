//! The stored form of a manifest. Name, version and digest have columns of their own.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::manifest::{Capability, Command, Manifest, ModuleSource, Setting, SettingKind, SizeClass};
use crate::domain::role::Role;
use crate::store::json_text::{milliseconds, text, texts};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredManifest {
    is_large: bool,
    component_bytes: u64,
    summary: String,
    #[serde(with = "texts")]
    capabilities: Vec<Capability>,
    commands: Vec<OneCommand>,
    settings: Vec<OneSetting>,
    http_hosts: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct OneCommand(#[serde(with = "StoredCommand")] Command);

#[derive(Serialize, Deserialize)]
struct OneSetting(#[serde(with = "StoredSetting")] Setting);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Command")]
pub(crate) struct StoredCommand {
    name: Box<str>,
    aliases: Vec<Box<str>>,
    usage: String,
    summary: String,
    #[serde(serialize_with = "text::serialize", deserialize_with = "read_role")]
    role: Role,
    #[serde(with = "milliseconds")]
    channel_cooldown: Duration,
    #[serde(with = "milliseconds")]
    chatter_cooldown: Duration,
}

/// A role that this binary does not know is read as broadcaster, the most restrictive one.
fn read_role<'de, D: Deserializer<'de>>(from: D) -> Result<Role, D::Error> {
    Ok(String::deserialize(from)?.parse().unwrap_or(Role::Broadcaster))
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Setting")]
struct StoredSetting {
    key: String,
    summary: String,
    #[serde(with = "StoredKind")]
    kind: SettingKind,
    default: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "SettingKind", rename_all = "kebab-case")]
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
            commands: manifest.commands.iter().map(|command| OneCommand((**command).clone())).collect(),
            settings: manifest.settings.iter().cloned().map(OneSetting).collect(),
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
            commands: self.commands.into_iter().map(|OneCommand(command)| Arc::new(command)).collect(),
            settings: self.settings.into_iter().map(|OneSetting(setting)| setting).collect(),
            http_hosts: self.http_hosts,
        }
    }
}
