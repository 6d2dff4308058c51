//! The whole state that a module is to have in a channel, as the API takes it. Pure: it answers with the effects that
//! lead there, or with why it may not be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::channel::{ChannelSetup, ModuleSetup};
use super::is_always_on;
use super::overrides::CommandKey;
use super::powers::Powers;
use super::span::show_span;
use super::value::check_value;
use crate::domain::effect::Effect;
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Capability, Command, Grants, Manifest, Setting, SettingKind, SizeClass};
use crate::domain::role::Role;
use crate::domain::version::UploadedModule;

/// How a module is to be in a channel. What is left out is as its author made it, but for the grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleChange {
    /// Also restores a fuse that has blown.
    pub enabled: bool,
    /// Accepts the version that is due here with these. None keeps what is granted, and accepts nothing that asks for more.
    pub grants: Option<Grants>,
    pub version: WantedVersion,
    pub settings: BTreeMap<String, String>,
    /// By declared name or claimed word.
    pub commands: BTreeMap<String, CommandChange>,
}

/// Which version a channel wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WantedVersion {
    #[default]
    Latest,
    Pinned(semver::Version),
}

/// What a creator sets of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandChange {
    pub role: Option<Role>,
    /// Between two uses in the channel.
    pub cooldown: Option<Duration>,
    /// Between two uses by one chatter.
    pub chatter_cooldown: Option<Duration>,
    /// All the words that call it here, in place of its name and its author's aliases.
    pub aliases: Option<Vec<String>>,
}

/// A value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A setting's key, or `roll.cooldown` for a command's.
    pub key: String,
    /// What it should be, as a part of a sentence.
    pub expected: String,
}

/// Why a module cannot be as it was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleChangeError {
    #[error("there is no such module")]
    UnknownModule,
    #[error("there is no version {0}")]
    UnknownVersion(semver::Version),
    #[error("version {0} is withdrawn")]
    Withdrawn(semver::Version),
    #[error("every version is withdrawn")]
    NoVersion,
    #[error("{0} is always on")]
    AlwaysOn(ModuleName),
    /// A bundled or configured module has all that it asks for.
    #[error("the grants of {0} cannot be changed")]
    FixedGrants(ModuleName),
    #[error("only the operator grants {}", .0.join(", "))]
    NeedsOperator(Vec<String>),
    #[error("it does not run without a grant of {}", list(.0))]
    NeedsGrant(Vec<Capability>),
    #[error("it does not ask for {}", list(.0))]
    NotRequested(Vec<Capability>),
    #[error("{module} would answer to {word}, which calls {other} here")]
    WordTaken { word: Box<str>, module: ModuleName, other: ModuleName },
    #[error("not valid: {}", show(.0))]
    Invalid(Vec<Problem>),
}

fn list(capabilities: &[Capability]) -> String {
    capabilities.iter().map(|capability| capability.as_str()).collect::<Vec<_>>().join(", ")
}

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}: {}", problem.key, problem.expected)).collect::<Vec<_>>().join("; ")
}

type Checked = Result<(), ModuleChangeError>;

impl ChannelSetup {
    /// What leads to the wanted state: nothing where it is there already. The effects belong into one commit that notes this
    /// set-up's revision.
    pub fn check_module_change(
        &self,
        by: Powers,
        name: &ModuleName,
        change: &ModuleChange,
    ) -> Result<Vec<Effect>, ModuleChangeError> {
        let mut draft = Draft { by, name, setup: self.clone(), effects: Vec::new() };
        if !change.enabled && is_always_on(name) {
            return Err(ModuleChangeError::AlwaysOn(name.clone()));
        }
        match self.catalogue().find_uploaded(name).cloned() {
            Some(uploaded) => {
                draft.pin(&uploaded, &change.version)?;
                draft.accept(&uploaded, change)?;
            }
            None => draft.keep_fixed(change)?,
        }
        draft.set(change)?;
        draft.switch(change.enabled)?;
        Ok(draft.effects)
    }
}

/// The state on the way to the wanted one.
struct Draft<'a> {
    by: Powers,
    name: &'a ModuleName,
    setup: ChannelSetup,
    effects: Vec<Effect>,
}

impl Draft<'_> {
    fn module(&self) -> Result<&ModuleSetup, ModuleChangeError> {
        self.setup.find_module(self.name).ok_or(ModuleChangeError::UnknownModule)
    }

    fn push(&mut self, effect: Effect) {
        self.setup = self.setup.apply(&effect);
        self.effects.push(effect);
    }

    fn pin(&mut self, uploaded: &UploadedModule, wanted: &WantedVersion) -> Checked {
        let version = match wanted {
            WantedVersion::Latest => None,
            WantedVersion::Pinned(version) => Some(version.clone()),
        };
        let is_pinned = self.module().ok().is_some_and(|module| module.pinned == version);
        if let Some(version) = version.as_ref().filter(|_| !is_pinned) {
            let there = uploaded.find_version(version);
            let there = there.ok_or_else(|| ModuleChangeError::UnknownVersion(version.clone()))?;
            if there.is_withdrawn() {
                return Err(ModuleChangeError::Withdrawn(version.clone()));
            }
        }
        if !is_pinned {
            self.push(Effect::PinVersion { module: self.name.clone(), version });
        }
        Ok(())
    }

    /// Accepts the version that is due with the grants that were sent; without any, only one that needs none.
    fn accept(&mut self, uploaded: &UploadedModule, change: &ModuleChange) -> Checked {
        let module = self.module().map_err(|_| ModuleChangeError::NoVersion)?;
        let Some(due) = module.find_wanted(uploaded, self.setup.channel.id).map(|version| version.manifest.clone())
        else {
            return if change.enabled || change.grants.is_some() { Err(ModuleChangeError::NoVersion) } else { Ok(()) };
        };
        let grants = match &change.grants {
            Some(grants) => grants.clone(),
            None if change.enabled && module.accepted.is_none() => Grants::default(),
            None => return Ok(()),
        };
        let is_asked = |capability: &&Capability| !due.requests(**capability);
        let unasked: Vec<Capability> = grants.capabilities.iter().filter(is_asked).copied().collect();
        if !unasked.is_empty() {
            return Err(ModuleChangeError::NotRequested(unasked));
        }
        let beyond = self.list_beyond(module, uploaded, &due, &grants);
        if !beyond.is_empty() {
            return Err(ModuleChangeError::NeedsOperator(beyond));
        }
        // One order, so that equal grants are equal.
        let capabilities = due.capabilities.iter().filter(|capability| grants.capabilities.contains(capability));
        let grants = Grants { capabilities: capabilities.copied().collect(), ..grants };
        let is_there = module.accepted == Some(due.digest) && module.granted.get(&due.digest) == Some(&grants);
        if !is_there {
            self.push(Effect::AcceptVersion { module: self.name.clone(), digest: due.digest, grants });
        }
        Ok(())
    }

    /// What of it is more than there was, and not the creator's to allow.
    fn list_beyond(
        &self,
        module: &ModuleSetup,
        uploaded: &UploadedModule,
        due: &Manifest,
        grants: &Grants,
    ) -> Vec<String> {
        if self.by == Powers::Operator {
            return Vec::new();
        }
        let accepted = module.accepted.and_then(|digest| uploaded.find_digest(digest)).map(|it| &it.manifest);
        let new = grants.capabilities.iter().filter(|capability| !module.grants.capabilities.contains(capability));
        let mut beyond: Vec<String> =
            new.filter(|capability| !self.by.may_grant(**capability)).map(ToString::to_string).collect();
        // Whoever granted the web granted these hosts; later ones are news.
        let is_known = |host: &&String| accepted.is_some_and(|accepted| accepted.http_hosts.contains(host));
        let hosts = due.http_hosts.iter().filter(|_| grants.capabilities.contains(&Capability::Http));
        beyond.extend(hosts.filter(|host| !is_known(host)).map(|host| format!("the web host {host}")));
        let was_large = accepted.is_some_and(|accepted| accepted.size == SizeClass::Large);
        if due.size == SizeClass::Large && !was_large {
            beyond.push("the size class large".to_owned());
        }
        beyond
    }

    fn keep_fixed(&self, change: &ModuleChange) -> Checked {
        let module = self.module()?;
        if let WantedVersion::Pinned(version) = &change.version
            && *version != module.manifest.version
        {
            return Err(ModuleChangeError::UnknownVersion(version.clone()));
        }
        match &change.grants {
            Some(grants) if *grants != module.grants => Err(ModuleChangeError::FixedGrants(self.name.clone())),
            _ => Ok(()),
        }
    }

    fn set(&mut self, change: &ModuleChange) -> Checked {
        let module = self.module()?.clone();
        let mut problems = Vec::new();
        let mut wanted = BTreeMap::new();
        let find = |key: &str| module.manifest.settings.iter().find(|setting| setting.key == key);
        for (key, value) in &change.settings {
            match check_setting(find(key), value) {
                Ok(Some(value)) => drop(wanted.insert(key.clone(), value)),
                Ok(None) => {}
                Err(expected) => problems.push(Problem { key: key.clone(), expected }),
            }
        }
        for (name, of_it) in &change.commands {
            match module.commands().find(|command| *command.name == **name) {
                Some(command) => wanted.extend(check_command(command, of_it, &mut problems)),
                None => problems.push(Problem { key: name.clone(), expected: "one of its commands".to_owned() }),
            }
        }
        if !problems.is_empty() {
            return Err(ModuleChangeError::Invalid(problems));
        }
        // A secret is set on its own, and stays.
        let is_secret = |key: &str| find(key).is_some_and(|setting| setting.kind == SettingKind::Secret);
        let dropped = module.settings.keys().filter(|key| !wanted.contains_key(*key) && !is_secret(key));
        let dropped: Vec<_> = dropped.map(|key| (key.clone(), None)).collect();
        let set = wanted.into_iter().filter(|(key, value)| module.settings.get(key) != Some(value));
        for (key, value) in dropped.into_iter().chain(set.map(|(key, value)| (key, Some(value)))) {
            self.push(Effect::ChangeSetting { module: self.name.clone(), key, value });
        }
        Ok(())
    }

    fn switch(&mut self, enabled: bool) -> Checked {
        let module = self.module()?;
        if enabled {
            let is_missing = |capability: &&Capability| !module.grants.covers(**capability);
            let missing: Vec<Capability> = module.manifest.capabilities.iter().filter(is_missing).copied().collect();
            if !missing.is_empty() || !module.may_run {
                return Err(ModuleChangeError::NeedsGrant(missing));
            }
        }
        if module.is_enabled != enabled || enabled && module.blown.is_some() {
            self.push(Effect::SwitchModule { module: self.name.clone(), enabled });
        }
        if enabled { self.require_own_words() } else { Ok(()) }
    }

    fn require_own_words(&self) -> Checked {
        let without = self.setup.apply(&Effect::SwitchModule { module: self.name.clone(), enabled: false });
        match without.find_taken_word(self.module()?) {
            Some((word, other)) => {
                Err(ModuleChangeError::WordTaken { word, module: self.name.clone(), other: other.clone() })
            }
            None => Ok(()),
        }
    }
}

/// The value to store; None where it is the default.
fn check_setting(setting: Option<&Setting>, value: &str) -> Result<Option<String>, String> {
    let setting = setting.ok_or("one of its settings")?;
    match setting.kind {
        SettingKind::Secret => Err("a secret, which is set on its own".to_owned()),
        _ if value == setting.default => Ok(None),
        _ => check_value(&setting.kind, value).map(|value| (value != setting.default).then_some(value)),
    }
}

/// The host's keys that are to be stored for a command.
fn check_command(command: &Arc<Command>, wanted: &CommandChange, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let values = [
        (CommandKey::Role, wanted.role.map(|role| role.to_string())),
        (CommandKey::Cooldown, wanted.cooldown.map(show_span)),
        (CommandKey::ChatterCooldown, wanted.chatter_cooldown.map(show_span)),
        (CommandKey::Aliases, wanted.aliases.as_ref().map(|words| words.join(" "))),
    ];
    let mut stored = Vec::new();
    for (command_key, value) in values {
        let (Some(value), key) = (value, command_key.of(&command.name)) else { continue };
        let mut after = (**command).clone();
        match command_key.set(&mut after, &value) {
            Ok(()) => stored.push((key, command_key.show(&after))),
            Err(expected) => problems.push(Problem { key, expected }),
        }
    }
    stored
}

#[cfg(test)]
mod tests;
