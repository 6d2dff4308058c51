//! One channel's set-up: an immutable snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::defaults::Defaults;
use super::module::ModuleSetup;
use super::words::Words;
use crate::domain::account::BotAccount;
use crate::domain::effect::{Effect, Revision, SetupEffect};
use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::manifest::{Command, Grants};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;
use crate::domain::version::{UploadedModule, UploadedVersion};
use crate::modules::catalogue::Catalogue;
use crate::modules::consent::Consent;
use crate::modules::is_always_on;
use crate::store::setup::ChannelRecord;

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

/// What a word calls.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    pub module: &'a ModuleSetup,
    /// With the creator's role and cooldowns, not the author's.
    pub command: &'a Arc<Command>,
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
