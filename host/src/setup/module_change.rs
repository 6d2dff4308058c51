//! The API's change of a module in a channel, given as the whole wanted state. Pure: returns the effects that lead to
//! that state, or a refusal.

use std::collections::BTreeMap;

use super::channel::ChannelSetup;
use super::module::ModuleSetup;
use super::overrides::CommandTerms;
use super::upgrade::consult;
use super::value::check_change;
use super::words::Target;
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Grants, Setting, SettingKind};
use crate::modules::consent::agree::{WantedConsent, plan_consent};
use crate::modules::consent::{Consent, ConsentError, ModuleInChannel};
use crate::modules::is_always_on;
use crate::modules::powers::Powers;

/// The wanted state of a module in a channel. Omitted values are the author's, except for the grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleChange {
    /// Enabling also restores a blown fuse.
    pub enabled: bool,
    /// The new grants. `None` keeps the present ones.
    pub grants: Option<Grants>,
    /// Accepts all requests of the waiting version, which is named to prove that they were seen. Pinning a version
    /// accepts it too, and so does granting to the first version, or enabling it.
    pub accept: Option<semver::Version>,
    /// The version that the channel is pinned to. `None` follows the latest.
    pub pinned: Option<semver::Version>,
    pub settings: BTreeMap<String, String>,
    /// By declared name or claimed word.
    pub commands: BTreeMap<String, CommandTerms>,
}

/// An invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The value's path: `settings.sides`, `commands.roll.cooldown`.
    pub key: String,
    /// What the value should be, as a part of a sentence.
    pub expected: String,
}

/// Why a module cannot be changed as wanted.
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
    /// Used if all problems are unknown keys.
    #[error("not known: {}", show(.0))]
    Unknown(Vec<Problem>),
    #[error("not valid: {}", show(.0))]
    Invalid(Vec<Problem>),
}

fn show(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{}: {}", problem.key, problem.expected)).collect::<Vec<_>>().join("; ")
}

/// # Errors
/// `NoVersion` if the module exists, but all its versions are withdrawn; else `UnknownModule`.
pub fn require_module<'a>(setup: &'a ChannelSetup, name: &ModuleName) -> Result<&'a ModuleSetup, ModuleChangeError> {
    setup.find_module(name).ok_or_else(|| match setup.is_withdrawn(name) {
        true => ConsentError::NoVersion.into(),
        false => ModuleChangeError::UnknownModule,
    })
}

/// How a module is in a channel, as a change: to make that change changes nothing.
pub fn as_change(module: &ModuleSetup) -> ModuleChange {
    let (mut settings, mut commands) = (BTreeMap::new(), BTreeMap::new());
    for (key, value) in module.list_effective() {
        match module.find_command_key(key).filter(|_| module.manifest.find_setting(key).is_none()) {
            Some((command, command_key)) => {
                let terms: &mut CommandTerms = commands.entry(command.name.to_string()).or_default();
                terms.extend(command_key.check(command, value).ok().map(|value| (command_key, value)));
            }
            None => drop(settings.insert(key.clone(), value.clone())),
        }
    }
    let (enabled, grants) = (module.is_enabled, Some(module.grants.clone()));
    ModuleChange { enabled, grants, accept: None, pinned: module.consent.pinned.clone(), settings, commands }
}

/// The effects that lead to the wanted state; empty if it is reached. They belong into one commit that notes this
/// set-up's revision.
pub fn check_module_change(
    setup: &ChannelSetup,
    by: Powers,
    name: &ModuleName,
    change: &ModuleChange,
) -> Result<Vec<Effect>, ModuleChangeError> {
    if !change.enabled && is_always_on(name) {
        return Err(ModuleChangeError::AlwaysOn(name.clone()));
    }
    let mut effects = plan_agreement(setup, by, name, change)?;
    let agreed = setup.apply_all(&effects);
    let settings = plan_settings(require_module(&agreed, name)?, change)?;
    let set = agreed.apply_all(&settings);
    effects.extend(settings);
    effects.extend(plan_switch(&set, setup, name, change.enabled)?);
    Ok(effects)
}

/// The effects that lead to the wanted version and grants.
pub(super) fn plan_agreement(
    setup: &ChannelSetup,
    by: Powers,
    name: &ModuleName,
    change: &ModuleChange,
) -> Result<Vec<Effect>, ModuleChangeError> {
    let Some(uploaded) = setup.catalogue().find_uploaded(name) else {
        return check_fixed(setup, name, change).map(|()| Vec::new());
    };
    let ModuleChange { enabled: is_enabled, grants, accept, pinned, .. } = change;
    let (grants, accept, pinned) = (grants.as_ref(), accept.as_ref(), pinned.as_ref());
    let wish = WantedConsent { is_enabled: *is_enabled, grants, accept, pinned };
    // A channel may pin a version even if none is offered to it.
    let blank = pinned.and_then(|_| setup.defaults().find_initial(name)).map(|module| &**module);
    let Some(module) = setup.find_module(name).or(blank) else {
        return require_module(setup, name).map(|_| Vec::new());
    };
    let plan = |consent: &Consent, at: ModuleInChannel<'_>| plan_consent(consent, at, by, wish);
    Ok(consult(module, uploaded, setup.channel.id, plan)?)
}

/// A bundled or configured module has one version, and all that it asks for.
fn check_fixed(setup: &ChannelSetup, name: &ModuleName, change: &ModuleChange) -> Result<(), ModuleChangeError> {
    let module = require_module(setup, name)?;
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
    setup: &ChannelSetup,
    before: &ChannelSetup,
    name: &ModuleName,
    enabled: bool,
) -> Result<Vec<Effect>, ModuleChangeError> {
    let module = require_module(setup, name)?;
    if enabled {
        check_on(setup, before, module)?;
    }
    let is_switched = module.is_enabled != enabled || enabled && module.blown.is_some();
    let switch = is_switched.then(|| Effect::Module(name.clone(), ModuleEffect::Switch { enabled }));
    Ok(switch.into_iter().collect())
}

/// Whether the module may be on in this state. A channel that runs a barred version may keep it, but no channel is
/// moved onto one. None of the module's words may be a word that another running module answers to.
fn check_on(setup: &ChannelSetup, before: &ChannelSetup, module: &ModuleSetup) -> Result<(), ModuleChangeError> {
    let name = &module.manifest.name;
    if !module.grants.suffice_for(&module.manifest) || !module.may_run {
        return Err(ConsentError::NeedsGrant(module.list_missing_grants()).into());
    }
    let was_here = |there: &ModuleSetup| there.is_enabled && there.manifest.digest == module.manifest.digest;
    if module.is_barred && !before.find_module(name).is_some_and(was_here) {
        return Err(ConsentError::SizeClass.into());
    }
    let others = setup.apply(&Effect::Module(name.clone(), ModuleEffect::Switch { enabled: false }));
    let commands: Vec<_> = module.commands().map(|command| module.with_overrides(command)).collect();
    for word in commands.iter().flat_map(|command| module.words_here(command)) {
        if let Some(Target { module: other, .. }) = others.find_word(word) {
            let (word, other) = (word.clone(), other.manifest.name.clone());
            return Err(ModuleChangeError::WordTaken { word, module: name.clone(), other });
        }
    }
    Ok(())
}

fn plan_settings(module: &ModuleSetup, change: &ModuleChange) -> Result<Vec<Effect>, ModuleChangeError> {
    let (mut problems, mut unknown) = (Vec::new(), 0);
    let mut wanted = BTreeMap::new();
    for (key, value) in &change.settings {
        let path = || format!("settings.{key}");
        match module.manifest.find_setting(key) {
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
        match module.commands().find(|command| *command.name == **name) {
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
    // Stored values without a meaning in this version are kept, for the version in which they have one.
    let dropped = module.list_effective().map(|(key, _)| key).filter(|key| !wanted.contains_key(*key));
    let dropped: Vec<_> = dropped.map(|key| (key.clone(), None)).collect();
    let set = wanted.into_iter().filter(|(key, value)| module.settings.get(key) != Some(value));
    let set = set.map(|(key, value)| (key, Some(value)));
    let change =
        |(key, value)| Effect::Module(module.manifest.name.clone(), ModuleEffect::ChangeSetting { key, value });
    Ok(dropped.into_iter().chain(set).map(change).collect())
}

/// The value to store; `None` if it is the default.
fn check_setting(setting: &Setting, value: &str) -> Result<Option<String>, String> {
    match setting.kind {
        SettingKind::Secret => Err("left out here: it is a secret, and goes into secrets".to_owned()),
        _ => check_change(setting, value),
    }
}

pub mod roll_back;

#[cfg(test)]
mod barred;
#[cfg(test)]
mod tests;
