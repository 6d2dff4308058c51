//! A channel's module, as it is shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::wanted::{CommandTerms, ModuleGrants};
use crate::domain::manifest::{Manifest, ModuleSource, SettingKind};
use crate::domain::timestamp::write_timestamp;
use crate::http::Api;
use crate::http::error::ApiError;
use crate::setup::channel::ChannelSetup;
use crate::setup::module::ModuleSetup;
use crate::setup::module_change::ModuleChange;

/// What is true of a module that is enabled and whose size class the host does not allow.
const BARRED: &str =
    "it is of the size class large, which this host does not allow: its operator can set [sandbox] allow_large";

/// How a module stands in a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelModuleState {
    /// The module's name.
    #[schema(format = "module-name", example = "dice")]
    name: String,
    /// `bundled`, `configured` or `uploaded`.
    #[schema(example = "uploaded")]
    source: &'static str,
    /// Whether it is switched on here.
    enabled: bool,
    /// `latest`, or the version that the channel stays on.
    #[schema(example = "latest")]
    version: String,
    /// Whether it answers here.
    running: bool,
    /// Null where it does not answer.
    #[schema(example = "1.2.0")]
    running_version: Option<String>,
    /// Why a module that is enabled does not answer: `size_class_not_allowed`, `fuse_blown`, `needs_grant`, `withdrawn`, or
    /// `waiting` for somebody to accept a version. Null where it answers or is off.
    #[schema(example = "size_class_not_allowed")]
    reason: Option<&'static str>,
    /// In words: why the size class keeps it from running, or why another version is here than the one that the channel stays
    /// on, or none, where versions are withdrawn.
    #[schema(example = "version 1.2.0 is withdrawn: 1.1.0, the nearest one, takes its place until it is restored")]
    note: Option<String>,
    /// The highest version that every channel may have; null where there is none.
    #[schema(example = "1.2.0")]
    latest: Option<String>,
    /// The version that `latest` stands for in this channel, so what to `accept` with it: the one that is tried out here, or the
    /// highest; null where there is none.
    #[schema(example = "1.3.0")]
    latest_here: Option<String>,
    /// A version that would run, if somebody accepted what it asks for.
    waiting: Option<WaitingVersion>,
    /// Set where the module broke too often.
    blown: Option<Blown>,
}

/// A version that asks for more than was accepted.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingVersion {
    /// What to `accept`.
    #[schema(example = "2.0.0")]
    version: String,
    /// In words.
    #[schema(example = json!(["it asks for the capability http"]))]
    asks_more: Vec<String>,
}

/// A fuse that has blown.
#[derive(Debug, Serialize, ToSchema)]
struct Blown {
    /// Of the version that broke.
    #[schema(example = "5053e528b77817de55337db1bf2ed3d01845246644d2d39654006cae016e176f")]
    digest: String,
    /// When it comes back by itself; null where somebody has to enable it.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    until: Option<String>,
    /// In a row.
    #[schema(example = 1)]
    times: u32,
}

/// A module in a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelModule {
    #[serde(flatten)]
    state: ChannelModuleState,
    /// What it may do here.
    grants: ModuleGrants,
    /// What the version that would run asks for and has no grant of.
    #[schema(example = json!(["storage"]))]
    missing_grants: Vec<&'static str>,
    /// Those that were set.
    #[schema(example = json!({ "sides": "20" }))]
    settings: BTreeMap<String, String>,
    /// Its secret settings, and whether each was entered.
    #[schema(example = json!({ "token": true }))]
    secrets: BTreeMap<String, bool>,
    /// What was set of its commands, by name.
    commands: BTreeMap<String, CommandTerms>,
    storage: StorageUse,
    /// Of all that is set up in the channel: the ETag.
    #[schema(example = 7)]
    revision: u64,
}

/// What the module keeps in this channel, all versions together.
#[derive(Debug, Serialize, ToSchema)]
struct StorageUse {
    /// Keys and values together.
    #[schema(example = 12)]
    bytes: u64,
    /// How many there are.
    #[schema(example = 1)]
    keys: u64,
    /// The version that wrote last; null where none has.
    #[schema(example = "1.2.0")]
    written_by: Option<String>,
}

impl ChannelModuleState {
    pub(super) fn show(api: &Api, setup: &ChannelSetup, module: &ModuleSetup) -> ChannelModuleState {
        let manifest = &module.manifest;
        let running = module.is_answering(api.now().wall);
        let uploaded = setup.catalogue().find_uploaded(&manifest.name);
        let listed = setup.catalogue().find(&manifest.name);
        let number = |manifest: &Arc<Manifest>| manifest.version.to_string();
        ChannelModuleState {
            name: manifest.name.to_string(),
            source: match manifest.source {
                ModuleSource::Bundled => "bundled",
                ModuleSource::Configured => "configured",
                ModuleSource::Uploaded => "uploaded",
            },
            enabled: module.is_enabled,
            version: module.consent.pinned.as_ref().map_or_else(|| "latest".to_owned(), ToString::to_string),
            running,
            running_version: running.then(|| manifest.version.to_string()),
            reason: (module.is_enabled && !running).then(|| find_reason(api, setup, module)),
            note: match module.is_barred {
                true => Some(BARRED.to_owned()),
                false => uploaded.and_then(|uploaded| module.tell_withdrawn(uploaded)),
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
}

/// Why an enabled module does not run.
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

impl ChannelModule {
    pub(super) async fn show(api: &Api, setup: &ChannelSetup, module: &ModuleSetup) -> Result<ChannelModule, ApiError> {
        let (channel, name) = (setup.channel.id, &module.manifest.name);
        let entered = api.store.list_secret_keys(channel, name).await?;
        let (storage, written_by) = api.store.load_written_by(channel, name).await?;
        let declared = module.manifest.settings.iter().filter(|setting| setting.kind == SettingKind::Secret);
        let secrets = declared.map(|setting| (setting.key.clone(), entered.contains(&setting.key)));
        let ModuleChange { grants, settings, commands, .. } = module.as_change();
        let state = ChannelModuleState::show(api, setup, module);
        Ok(ChannelModule {
            state,
            grants: ModuleGrants::show(&grants.unwrap_or_default()),
            missing_grants: module.list_missing_grants().into_iter().map(|capability| capability.as_str()).collect(),
            settings,
            secrets: secrets.collect(),
            commands: commands.iter().map(|(name, terms)| (name.clone(), CommandTerms::show(terms))).collect(),
            storage: StorageUse {
                bytes: storage.bytes,
                keys: storage.keys,
                written_by: written_by.map(|version| version.to_string()),
            },
            revision: setup.revision.0,
        })
    }
}
