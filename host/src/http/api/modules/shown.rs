//! Modules as JSON.

use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Capability, Command, Manifest, Setting, SettingKind};
use crate::domain::span::show_span;
use crate::domain::timestamp::write_timestamp;
use crate::domain::version::{Canary, UploadedVersion};
use crate::http::principal::Principal;
use crate::http::shapes::module::{
    CanaryDetail, CapabilityDetail, CommandDetail, Granter, Life, ModuleDetail, ModuleSummary, SettingDetail, Source,
    VersionDetail, VersionSummary,
};
use crate::modules::catalogue::CatalogueEntry;
use crate::modules::powers::Powers;

pub(super) fn show_summary(name: &ModuleName, listed: &CatalogueEntry) -> ModuleSummary {
    let uploaded = listed.find_uploaded();
    let source = match listed {
        CatalogueEntry::Fixed(manifest) => manifest.source.into(),
        CatalogueEntry::Uploaded(_) => Source::Uploaded,
    };
    ModuleSummary {
        name: name.to_string(),
        source: source.as_str().to_owned(),
        publisher: uploaded.and_then(|module| module.publisher.as_ref()).map(ToString::to_string),
        latest: listed.latest().map(|manifest| manifest.version.to_string()),
        versions: uploaded.map_or(1, |module| module.versions.len()),
        summary: listed.shown().map(|manifest| manifest.summary.clone()).unwrap_or_default(),
    }
}

/// The module without the canary's channels that `principal` may not see.
pub(super) fn show_detail(
    name: &ModuleName,
    listed: &CatalogueEntry,
    enabled_in: usize,
    principal: &Principal,
) -> ModuleDetail {
    let (canary, versions) = match listed {
        CatalogueEntry::Fixed(manifest) => (None, vec![show_version_summary(manifest, Life::default())]),
        CatalogueEntry::Uploaded(module) => {
            let show = |version: &UploadedVersion| show_version_summary(&version.manifest, show_life(version));
            (module.canary.as_ref(), module.versions.iter().map(show).collect())
        }
    };
    let ModuleSummary { name, source, publisher, latest, .. } = show_summary(name, listed);
    let canary = canary.map(|canary| CanaryDetail {
        version: canary.version.to_string(),
        channels: list_seen(canary, principal).iter().map(ChannelId::to_string).collect(),
    });
    ModuleDetail { name, source, publisher, latest, canary, versions, enabled_in }
}

/// The canary's channels that `principal` may see.
pub(super) fn list_seen(canary: &Canary, principal: &Principal) -> Vec<ChannelId> {
    canary.channels.iter().copied().filter(|channel| principal.may_act_in(*channel)).collect()
}

fn show_life(version: &UploadedVersion) -> Life {
    Life {
        uploaded_at: Some(write_timestamp(version.uploaded_at)),
        uploaded_by: version.uploaded_by.as_ref().map(ToString::to_string),
        withdrawn_at: version.withdrawn_at.map(write_timestamp),
    }
}

fn show_version_summary(manifest: &Manifest, life: Life) -> VersionSummary {
    VersionSummary {
        version: manifest.version.to_string(),
        digest: manifest.digest.to_string(),
        class: manifest.size.as_str().to_owned(),
        bytes: manifest.component_bytes,
        life,
    }
}

pub(super) fn show_uploaded(version: &UploadedVersion) -> VersionDetail {
    VersionDetail { life: show_life(version), ..show_fixed(&version.manifest) }
}

/// What a version offers and asks for, without its uploads and withdrawals.
pub fn show_fixed(manifest: &Manifest) -> VersionDetail {
    VersionDetail {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: manifest.digest.to_string(),
        class: manifest.size.as_str().to_owned(),
        bytes: manifest.component_bytes,
        summary: manifest.summary.clone(),
        commands: manifest.commands.iter().map(|command| show_command(command)).collect(),
        settings: manifest.settings.iter().map(show_setting).collect(),
        capabilities: manifest.capabilities.iter().copied().map(show_capability).collect(),
        http_hosts: manifest.http_hosts.clone(),
        life: Life::default(),
    }
}

fn show_command(command: &Command) -> CommandDetail {
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

fn show_setting(setting: &Setting) -> SettingDetail {
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

fn show_capability(capability: Capability) -> CapabilityDetail {
    let granted_by = match capability {
        capability if !capability.needs_grant() => Granter::Nobody,
        capability if Powers::Creator.may_grant(capability) => Granter::Creator,
        _ => Granter::Operator,
    };
    CapabilityDetail {
        name: capability.to_string(),
        needs_grant: capability.needs_grant(),
        granted_by: granted_by.as_str().to_owned(),
    }
}
