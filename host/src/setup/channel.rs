//! One channel's set-up: an immutable snapshot.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use super::defaults::Defaults;
use super::module::ModuleSetup;
use super::own::OwnSetup;
use super::words::Target;
use crate::domain::effect::{Effect, SetupEffect};
use crate::domain::id::ModuleName;
use crate::domain::version::UploadedVersion;
use crate::modules::catalogue::Catalogue;

/// A channel's set-up: its own part, to which the fields belong, and the defaults at the moment of the look-up. A clone
/// shares both.
///
/// The defaults are never older than the own part, so the catalogue knows each version that the own part names. They
/// may be newer while a change of a module's versions has not yet reached all channels that have touched the module.
#[derive(Clone, Debug)]
pub struct ChannelSetup {
    own: Arc<OwnSetup>,
    defaults: Arc<Defaults>,
}

impl Deref for ChannelSetup {
    type Target = OwnSetup;

    fn deref(&self) -> &OwnSetup {
        &self.own
    }
}

impl ChannelSetup {
    /// `defaults` must not be older than those that the own part settled on.
    pub(super) fn of(own: Arc<OwnSetup>, defaults: Arc<Defaults>) -> ChannelSetup {
        ChannelSetup { own, defaults }
    }

    /// Whether both have the same own part: nothing of the channel changed between the two look-ups.
    pub fn is_same(&self, other: &ChannelSetup) -> bool {
        Arc::ptr_eq(&self.own, &other.own)
    }

    pub fn catalogue(&self) -> &Catalogue {
        self.defaults.catalogue()
    }

    pub(super) fn defaults(&self) -> &Arc<Defaults> {
        &self.defaults
    }

    /// The command that `word`, in lower case and without the prefix, calls here.
    pub fn find_word(&self, word: &str) -> Option<Target<'_>> {
        self.words().find(word)
    }

    pub fn find_module(&self, name: &ModuleName) -> Option<&ModuleSetup> {
        self.find_touched(name).or_else(|| self.defaults.find_untouched(name, self.channel.id))
    }

    /// Whether the module exists and all its versions are withdrawn.
    pub fn is_withdrawn(&self, name: &ModuleName) -> bool {
        self.catalogue().find_uploaded(name).is_some_and(|it| it.versions.iter().all(UploadedVersion::is_withdrawn))
    }

    /// Every module of the host, by name.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleSetup> {
        let mut modules: BTreeMap<&ModuleName, &ModuleSetup> = self.defaults.list_untouched(self.channel.id).collect();
        modules.extend(self.list_touched().map(|(name, module)| (name, &**module)));
        modules.into_values()
    }

    pub fn is_muted(&self, now: SystemTime) -> bool {
        self.muted_until.is_some_and(|until| now < until)
    }

    /// The set-up as it will be once `effect` is committed; the revision stays.
    pub fn apply(&self, effect: &Effect) -> ChannelSetup {
        let mut next = self.clone();
        let own = Arc::make_mut(&mut next.own);
        match effect {
            Effect::Setup(SetupEffect::ChangePrefix(prefix)) => own.prefix = prefix.clone(),
            Effect::Setup(SetupEffect::ChangeLocale(locale)) => own.locale = locale.clone(),
            Effect::Setup(SetupEffect::Mute { until }) => own.muted_until = *until,
            Effect::Module(module, effect) => own.change_module(module, &next.defaults, |module| module.apply(effect)),
            // These change no part of the set-up that is held in memory.
            Effect::Storage(..)
            | Effect::Ledger(..)
            | Effect::Secret(..)
            | Effect::History(..)
            | Effect::Presence(_) => {}
        }
        next
    }

    /// Applies the effects one after another, as [`ChannelSetup::apply`].
    #[must_use]
    pub fn apply_all(&self, effects: &[Effect]) -> ChannelSetup {
        effects.iter().fold(self.clone(), |setup, effect| setup.apply(effect))
    }
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::domain::account::BotAccount;
    use crate::domain::message::Channel;

    impl ChannelSetup {
        /// With the prefix `!`, the locale `en` and revision 0, and no other modules than these.
        pub(crate) fn new(
            channel: Channel,
            bot: BotAccount,
            modules: impl IntoIterator<Item = ModuleSetup>,
        ) -> ChannelSetup {
            let defaults = Arc::default();
            ChannelSetup { own: Arc::new(OwnSetup::new(channel, bot, modules, &defaults)), defaults }
        }

        /// The same channel on a host with other modules.
        pub(crate) fn with_defaults(&self, defaults: &Arc<Defaults>) -> ChannelSetup {
            ChannelSetup { own: Arc::new(self.own.resettle(defaults, None)), defaults: defaults.clone() }
        }
    }
}
