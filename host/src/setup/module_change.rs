//! The whole state that a module is to have in a channel, as the API takes it. Pure: it answers with the effects that
//! lead there, or with why it may not be.

use std::collections::BTreeMap;

use super::channel::{ChannelSetup, Target};
use super::module::ModuleSetup;
use super::overrides::CommandTerms;
use super::value::check_change;
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Grants, Setting, SettingKind};
use crate::modules::consent::agree::{Wish, plan_consent};
use crate::modules::consent::{Consent, ConsentError, InChannel};
use crate::modules::is_always_on;
use crate::modules::powers::Powers;

/// How a module is to be in a channel. What is left out is as its author made it, but for the grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleChange {
    /// Also restores a fuse that has blown.
    pub enabled: bool,
    /// What it may do here from now on. None keeps what is granted.
    pub grants: Option<Grants>,
    /// The version that waits, where all that it asks for is agreed to: whoever names it has seen that. A version that is
    /// newly pinned is named by that, and the first one by being granted or enabled.
    pub accept: Option<semver::Version>,
    /// The version that the channel stays on. None follows the latest.
    pub pinned: Option<semver::Version>,
    pub settings: BTreeMap<String, String>,
    /// By declared name or claimed word.
    pub commands: BTreeMap<String, CommandTerms>,
}

/// A value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is: `settings.sides`, `commands.roll.cooldown`.
    pub key: String,
    /// What it should be, as a part of a sentence.
    pub expected: String,
}

/// Why a module cannot be as it was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleChangeError {
    #[error("there is no such module")]
    UnknownModule,
    #[error(transparent)]
    Consent(#[from] ConsentError),
    #[error("{0} is always on")]
    AlwaysOn(ModuleName),
    /// A bundled or configured module has all that it asks for.
    #[error("the grants of {0} cannot be changed")]
    FixedGrants(ModuleName),
    #[error("{module} would answer to {word}, which calls {other} here")]
    WordTaken { word: Box<str>, module: ModuleName, other: ModuleName },
    /// Everything that is wrong is of this kind.
    #[error("not known: {}", show(.0))]
    Unknown(Vec<Problem>),
    #[error("not valid: {}", show(.0))]
    Invalid(Vec<Problem>),
}

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}: {}", problem.key, problem.expected)).collect::<Vec<_>>().join("; ")
}

impl ChannelSetup {
    /// What leads to the wanted state: nothing where it is there already. The effects belong into one commit that notes this
    /// set-up's revision.
    pub fn check_module_change(
        &self,
        by: Powers,
        name: &ModuleName,
        change: &ModuleChange,
    ) -> Result<Vec<Effect>, ModuleChangeError> {
        if !change.enabled && is_always_on(name) {
            return Err(ModuleChangeError::AlwaysOn(name.clone()));
        }
        let mut effects = self.plan_consent(by, name, change)?;
        let agreed = self.apply_all(&effects);
        let settings = agreed.require_module(name)?.plan_settings(change)?;
        let set = agreed.apply_all(&settings);
        effects.extend(settings);
        effects.extend(set.plan_switch(self, name, change.enabled)?);
        Ok(effects)
    }

    /// What leads to the wanted version and grants.
    pub(super) fn plan_consent(
        &self,
        by: Powers,
        name: &ModuleName,
        change: &ModuleChange,
    ) -> Result<Vec<Effect>, ModuleChangeError> {
        let Some(uploaded) = self.catalogue().find_uploaded(name) else {
            return self.check_fixed(name, change).map(|()| Vec::new());
        };
        let ModuleChange { enabled: is_enabled, grants, accept, pinned, .. } = change;
        let (grants, accept, pinned) = (grants.as_ref(), accept.as_ref(), pinned.as_ref());
        let wish = Wish { is_enabled: *is_enabled, grants, accept, pinned };
        // A channel to which no version is offered may pin one all the same.
        let blank = pinned.and_then(|_| self.defaults().find_blank(name)).map(|module| &**module);
        let Some(module) = self.find_module(name).or(blank) else {
            return self.require_module(name).map(|_| Vec::new());
        };
        let plan = |consent: &Consent, at: InChannel<'_>| plan_consent(consent, at, by, wish);
        Ok(module.consult(uploaded, self.channel.id, plan)?)
    }

    /// A bundled or configured module has one version, and all that it asks for.
    fn check_fixed(&self, name: &ModuleName, change: &ModuleChange) -> Result<(), ModuleChangeError> {
        let module = self.require_module(name)?;
        if let Some(other) = change.pinned.as_ref().filter(|version| **version != module.manifest.version) {
            return Err(ConsentError::UnknownVersion(other.clone()).into());
        }
        match &change.grants {
            Some(grants) if *grants != module.grants => Err(ModuleChangeError::FixedGrants(name.clone())),
            _ if change.accept.is_some() => Err(ConsentError::NotDue(module.manifest.version.clone()).into()),
            _ => Ok(()),
        }
    }

    pub(super) fn plan_switch(
        &self,
        before: &ChannelSetup,
        name: &ModuleName,
        enabled: bool,
    ) -> Result<Vec<Effect>, ModuleChangeError> {
        let module = self.require_module(name)?;
        if enabled {
            self.check_on(before, module)?;
        }
        let is_switched = module.is_enabled != enabled || enabled && module.blown.is_some();
        let switch = is_switched.then(|| Effect::Module(name.clone(), ModuleEffect::Switch { enabled }));
        Ok(switch.into_iter().collect())
    }

    /// Whether the module may be on as it is here. A version that the host bars stays where it is, and no channel is moved
    /// onto it; no word of the module may be one that another one, which runs, answers to.
    fn check_on(&self, before: &ChannelSetup, module: &ModuleSetup) -> Result<(), ModuleChangeError> {
        let name = &module.manifest.name;
        if !module.grants.suffice_for(&module.manifest) || !module.may_run {
            return Err(ConsentError::NeedsGrant(module.list_missing_grants()).into());
        }
        let was_here = |there: &ModuleSetup| there.is_enabled && there.manifest.digest == module.manifest.digest;
        if module.is_barred && !before.find_module(name).is_some_and(was_here) {
            return Err(ConsentError::SizeClass.into());
        }
        let others = self.apply(&Effect::Module(name.clone(), ModuleEffect::Switch { enabled: false }));
        let commands: Vec<_> = module.commands().map(|command| module.with_overrides(command)).collect();
        for word in commands.iter().flat_map(|command| module.words_here(command)) {
            if let Some(Target { module: other, .. }) = others.find_word(word) {
                let (word, other) = (word.clone(), other.manifest.name.clone());
                return Err(ModuleChangeError::WordTaken { word, module: name.clone(), other });
            }
        }
        Ok(())
    }
}

impl ModuleSetup {
    fn plan_settings(&self, change: &ModuleChange) -> Result<Vec<Effect>, ModuleChangeError> {
        let (mut problems, mut unknown) = (Vec::new(), 0);
        let mut wanted = BTreeMap::new();
        for (key, value) in &change.settings {
            let path = || format!("settings.{key}");
            match self.manifest.find_setting(key) {
                None => {
                    unknown += 1;
                    problems.push(Problem { key: path(), expected: "one of its settings".to_owned() });
                }
                Some(setting) => match check_setting(setting, value) {
                    Ok(Some(value)) => drop(wanted.insert(key.clone(), value)),
                    Ok(None) => {}
                    Err(expected) => problems.push(Problem { key: path(), expected }),
                },
            }
        }
        for (name, of_it) in &change.commands {
            match self.commands().find(|command| *command.name == **name) {
                Some(command) => {
                    for (command_key, value) in of_it {
                        let key = command_key.of(&command.name);
                        match command_key.check(command, value) {
                            Ok(value) => drop(wanted.insert(key, value)),
                            Err(expected) => problems.push(Problem { key: format!("commands.{key}"), expected }),
                        }
                    }
                }
                None => {
                    unknown += 1;
                    let key = format!("commands.{name}");
                    problems.push(Problem { key, expected: "one of its commands".to_owned() });
                }
            }
        }
        match problems.len() {
            0 => {}
            all if all == unknown => return Err(ModuleChangeError::Unknown(problems)),
            _ => return Err(ModuleChangeError::Invalid(problems)),
        }
        // What is stored and means nothing in this version stays, for the version in which it does.
        let dropped = self.list_effective().map(|(key, _)| key).filter(|key| !wanted.contains_key(*key));
        let dropped: Vec<_> = dropped.map(|key| (key.clone(), None)).collect();
        let set = wanted.into_iter().filter(|(key, value)| self.settings.get(key) != Some(value));
        let set = set.map(|(key, value)| (key, Some(value)));
        let change =
            |(key, value)| Effect::Module(self.manifest.name.clone(), ModuleEffect::ChangeSetting { key, value });
        Ok(dropped.into_iter().chain(set).map(change).collect())
    }
}

/// The value to store; None where it is the default.
fn check_setting(setting: &Setting, value: &str) -> Result<Option<String>, String> {
    match setting.kind {
        SettingKind::Secret => Err("left out here: it is a secret, and goes into secrets".to_owned()),
        _ => check_change(setting, value),
    }
}

mod current;
mod roll_back;

#[cfg(test)]
mod barred;
#[cfg(test)]
mod tests;
