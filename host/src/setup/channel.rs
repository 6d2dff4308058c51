//! One channel's set-up: an immutable snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::words::Words;
use crate::domain::effect::{Effect, Revision};
use crate::domain::id::{Login, ModuleName};
use crate::domain::manifest::{Command, Grants, Manifest, SettingKind};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;

/// How a channel is set up.
#[derive(Clone, Debug)]
pub struct ChannelSetup {
    pub channel: Channel,
    /// The bot account that sits here.
    pub bot: Login,
    pub revision: Revision,
    pub prefix: Prefix,
    /// BCP 47.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// Every module that the host has, on or off.
    modules: BTreeMap<ModuleName, ModuleSetup>,
    /// Follows from `modules`, which is why that is private.
    words: Words,
}

/// How a module is set up in a channel.
#[derive(Clone, Debug)]
pub struct ModuleSetup {
    pub manifest: Arc<Manifest>,
    pub is_enabled: bool,
    pub grants: Grants,
    /// What differs from the defaults: declared settings, and the host's own keys (see `overrides`).
    pub settings: BTreeMap<String, String>,
    /// The words claimed here, besides the declared ones.
    pub claimed: Vec<Command>,
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
        }
    }

    /// Whether it answers: enabled, and granted all that it asks for.
    pub fn is_running(&self) -> bool {
        self.is_enabled && self.grants.suffice_for(&self.manifest)
    }

    /// What the module sees of its settings: declared keys, in the order of their declaration, defaults filled in and
    /// secrets left out.
    pub fn resolved_settings(&self) -> Vec<(String, String)> {
        let shown = self.manifest.settings.iter().filter(|setting| setting.kind != SettingKind::Secret);
        shown.map(|setting| (setting.key.clone(), self.value_of(&setting.key, &setting.default).to_owned())).collect()
    }

    pub(super) fn value_of<'a>(&'a self, key: &str, default: &'a str) -> &'a str {
        self.settings.get(key).map_or(default, String::as_str)
    }
}

impl ChannelSetup {
    /// With the prefix `!`, the locale `en` and revision 0.
    pub fn new(channel: Channel, bot: Login, modules: impl IntoIterator<Item = ModuleSetup>) -> ChannelSetup {
        let modules: BTreeMap<_, _> =
            modules.into_iter().map(|module| (module.manifest.name.clone(), module)).collect();
        ChannelSetup {
            channel,
            bot,
            revision: Revision::default(),
            prefix: Prefix::default(),
            locale: "en".into(),
            muted_until: None,
            words: Words::of(&modules),
            modules,
        }
    }

    /// What `word`, in lower case and without the prefix, calls here.
    pub fn find_word(&self, word: &str) -> Option<Target<'_>> {
        let (module, command) = self.words.find(word)?;
        Some(Target { module: self.modules.get(module)?, command })
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    pub fn find_module(&self, name: &ModuleName) -> Option<&ModuleSetup> {
        self.modules.get(name)
    }

    /// Every module that the host has, by name.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleSetup> {
        self.modules.values()
    }

    pub fn is_muted(&self, now: SystemTime) -> bool {
        self.muted_until.is_some_and(|until| now < until)
    }

    /// The set-up as it will be once `effect` is committed; the revision stays. Effects that do not touch the set-up
    /// change nothing.
    pub fn apply(&self, effect: &Effect) -> ChannelSetup {
        let mut next = self.clone();
        match effect {
            Effect::ChangePrefix(prefix) => next.prefix = prefix.clone(),
            Effect::Mute { until } => next.muted_until = *until,
            Effect::SwitchModule { module, enabled } => {
                next.change_module(module, |module| module.is_enabled = *enabled);
            }
            Effect::ChangeSetting { module, key, value } => next.change_module(module, |module| {
                match value {
                    Some(value) => module.settings.insert(key.clone(), value.clone()),
                    None => module.settings.remove(key),
                };
            }),
            Effect::ClaimWord { module, word } => next.change_module(module, |module| {
                module.claimed.retain(|claimed| claimed.name != word.name);
                module.claimed.push(word.clone());
            }),
            Effect::ReleaseWord { module, name } => {
                next.change_module(module, |module| module.claimed.retain(|claimed| claimed.name != *name));
            }
            Effect::SaveEntry { .. }
            | Effect::ChangeSecret { .. }
            | Effect::DeleteEntry { .. }
            | Effect::Transfer { .. }
            | Effect::WantChannel { .. }
            | Effect::UnwantChannel { .. } => {}
        }
        next
    }

    fn change_module(&mut self, name: &ModuleName, change: impl FnOnce(&mut ModuleSetup)) {
        if let Some(module) = self.modules.get_mut(name) {
            change(module);
            self.words = Words::of(&self.modules);
        }
    }
}
