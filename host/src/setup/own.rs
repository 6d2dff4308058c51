//! A channel's own part of its set-up: an immutable snapshot of what was set there, settled on the current versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::defaults::Defaults;
use super::module::ModuleSetup;
use super::upgrade::follow;
use super::words::Words;
use crate::domain::account::BotAccount;
use crate::domain::effect::Revision;
use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::manifest::Grants;
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;
use crate::domain::version::UploadedModule;
use crate::modules::consent::Consent;
use crate::modules::is_always_on;
use crate::store::channel::setup::ChannelRecord;

/// The part of a set-up that differs from channel to channel. It contains no defaults, so a new version of a module
/// that the channel has not touched leaves it unchanged.
#[derive(Clone, Debug)]
pub struct OwnSetup {
    pub channel: Channel,
    /// The bot account that is assigned to this channel.
    pub bot: BotAccount,
    pub revision: Revision,
    pub prefix: Prefix,
    /// A BCP 47 language tag.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// The modules about which this channel has decided something: few, however many modules the host has.
    touched: Arc<BTreeMap<ModuleName, Arc<ModuleSetup>>>,
    /// Computed from `touched` and from the modules that run by default.
    words: Arc<Words>,
}

impl OwnSetup {
    /// Joins a channel's record with the current modules. Stored data of a module that is gone is kept out, until the
    /// module returns.
    pub(super) fn assemble(mut record: ChannelRecord, defaults: &Defaults) -> OwnSetup {
        let names = record.modules.keys().chain(record.settings.keys()).chain(record.claimed.keys());
        let names: BTreeSet<ModuleName> = names.cloned().collect();
        let mut touched = BTreeMap::new();
        for name in names {
            let Some(blank) = defaults.find_initial(&name) else { continue };
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
            follow(&mut module, defaults.catalogue(), &name, record.channel.id);
            touched.insert(name, Arc::new(module));
        }
        let mut own = OwnSetup {
            channel: record.channel,
            bot: record.bot,
            revision: record.revision,
            prefix: record.prefix,
            locale: record.locale,
            muted_until: record.muted_until,
            touched: Arc::new(touched),
            words: Arc::default(),
        };
        own.find_words(defaults);
        own
    }

    /// The same channel after a change of the module `changed`, or with `None` of any modules.
    pub(super) fn resettle(&self, defaults: &Defaults, changed: Option<&ModuleName>) -> OwnSetup {
        let mut next = self.clone();
        let is_changed = |name: &ModuleName| changed.is_none_or(|changed| changed == name);
        for name in self.touched.keys().filter(|name| is_changed(name)) {
            next.change_module(name, defaults, |_| ());
        }
        if changed.is_none() {
            next.find_words(defaults);
        }
        next
    }

    /// The modules that this channel has touched, by name.
    pub fn touched(&self) -> impl Iterator<Item = &ModuleSetup> {
        self.touched.values().map(|module| &**module)
    }

    pub(super) fn find_touched(&self, name: &ModuleName) -> Option<&ModuleSetup> {
        self.touched.get(name).map(|module| &**module)
    }

    pub(super) fn list_touched(&self) -> impl Iterator<Item = (&ModuleName, &Arc<ModuleSetup>)> {
        self.touched.iter()
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    pub(super) fn change_module(
        &mut self,
        name: &ModuleName,
        defaults: &Defaults,
        change: impl FnOnce(&mut ModuleSetup),
    ) {
        let Some(module) = self.touched.get(name).or_else(|| defaults.find_initial(name)) else { return };
        let mut module = (**module).clone();
        change(&mut module);
        follow(&mut module, defaults.catalogue(), name, self.channel.id);
        Arc::make_mut(&mut self.touched).insert(name.clone(), Arc::new(module));
        self.find_words(defaults);
    }

    fn find_words(&mut self, defaults: &Defaults) {
        if self.touched.is_empty() {
            self.words = defaults.words().clone();
            return;
        }
        let is_touched = |module: &&Arc<ModuleSetup>| self.touched.contains_key(&module.manifest.name);
        let others = defaults.list_running().iter().filter(|module| !is_touched(module));
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

    impl OwnSetup {
        pub(in crate::setup) fn new(
            channel: Channel,
            bot: BotAccount,
            modules: impl IntoIterator<Item = ModuleSetup>,
            defaults: &Defaults,
        ) -> OwnSetup {
            let touched = modules.into_iter().map(|module| (module.manifest.name.clone(), Arc::new(module))).collect();
            let mut own = OwnSetup {
                channel,
                bot,
                revision: Revision::default(),
                prefix: Prefix::default(),
                locale: "en".into(),
                muted_until: None,
                touched: Arc::new(touched),
                words: Arc::default(),
            };
            own.find_words(defaults);
            own
        }
    }
}
