//! What a set-up shows: to `!help`, the commands that a chatter may use; to `!settings`, modules and their settings.

use super::change::SettingsError;
use super::channel::{ChannelSetup, ModuleSetup};
use super::overrides::CommandKey;
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Command, SettingKind};
use crate::domain::role::Role;

/// A command as help shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Without the prefix.
    pub name: Box<str>,
    pub aliases: Vec<Box<str>>,
    pub usage: String,
    pub summary: String,
    pub module: ModuleName,
    pub role: Role,
}

/// A module as `!settings` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleState {
    pub name: ModuleName,
    pub version: semver::Version,
    pub enabled: bool,
    /// The names of declared commands.
    pub commands: Vec<Box<str>>,
}

/// A setting as `!settings` shows it; the value of a secret is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingLine {
    pub key: String,
    pub value: String,
    pub summary: String,
}

impl ChannelSetup {
    /// The commands that a chatter of this role may use here, by name, each once.
    pub fn list_available(&self, role: Role) -> Vec<Listing> {
        let mut listings: Vec<Listing> = self
            .words()
            .commands()
            .filter(|(_, command)| role >= command.role)
            .map(|(module, command)| self.listing(module, command))
            .collect();
        listings.sort_by(|one, other| one.name.cmp(&other.name));
        listings
    }

    /// The command that a chatter of this role may call by `word`: a name or an alias, in any case.
    pub fn find_listing(&self, role: Role, word: &str) -> Option<Listing> {
        let target = self.find_word(&word.to_lowercase())?;
        (role >= target.command.role).then(|| self.listing(&target.module.manifest.name, target.command))
    }

    /// Every module that the host has, by name.
    pub fn list_modules(&self) -> Vec<ModuleState> {
        self.modules().map(ModuleSetup::state).collect()
    }

    /// The declared settings of a module, then the host's own keys of each of its commands.
    pub fn list_settings(&self, name: &str) -> Result<Vec<SettingLine>, SettingsError> {
        self.module_named(name).map(ModuleSetup::list_settings)
    }

    /// A word that another module answers to is left out: it does not call this command here.
    fn listing(&self, module: &ModuleName, command: &Command) -> Listing {
        let is_ours =
            |alias: &&Box<str>| self.find_word(alias).is_some_and(|target| target.command.name == command.name);
        Listing {
            name: command.name.clone(),
            aliases: command.aliases.iter().filter(is_ours).cloned().collect(),
            usage: command.usage.clone(),
            summary: command.summary.clone(),
            module: module.clone(),
            role: command.role,
        }
    }
}

impl ModuleSetup {
    fn state(&self) -> ModuleState {
        ModuleState {
            name: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            enabled: self.is_enabled,
            commands: self.manifest.commands.iter().map(|command| command.name.clone()).collect(),
        }
    }

    fn list_settings(&self) -> Vec<SettingLine> {
        let declared = self.manifest.settings.iter().map(|setting| SettingLine {
            key: setting.key.clone(),
            value: match setting.kind {
                SettingKind::Secret => String::new(),
                _ => self.value_of(&setting.key, &setting.default).to_owned(),
            },
            summary: setting.summary.clone(),
        });
        let host_keys = self.manifest.commands.iter().chain(&self.claimed).flat_map(|command| {
            CommandKey::ALL.into_iter().map(|key| SettingLine {
                key: key.of(&command.name),
                value: key.show(&self.with_overrides(command)),
                summary: key.summary().to_owned(),
            })
        });
        declared.chain(host_keys).collect()
    }
}
