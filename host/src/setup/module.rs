//! One module's set-up in one channel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::value::check_value;
use crate::domain::effect::ModuleEffect;
use crate::domain::fuse::BlownFuse;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Command, Grants, Manifest, ModuleSource, Setting, SettingKind};
use crate::modules::catalogue::{Catalogue, Listed};
use crate::modules::consent::{Consent, Waiting};

/// How a module is set up in a channel.
#[derive(Clone, Debug)]
pub struct ModuleSetup {
    /// The version that runs here, or would.
    pub manifest: Arc<Manifest>,
    pub is_enabled: bool,
    /// With which it runs.
    pub grants: Grants,
    /// What differs from the defaults: declared settings, and the host's own keys (see `overrides`).
    pub settings: BTreeMap<String, String>,
    /// The words claimed here, besides the declared ones.
    pub claimed: Vec<Arc<Command>>,
    /// What the channel has said of an uploaded module's versions.
    pub consent: Consent,
    /// The version that would run if what it asks for were accepted.
    pub waiting: Option<Arc<Waiting>>,
    /// Whether there is a version that was accepted, or asks for no more than that one, and is not withdrawn.
    pub may_run: bool,
    /// Whether the version is of a size class that this host does not allow (any more).
    pub is_barred: bool,
    pub blown: Option<BlownFuse>,
}

impl ModuleSetup {
    /// Off, with nothing granted and nothing set.
    pub fn new(manifest: Arc<Manifest>) -> ModuleSetup {
        ModuleSetup {
            manifest,
            is_enabled: false,
            grants: Grants::default(),
            settings: BTreeMap::new(),
            claimed: Vec::new(),
            consent: Consent::default(),
            waiting: None,
            may_run: true,
            is_barred: false,
            blown: None,
        }
    }

    /// Whether it has words here: enabled, granted all that it asks for, of a size class that the host allows, and not off
    /// until somebody restores its fuse. One that comes back by itself keeps its words (see [`ModuleSetup::is_blown`]).
    pub fn is_running(&self) -> bool {
        let is_off = self.find_blown().is_some_and(|blown| blown.until.is_none());
        self.is_enabled && self.may_run && !self.is_barred && self.grants.suffice_for(&self.manifest) && !is_off
    }

    /// Whether it answers to its words at this moment.
    pub fn is_answering(&self, now: SystemTime) -> bool {
        self.is_running() && !self.is_blown(now)
    }

    /// Whether it is off because it broke too often.
    pub fn is_blown(&self, now: SystemTime) -> bool {
        self.find_blown().is_some_and(|blown| blown.is_blown(now))
    }

    /// Whether it came back by itself, and nobody was told so.
    pub fn has_returned(&self, now: SystemTime) -> bool {
        let is_due = |blown: &&BlownFuse| !blown.is_over && !blown.is_blown(now);
        self.is_running() && self.find_blown().filter(is_due).is_some()
    }

    /// The fuse of the version that is here. A bundled module has none: there is nothing else to fall back to, and
    /// without some of them a creator is locked out.
    fn find_blown(&self) -> Option<&BlownFuse> {
        let is_bundled = self.manifest.source == ModuleSource::Bundled;
        self.blown.as_ref().filter(|blown| blown.digest == self.manifest.digest && !is_bundled)
    }

    /// What the module sees of its settings: declared keys, in the order of their declaration, defaults filled in and
    /// secrets left out.
    pub fn resolved_settings(&self) -> Vec<(String, String)> {
        let shown = self.manifest.settings.iter().filter(|setting| setting.kind != SettingKind::Secret);
        shown.map(|setting| (setting.key.clone(), self.value_of(setting).to_owned())).collect()
    }

    /// A stored value that is not valid, in this version, is none.
    pub(super) fn value_of<'a>(&'a self, setting: &'a Setting) -> &'a str {
        let stored = self.settings.get(&setting.key).filter(|value| check_value(&setting.kind, value).is_ok());
        stored.unwrap_or(&setting.default)
    }

    /// Declared and claimed ones, as their author made them.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Arc<Command>> {
        self.manifest.commands.iter().chain(&self.claimed)
    }

    /// Takes the version that is due in `channel`; one that the host does not have stays as it is.
    pub(super) fn follow(&mut self, catalogue: &Catalogue, name: &ModuleName, channel: ChannelId) {
        match catalogue.find(name) {
            Some(Listed::Fixed(manifest)) => {
                self.manifest = manifest.clone();
                self.grants = Grants::all(manifest);
            }
            Some(Listed::Uploaded(uploaded)) => {
                self.settle(uploaded, channel);
                self.is_barred = catalogue.bars(&self.manifest);
            }
            None => {}
        }
    }

    pub(super) fn apply(&mut self, effect: &ModuleEffect) {
        match effect {
            ModuleEffect::Switch { enabled } => {
                self.is_enabled = *enabled;
                self.blown = self.blown.filter(|_| !enabled);
            }
            ModuleEffect::AcceptVersion { digest, grants } => {
                self.consent.accepted = Some(*digest);
                self.consent.granted.insert(*digest, grants.clone());
            }
            ModuleEffect::NarrowGrants { grants } => self.consent.granted.extend(grants.iter().cloned()),
            ModuleEffect::PinVersion { version } => self.consent.pinned.clone_from(version),
            ModuleEffect::BlowFuse { digest, until } => {
                let before = self.blown.filter(|blown| blown.digest == *digest).map_or(0, |blown| blown.times);
                self.blown = Some(BlownFuse { digest: *digest, until: *until, times: before + 1, is_over: false });
            }
            ModuleEffect::RestoreFuse => self.blown = None,
            ModuleEffect::EndPause { digest } => {
                let is_over = |blown: &BlownFuse| blown.digest == *digest && blown.until.is_some();
                self.blown = self.blown.map(|blown| BlownFuse { is_over: blown.is_over || is_over(&blown), ..blown });
            }
            ModuleEffect::ChangeSetting { key, value } => match value {
                Some(value) => drop(self.settings.insert(key.clone(), value.clone())),
                None => drop(self.settings.remove(key)),
            },
            ModuleEffect::ClaimWord { word } => {
                self.claimed.retain(|claimed| claimed.name != word.name);
                self.claimed.push(Arc::new(word.clone()));
            }
            ModuleEffect::ReleaseWord { name } => self.claimed.retain(|claimed| claimed.name != *name),
        }
    }
}
