//! One channel's set-up: an immutable snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::defaults::Defaults;
use super::value::check_value;
use super::words::Words;
use crate::domain::account::BotAccount;
use crate::domain::effect::{Effect, ModuleEffect, Revision, SetupEffect};
use crate::domain::fuse::BlownFuse;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::{Command, Grants, Manifest, ModuleSource, Setting, SettingKind};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;
use crate::domain::version::{UploadedModule, UploadedVersion};
use crate::modules::catalogue::{Catalogue, Listed};
use crate::modules::consent::{Consent, Waiting};
use crate::modules::is_always_on;
use crate::store::channel::setup::ChannelRecord;

/// How a channel is set up. A clone shares all but a few texts.
#[derive(Clone, Debug)]
pub struct ChannelSetup {
    pub channel: Channel,
    /// The bot account that sits here.
    pub bot: BotAccount,
    pub revision: Revision,
    pub prefix: Prefix,
    /// BCP 47.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// The modules of which this channel has said something: few, however many the host has.
    touched: Arc<BTreeMap<ModuleName, Arc<ModuleSetup>>>,
    /// What all others are.
    defaults: Arc<Defaults>,
    /// Computed from the two above, which is why they are private.
    words: Arc<Words>,
}

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

/// What a word calls.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    pub module: &'a ModuleSetup,
    /// With the creator's role and cooldowns, not the author's.
    pub command: &'a Arc<Command>,
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
}

impl ChannelSetup {
    /// A channel's record together with the modules that there are. What is stored of a module that is gone waits for
    /// its return.
    pub(super) fn assemble(mut record: ChannelRecord, defaults: Arc<Defaults>) -> ChannelSetup {
        let names = record.modules.keys().chain(record.settings.keys()).chain(record.claimed.keys());
        let names: BTreeSet<ModuleName> = names.cloned().collect();
        let mut touched = BTreeMap::new();
        for name in names {
            let Some(blank) = defaults.find_blank(&name) else { continue };
            let said = record.modules.remove(&name).unwrap_or_default();
            let uploaded =
                defaults.catalogue().find_uploaded(&name).map(|uploaded| take_granted(&mut record.grants, uploaded));
            let mut module = ModuleSetup {
                is_enabled: is_always_on(&name) || said.enabled.unwrap_or(blank.is_enabled),
                settings: record.settings.remove(&name).unwrap_or_default(),
                claimed: record.claimed.remove(&name).unwrap_or_default().into_iter().map(Arc::new).collect(),
                consent: Consent {
                    accepted: said.accepted,
                    granted: uploaded.unwrap_or_default(),
                    pinned: said.pinned,
                },
                blown: said.blown,
                ..(**blank).clone()
            };
            module.follow(defaults.catalogue(), &name, record.channel.id);
            touched.insert(name, Arc::new(module));
        }
        let mut setup = ChannelSetup {
            channel: record.channel,
            bot: record.bot,
            revision: record.revision,
            prefix: record.prefix,
            locale: record.locale,
            muted_until: record.muted_until,
            touched: Arc::new(touched),
            words: Arc::default(),
            defaults,
        };
        setup.find_words();
        setup
    }

    /// The same channel after a change of the modules that there are: of `changed`, or, where that is None, of any.
    pub(super) fn with_defaults(&self, defaults: &Arc<Defaults>, changed: Option<&ModuleName>) -> ChannelSetup {
        let mut next = ChannelSetup { defaults: defaults.clone(), ..self.clone() };
        let is_changed = |name: &ModuleName| changed.is_none_or(|changed| changed == name);
        let names: Vec<ModuleName> = self.touched.keys().filter(|name| is_changed(name)).cloned().collect();
        for name in &names {
            next.change_module(name, |_| ());
        }
        if changed.is_none() {
            next.find_words();
        }
        next
    }

    pub fn catalogue(&self) -> &Catalogue {
        self.defaults.catalogue()
    }

    pub(super) fn defaults(&self) -> &Arc<Defaults> {
        &self.defaults
    }

    /// What `word`, in lower case and without the prefix, calls here.
    pub fn find_word(&self, word: &str) -> Option<Target<'_>> {
        self.words.find(word)
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    pub fn find_module(&self, name: &ModuleName) -> Option<&ModuleSetup> {
        self.touched.get(name).map(|module| &**module).or_else(|| self.defaults.find_untouched(name, self.channel.id))
    }

    /// Whether there is such a module, and no version of it on the air.
    pub fn is_withdrawn(&self, name: &ModuleName) -> bool {
        self.catalogue().find_uploaded(name).is_some_and(|it| it.versions.iter().all(UploadedVersion::is_withdrawn))
    }

    /// Every module that the host has, by name.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleSetup> {
        let mut modules: BTreeMap<&ModuleName, &ModuleSetup> = self.defaults.list_untouched(self.channel.id).collect();
        modules.extend(self.touched.iter().map(|(name, module)| (name, &**module)));
        modules.into_values()
    }

    /// Those of which this channel has said something, by name.
    pub fn touched(&self) -> impl Iterator<Item = &ModuleSetup> {
        self.touched.values().map(|module| &**module)
    }

    pub fn is_muted(&self, now: SystemTime) -> bool {
        self.muted_until.is_some_and(|until| now < until)
    }

    /// The set-up as it will be once `effect` is committed; the revision stays.
    pub fn apply(&self, effect: &Effect) -> ChannelSetup {
        let mut next = self.clone();
        match effect {
            Effect::Setup(SetupEffect::ChangePrefix(prefix)) => next.prefix = prefix.clone(),
            Effect::Setup(SetupEffect::ChangeLocale(locale)) => next.locale = locale.clone(),
            Effect::Setup(SetupEffect::Mute { until }) => next.muted_until = *until,
            Effect::Module(module, effect) => next.change_module(module, |module| module.apply(effect)),
            // No part of the set-up that is held in memory.
            Effect::Storage(..) | Effect::Ledger(..) | Effect::Secret(..) | Effect::Left(..) | Effect::Presence(_) => {}
        }
        next
    }

    /// [`ChannelSetup::apply`], of one effect after another.
    #[must_use]
    pub fn apply_all(&self, effects: &[Effect]) -> ChannelSetup {
        effects.iter().fold(self.clone(), |setup, effect| setup.apply(effect))
    }

    fn change_module(&mut self, name: &ModuleName, change: impl FnOnce(&mut ModuleSetup)) {
        let Some(module) = self.touched.get(name).or_else(|| self.defaults.find_blank(name)) else { return };
        let mut module = (**module).clone();
        change(&mut module);
        module.follow(self.defaults.catalogue(), name, self.channel.id);
        Arc::make_mut(&mut self.touched).insert(name.clone(), Arc::new(module));
        self.find_words();
    }

    fn find_words(&mut self) {
        if self.touched.is_empty() {
            self.words = self.defaults.words().clone();
            return;
        }
        let is_touched = |module: &&Arc<ModuleSetup>| self.touched.contains_key(&module.manifest.name);
        let others = self.defaults.list_running().iter().filter(|module| !is_touched(module));
        let running = self.touched.values().filter(|module| module.is_running()).chain(others);
        self.words = Arc::new(Words::of(running.cloned().collect()));
    }
}

impl ModuleSetup {
    /// Takes the version that is due in `channel`; one that the host does not have stays as it is.
    fn follow(&mut self, catalogue: &Catalogue, name: &ModuleName, channel: ChannelId) {
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

    fn apply(&mut self, effect: &ModuleEffect) {
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

fn take_granted(grants: &mut HashMap<ModuleDigest, Grants>, module: &UploadedModule) -> BTreeMap<ModuleDigest, Grants> {
    let digests = module.versions.iter().map(|version| version.manifest.digest);
    digests.filter_map(|digest| Some((digest, grants.remove(&digest)?))).collect()
}

#[cfg(test)]
mod sample {
    use super::*;

    impl ChannelSetup {
        /// With the prefix `!`, the locale `en` and revision 0, and no other modules than these.
        pub(crate) fn new(
            channel: Channel,
            bot: BotAccount,
            modules: impl IntoIterator<Item = ModuleSetup>,
        ) -> ChannelSetup {
            let touched = modules.into_iter().map(|module| (module.manifest.name.clone(), Arc::new(module))).collect();
            let mut setup = ChannelSetup {
                channel,
                bot,
                revision: Revision::default(),
                prefix: Prefix::default(),
                locale: "en".into(),
                muted_until: None,
                touched: Arc::new(touched),
                defaults: Arc::default(),
                words: Arc::default(),
            };
            setup.find_words();
            setup
        }
    }
}
