//! Writes a channel's module as JSON.

use std::sync::Arc;

use super::wanted::{show_grants, show_terms};
use crate::domain::manifest::{Manifest, SettingKind};
use crate::domain::timestamp::write_timestamp;
use crate::http::error::ApiError;
use crate::http::shapes::channel_module::{
    Blown, ChannelModule, ChannelModuleState, LATEST, StorageUse, WaitingVersion,
};
use crate::http::shapes::module::Source;
use crate::http::state::Api;
use crate::setup::channel::ChannelSetup;
use crate::setup::module::ModuleSetup;
use crate::setup::module_change::{ModuleChange, as_change};
use crate::setup::upgrade::describe_withdrawn;

/// The note on an enabled module whose size class the host does not allow.
const BARRED: &str =
    "it is of the size class large, which this host does not allow: its operator can set [sandbox] allow_large";

pub(super) fn show_state(api: &Api, setup: &ChannelSetup, module: &ModuleSetup) -> ChannelModuleState {
    let manifest = &module.manifest;
    let running = module.is_answering(api.now().wall);
    let uploaded = setup.catalogue().find_uploaded(&manifest.name);
    let listed = setup.catalogue().find(&manifest.name);
    let number = |manifest: &Arc<Manifest>| manifest.version.to_string();
    ChannelModuleState {
        name: manifest.name.to_string(),
        source: Source::from(manifest.source).as_str().to_owned(),
        enabled: module.is_enabled,
        version: module.consent.pinned.as_ref().map_or_else(|| LATEST.to_owned(), ToString::to_string),
        running,
        running_version: running.then(|| manifest.version.to_string()),
        reason: (module.is_enabled && !running).then(|| find_reason(api, setup, module).to_owned()),
        note: match module.is_barred {
            true => Some(BARRED.to_owned()),
            false => uploaded.and_then(|uploaded| describe_withdrawn(module, uploaded)),
        },
        latest: listed.and_then(|listed| listed.latest()).map(number),
        latest_here: listed.and_then(|listed| listed.latest_in(setup.channel.id)).map(number),
        waiting: module.waiting.as_deref().map(|waiting| WaitingVersion {
            version: waiting.manifest.version.to_string(),
            asks_more: waiting.asks.clone(),
        }),
        blown: module.blown.as_ref().map(|blown| Blown {
            digest: blown.digest.to_string(),
            until: blown.until.map(write_timestamp),
            times: blown.times,
        }),
    }
}

/// The reason why an enabled module does not run.
fn find_reason(api: &Api, setup: &ChannelSetup, module: &ModuleSetup) -> &'static str {
    if module.is_barred {
        "size_class_not_allowed"
    } else if module.is_blown(api.now().wall) {
        "fuse_blown"
    } else if setup.is_withdrawn(&module.manifest.name) {
        "withdrawn"
    } else if module.waiting.is_some() {
        "waiting"
    } else {
        "needs_grant"
    }
}

pub(super) async fn show(api: &Api, setup: &ChannelSetup, module: &ModuleSetup) -> Result<ChannelModule, ApiError> {
    let (channel, name) = (setup.channel.id, &module.manifest.name);
    let entered = api.store.list_secret_keys(channel, name).await?;
    let (storage, written_by) = api.store.load_written_by(channel, name).await?;
    let declared = module.manifest.settings.iter().filter(|setting| setting.kind == SettingKind::Secret);
    let secrets = declared.map(|setting| (setting.key.clone(), entered.contains(&setting.key)));
    let ModuleChange { grants, settings, commands, .. } = as_change(module);
    let state = show_state(api, setup, module);
    Ok(ChannelModule {
        state,
        grants: show_grants(&grants.unwrap_or_default()),
        missing_grants: module.list_missing_grants().into_iter().map(|capability| capability.to_string()).collect(),
        settings,
        secrets: secrets.collect(),
        commands: commands.iter().map(|(name, terms)| (name.clone(), show_terms(terms))).collect(),
        storage: StorageUse {
            bytes: storage.bytes,
            keys: storage.keys,
            written_by: written_by.map(|version| version.to_string()),
        },
        revision: setup.revision.0,
    })
}
