//! How a module is in a channel, also in the shape in which it may be wanted: wanting just that changes nothing.

use std::collections::BTreeMap;

use super::{CommandChange, ModuleChange, ModuleChangeError};
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Capability, Command, SettingKind};
use crate::modules::consent::{ConsentError, list_missing};
use crate::setup::channel::{ChannelSetup, ModuleSetup};
use crate::setup::overrides::CommandKey;
use crate::setup::value::check_value;

impl ChannelSetup {
    /// # Errors
    /// `NoVersion` where there is such a module, and nothing of it to take; `UnknownModule` where there is none.
    pub fn require_module(&self, name: &ModuleName) -> Result<&ModuleSetup, ModuleChangeError> {
        self.find_module(name).ok_or_else(|| match self.is_withdrawn(name) {
            true => ConsentError::NoVersion.into(),
            false => ModuleChangeError::UnknownModule,
        })
    }
}

impl ModuleSetup {
    pub fn as_change(&self) -> ModuleChange {
        let (mut settings, mut commands) = (BTreeMap::new(), BTreeMap::<String, CommandChange>::new());
        for (key, value) in self.list_effective() {
            match self.find_command_key(key).filter(|_| !self.is_declared(key)) {
                Some((command, command_key)) => {
                    let mut after = (**command).clone();
                    if command_key.set(&mut after, value).is_ok() {
                        commands.entry(command.name.to_string()).or_default().note(command_key, &after);
                    }
                }
                None => drop(settings.insert(key.clone(), value.clone())),
            }
        }
        let (enabled, grants) = (self.is_enabled, Some(self.grants.clone()));
        ModuleChange { enabled, grants, accept: None, pinned: self.consent.pinned.clone(), settings, commands }
    }

    /// What the version that would run here asks for and has no grant of.
    pub fn list_missing_grants(&self) -> Vec<Capability> {
        list_missing(&self.manifest, self.waiting.as_deref(), &self.grants)
    }

    /// What is set and means something in this version, secrets apart.
    pub(super) fn list_effective(&self) -> impl Iterator<Item = (&String, &String)> {
        self.settings.iter().filter(|(key, value)| {
            match self.manifest.settings.iter().find(|setting| setting.key == **key) {
                Some(setting) => setting.kind != SettingKind::Secret && check_value(&setting.kind, value).is_ok(),
                None => self
                    .find_command_key(key)
                    .is_some_and(|(command, command_key)| command_key.set(&mut (**command).clone(), value).is_ok()),
            }
        })
    }

    fn is_declared(&self, key: &str) -> bool {
        self.manifest.settings.iter().any(|setting| setting.key == key)
    }
}

impl CommandChange {
    fn note(&mut self, key: CommandKey, command: &Command) {
        match key {
            CommandKey::Role => self.role = Some(command.role),
            CommandKey::Cooldown => self.cooldown = Some(command.channel_cooldown),
            CommandKey::ChatterCooldown => self.chatter_cooldown = Some(command.chatter_cooldown),
            CommandKey::Aliases => self.aliases = Some(command.aliases.iter().map(ToString::to_string).collect()),
        }
    }
}
