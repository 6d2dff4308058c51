//! The whole state that a module is to have in a channel, as the API takes it. Pure: it answers with the effects that
//! lead there, or with why it may not be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::channel::{ChannelSetup, ModuleSetup};
use super::overrides::CommandKey;
use super::span::show_span;
use super::value::check_value;
use crate::domain::effect::Effect;
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Capability, Command, Grants, Manifest, Setting, SettingKind, SizeClass};
use crate::domain::role::Role;
use crate::domain::version::{UploadedModule, UploadedVersion};
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
    #[error("there is no version {0}")]
    UnknownVersion(semver::Version),
    #[error("version {0} is withdrawn")]
    Withdrawn(semver::Version),
    #[error("every version of it is withdrawn: it is back when one is restored, or a new one is brought")]
    NoVersion,
    #[error("version {0} is not the one that is due here")]
    NotDue(semver::Version),
    #[error("there is no earlier version that may run here")]
    NothingBefore,
    #[error("{0} is always on")]
    AlwaysOn(ModuleName),
    /// A bundled or configured module has all that it asks for.
    #[error("the grants of {0} cannot be changed")]
    FixedGrants(ModuleName),
    #[error("only the operator grants {}", .0.join(", "))]
    NeedsOperator(Vec<String>),
    /// None is missing where a version is due that asks for more than capabilities.
    #[error("{}", tell_missing(.0))]
    NeedsGrant(Vec<Capability>),
    #[error(
        "the module is of the size class large, which this host does not allow: its operator's [sandbox] allow_large does"
    )]
    SizeClass,
    #[error("it does not ask for {}", .0.join(", "))]
    NotRequested(Vec<String>),
    #[error("{module} would answer to {word}, which calls {other} here")]
    WordTaken { word: Box<str>, module: ModuleName, other: ModuleName },
    /// Everything that is wrong is of this kind.
    #[error("not known: {}", show(.0))]
    Unknown(Vec<Problem>),
    #[error("not valid: {}", show(.0))]
    Invalid(Vec<Problem>),
}

fn tell_missing(capabilities: &[Capability]) -> String {
    if capabilities.is_empty() {
        return "it does not run before the version that is due is accepted".to_owned();
    }
    let names: Vec<&str> = capabilities.iter().map(|capability| capability.as_str()).collect();
    format!("it does not run without a grant of {}", names.join(", "))
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
                let is_pinned_now = draft.pin(&uploaded, &change.version)?;
                draft.accept(&uploaded, change, is_pinned_now)?;
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
        self.setup.require_module(self.name)
    }

    fn push(&mut self, effect: Effect) {
        self.setup = self.setup.apply(&effect);
        self.effects.push(effect);
    }

    /// Whether it was not pinned to that version before.
    fn pin(&mut self, uploaded: &UploadedModule, wanted: &WantedVersion) -> Result<bool, ModuleChangeError> {
        let version = match wanted {
            WantedVersion::Latest => None,
            WantedVersion::Pinned(version) => Some(version.clone()),
        };
        if self.module().map_or(version.is_none(), |module| module.pinned == version) {
            return Ok(false);
        }
        if let Some(version) = &version {
            let there = uploaded.find_version(version);
            let there = there.ok_or_else(|| ModuleChangeError::UnknownVersion(version.clone()))?;
            if there.is_withdrawn() {
                return Err(ModuleChangeError::Withdrawn(version.clone()));
            }
        }
        let is_pinned_now = version.is_some();
        self.push(Effect::PinVersion { module: self.name.clone(), version });
        Ok(is_pinned_now)
    }

    /// Grants what was sent to the version that was accepted, or to the one that is due where the wish names that one.
    fn accept(&mut self, uploaded: &UploadedModule, change: &ModuleChange, is_pinned_now: bool) -> Checked {
        let module = self.module()?;
        let Some(due) = module.find_wanted(uploaded, self.setup.channel.id).map(|version| version.manifest.clone())
        else {
            return if change.enabled || change.grants.is_some() { Err(ModuleChangeError::NoVersion) } else { Ok(()) };
        };
        if let Some(other) = change.accept.as_ref().filter(|version| **version != due.version) {
            return Err(ModuleChangeError::NotDue(other.clone()));
        }
        let is_named = change.accept.is_some() || is_pinned_now;
        let accepted = module.accepted.and_then(|digest| uploaded.find_digest(digest));
        // What was accepted may be gone with nothing in its place that could be named.
        let is_gone = !module.may_run && module.waiting.is_none() && accepted.is_none_or(UploadedVersion::is_withdrawn);
        let target = if is_named || is_gone { due } else { module.manifest.clone() };
        let sent = match &change.grants {
            Some(grants) => grants.clone(),
            // It runs with what was granted to it in its time.
            None if accepted.is_some() && module.may_run && module.manifest.digest == target.digest => return Ok(()),
            None if is_named || change.enabled && module.accepted.is_none() => module.grants.asked_by(&target),
            None => return Ok(()),
        };
        let is_there = |grants: &Grants| match accepted {
            Some(accepted) => {
                let runs = module.may_run || accepted.manifest.digest == target.digest;
                runs && target.digest == module.manifest.digest && *grants == module.grants
            }
            None => !change.enabled && !is_named && *grants == Grants::default(),
        };
        // As they are shown, even where this version asks for less; then in order.
        if is_there(&sent) {
            return Ok(());
        }
        let grants = in_order(&target, &sent, module)?;
        if is_there(&grants) {
            return Ok(());
        }
        let beyond = self.list_beyond(module, accepted, &target, &grants);
        if !beyond.is_empty() {
            return Err(ModuleChangeError::NeedsOperator(beyond));
        }
        // What is taken back is taken from each version, and lower caps hold for each: none brings more along by being gone
        // back to.
        let is_taken = !is_named && !is_gone;
        let less = |there: &Grants| match there.within_caps_of(&grants) {
            there if is_taken => there.without_taken(&module.grants, &sent),
            there => there,
        };
        let others = uploaded.versions.iter().map(|there| there.manifest.digest).filter(|it| *it != target.digest);
        let others = others.filter_map(|digest| module.granted.get(&digest).map(|there| (digest, there, less(there))));
        let others = others.filter(|(_, there, less)| *there != less).map(|(digest, _, less)| (digest, less));
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            self.push(Effect::NarrowGrants { module: self.name.clone(), grants: others });
        }
        self.push(Effect::AcceptVersion { module: self.name.clone(), digest: target.digest, grants });
        Ok(())
    }

    /// What of it is more than there was, and not the creator's to allow.
    fn list_beyond(
        &self,
        module: &ModuleSetup,
        accepted: Option<&UploadedVersion>,
        target: &Manifest,
        grants: &Grants,
    ) -> Vec<String> {
        if self.by == Powers::Operator {
            return Vec::new();
        }
        let before = &module.grants;
        let new = grants.capabilities.iter().filter(|capability| !before.capabilities.contains(capability));
        let mut beyond: Vec<String> =
            new.filter(|capability| !self.by.may_grant(**capability)).map(ToString::to_string).collect();
        let hosts = grants.http_hosts.iter().filter(|host| !before.http_hosts.contains(host));
        beyond.extend(hosts.map(|host| format!("the web host {host}")));
        if grants.treasury.allow_more_than(&before.treasury) {
            beyond.push("higher caps on treasury".to_owned());
        }
        let was_large = accepted.is_some_and(|accepted| accepted.manifest.size == SizeClass::Large);
        if target.size == SizeClass::Large && !was_large {
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
            _ if change.accept.is_some() => Err(ModuleChangeError::NotDue(module.manifest.version.clone())),
            _ => Ok(()),
        }
    }

    fn set(&mut self, change: &ModuleChange) -> Checked {
        let module = self.module()?.clone();
        let (mut problems, mut unknown) = (Vec::new(), 0);
        let mut wanted = BTreeMap::new();
        for (key, value) in &change.settings {
            let path = || format!("settings.{key}");
            match module.manifest.settings.iter().find(|setting| setting.key == *key) {
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
                Some(command) => wanted.extend(check_command(command, of_it, &mut problems)),
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
        let dropped = module.list_effective().map(|(key, _)| key).filter(|key| !wanted.contains_key(*key));
        let dropped: Vec<_> = dropped.map(|key| (key.clone(), None)).collect();
        let set = wanted.into_iter().filter(|(key, value)| module.settings.get(key) != Some(value));
        for (key, value) in dropped.into_iter().chain(set.map(|(key, value)| (key, Some(value)))) {
            self.push(Effect::ChangeSetting { module: self.name.clone(), key, value });
        }
        Ok(())
    }

    fn switch(&mut self, enabled: bool) -> Checked {
        let module = self.module()?;
        if enabled && (!module.grants.suffice_for(&module.manifest) || !module.may_run) {
            return Err(ModuleChangeError::NeedsGrant(module.list_missing_grants()));
        }
        if enabled && module.is_barred && !module.is_enabled {
            return Err(ModuleChangeError::SizeClass);
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

/// In the order in which the version asks for it, so that equal grants are equal. What is granted to another version here
/// was shown, and may be sent back: it is left out.
fn in_order(version: &Manifest, grants: &Grants, module: &ModuleSetup) -> Result<Grants, ModuleChangeError> {
    let is_known = |is_in: &dyn Fn(&Grants) -> bool| module.granted.values().any(is_in);
    let unasked = grants.capabilities.iter().filter(|capability| !version.requests(**capability));
    let unasked = unasked.filter(|capability| !is_known(&|there| there.capabilities.contains(capability)));
    let mut unasked: Vec<String> = unasked.map(ToString::to_string).collect();
    let hosts = grants.http_hosts.iter().filter(|host| !version.http_hosts.contains(host));
    let hosts = hosts.filter(|host| !is_known(&|there| there.http_hosts.contains(host)));
    unasked.extend(hosts.map(|host| format!("the web host {host}")));
    if !unasked.is_empty() {
        return Err(ModuleChangeError::NotRequested(unasked));
    }
    Ok(grants.asked_by(version))
}

/// The value to store; None where it is the default.
fn check_setting(setting: &Setting, value: &str) -> Result<Option<String>, String> {
    match setting.kind {
        SettingKind::Secret => Err("left out here: it is a secret, and goes into secrets".to_owned()),
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
            Err(expected) => problems.push(Problem { key: format!("commands.{key}"), expected }),
        }
    }
    stored
}

mod current;
mod step_back;

#[cfg(test)]
mod tests;
