//! How a module is in a channel, also in the shape in which it may be wanted: wanting just that changes nothing.

use std::collections::BTreeMap;

use super::{ModuleChange, ModuleChangeError};
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Capability, SettingKind};
use crate::modules::consent::{ConsentError, list_missing};
use crate::setup::channel::ChannelSetup;
use crate::setup::module::ModuleSetup;
use crate::setup::overrides::CommandTerms;
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
        let (mut settings, mut commands) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in self.list_effective() {
            match self.find_command_key(key).filter(|_| self.manifest.find_setting(key).is_none()) {
                Some((command, command_key)) => {
                    let terms: &mut CommandTerms = commands.entry(command.name.to_string()).or_default();
                    terms.extend(command_key.check(command, value).ok().map(|value| (command_key, value)));
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
        self.settings.iter().filter(|(key, value)| match self.manifest.find_setting(key) {
            Some(setting) => setting.kind != SettingKind::Secret && check_value(&setting.kind, value).is_ok(),
            None => {
                let found = self.find_command_key(key);
                found.is_some_and(|(command, command_key)| command_key.check(command, value).is_ok())
            }
        })
    }
}
