//! One module's set-up in one channel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::overrides::{CommandKey, parse_aliases};
use super::value::check_value;
use crate::domain::effect::ModuleEffect;
use crate::domain::fuse::BlownFuse;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Capability, Command, Grants, Manifest, ModuleSource, Setting, SettingKind};
use crate::modules::consent::{Consent, Settled, Waiting, list_missing};

/// A module's set-up in a channel.
#[derive(Clone, Debug)]
pub struct ModuleSetup {
    /// The version that runs here, or that would.
    pub manifest: Arc<Manifest>,
    pub is_enabled: bool,
    /// The grants of that version.
    pub grants: Grants,
    /// Values that differ from the defaults: declared settings, and the host's own keys (see `overrides`).
    pub settings: BTreeMap<String, String>,
    /// The words claimed here, besides the declared ones.
    pub claimed: Vec<Arc<Command>>,
    /// The channel's consent to the versions of an uploaded module.
    pub consent: Consent,
    /// The version that would run if its requests were accepted.
    pub waiting: Option<Arc<Waiting>>,
    /// Whether a version that is not withdrawn was accepted, or asks for no more than the accepted one.
    pub may_run: bool,
    /// Whether the version is of a size class that this host does not allow (any more).
    pub is_barred: bool,
    pub blown: Option<BlownFuse>,
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
            consent: Consent::default(),
            waiting: None,
            may_run: true,
            is_barred: false,
            blown: None,
        }
    }

    /// Whether the module has words here: enabled, granted all that it asks for, of an allowed size class, and not off
    /// until its fuse is restored. A module that comes back by itself keeps its words (see [`ModuleSetup::is_blown`]).
    pub fn is_running(&self) -> bool {
        let is_off = self.find_blown().is_some_and(|blown| blown.until.is_none());
        self.is_enabled && self.may_run && !self.is_barred && self.grants.suffice_for(&self.manifest) && !is_off
    }

    /// Whether the module answers to its words at this moment.
    pub fn is_answering(&self, now: SystemTime) -> bool {
        self.is_running() && !self.is_blown(now)
    }

    /// Whether the module is off because it broke too often.
    pub fn is_blown(&self, now: SystemTime) -> bool {
        self.find_blown().is_some_and(|blown| blown.is_blown(now))
    }

    /// Whether the module came back by itself, and that was not reported yet.
    pub fn has_returned(&self, now: SystemTime) -> bool {
        let is_due = |blown: &&BlownFuse| !blown.is_over && !blown.is_blown(now);
        self.is_running() && self.find_blown().filter(is_due).is_some()
    }

    /// The fuse of the version that is here. Bundled modules have no fuse: there is no other version to fall back to,
    /// and without some of them a creator is locked out.
    fn find_blown(&self) -> Option<&BlownFuse> {
        let is_bundled = self.manifest.source == ModuleSource::Bundled;
        self.blown.as_ref().filter(|blown| blown.digest == self.manifest.digest && !is_bundled)
    }

    /// The settings that the module sees: declared keys, in the order of declaration, with defaults filled in and
    /// without secrets.
    pub fn resolved_settings(&self) -> Vec<(String, String)> {
        let shown = self.manifest.settings.iter().filter(|setting| setting.kind != SettingKind::Secret);
        shown.map(|setting| (setting.key.clone(), self.value_of(setting).to_owned())).collect()
    }

    /// The setting's value. A stored value that is invalid in this version is ignored.
    pub(super) fn value_of<'a>(&'a self, setting: &'a Setting) -> &'a str {
        let stored = self.settings.get(&setting.key).filter(|value| check_value(&setting.kind, value).is_ok());
        stored.unwrap_or(&setting.default)
    }

    /// Declared and claimed commands, without overrides.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Arc<Command>> {
        self.manifest.commands.iter().chain(&self.claimed)
    }

    /// The command, and which of its properties `key` overrides.
    pub(super) fn find_command_key(&self, key: &str) -> Option<(&Arc<Command>, CommandKey)> {
        // A claimed word may contain a dot, so the last dot separates the property.
        let (name, suffix) = key.rsplit_once('.')?;
        let command = self.commands().find(|command| &*command.name == name)?;
        Some((command, suffix.parse().ok()?))
    }

    /// The words that call `command`, as [`ModuleSetup::with_overrides`] made it, the one to show first: its name and
    /// aliases, unless the creator gave it words of this channel.
    pub(super) fn words_here<'a>(&self, command: &'a Command) -> impl Iterator<Item = &'a Box<str>> {
        let find_own = || self.settings.get(&CommandKey::Aliases.of(&command.name));
        let own = if self.settings.is_empty() { None } else { find_own() };
        command.words().skip(usize::from(own.is_some_and(|words| parse_aliases(words).is_ok())))
    }

    /// `command` with the creator's overrides; shared if there are none.
    pub(super) fn with_overrides(&self, command: &Arc<Command>) -> Arc<Command> {
        let mut command = command.clone();
        if self.settings.is_empty() {
            return command;
        }
        for key in CommandKey::ALL {
            if let Some(value) = self.settings.get(&key.of(&command.name)) {
                // An invalid stored value leaves what the author declared.
                drop(key.set(Arc::make_mut(&mut command), value));
            }
        }
        command
    }

    /// The capabilities without a grant that the version which would run here requests.
    pub fn list_missing_grants(&self) -> Vec<Capability> {
        list_missing(&self.manifest, self.waiting.as_deref(), &self.grants)
    }

    /// The stored values with a meaning in this version, except secrets.
    pub(super) fn list_effective(&self) -> impl Iterator<Item = (&String, &String)> {
        self.settings.iter().filter(|(key, value)| match self.manifest.find_setting(key) {
            Some(setting) => setting.kind != SettingKind::Secret && check_value(&setting.kind, value).is_ok(),
            None => {
                let found = self.find_command_key(key);
                found.is_some_and(|(command, command_key)| command_key.check(command, value).is_ok())
            }
        })
    }

    /// The uploaded version that is here, even while its fuse has blown.
    pub(super) fn find_current(&self) -> Option<&Arc<Manifest>> {
        let is_current = self.is_enabled && self.may_run && self.grants.suffice_for(&self.manifest);
        Some(&self.manifest).filter(|manifest| is_current && manifest.source == ModuleSource::Uploaded)
    }

    pub(super) fn is_current(&self, digest: ModuleDigest) -> bool {
        self.find_current().is_some_and(|current| current.digest == digest)
    }

    pub(super) fn take(&mut self, Settled { manifest, may_run, grants, waiting }: Settled) {
        (self.manifest, self.may_run, self.grants, self.waiting) = (manifest, may_run, grants, waiting);
    }

    pub(super) fn apply(&mut self, effect: &ModuleEffect) {
        match effect {
            ModuleEffect::Switch { enabled } => {
                self.is_enabled = *enabled;
                self.blown = self.blown.filter(|_| !enabled);
            }
            ModuleEffect::AcceptVersion { digest, grants } => {
                self.consent.accepted = Some(*digest);
                self.consent.granted.insert(*digest, grants.clone());
            }
            ModuleEffect::NarrowGrants { grants } => self.consent.granted.extend(grants.iter().cloned()),
            ModuleEffect::PinVersion { version } => self.consent.pinned.clone_from(version),
            ModuleEffect::BlowFuse { digest, until } => {
                let before = self.blown.filter(|blown| blown.digest == *digest).map_or(0, |blown| blown.times);
                self.blown = Some(BlownFuse { digest: *digest, until: *until, times: before + 1, is_over: false });
            }
            ModuleEffect::RestoreFuse => self.blown = None,
            ModuleEffect::EndPause { digest } => {
                let is_over = |blown: &BlownFuse| blown.digest == *digest && blown.until.is_some();
                self.blown = self.blown.map(|blown| BlownFuse { is_over: blown.is_over || is_over(&blown), ..blown });
            }
            ModuleEffect::ChangeSetting { key, value } => match value {
                Some(value) => drop(self.settings.insert(key.clone(), value.clone())),
                None => drop(self.settings.remove(key)),
            },
            ModuleEffect::ClaimWord { word } => {
                self.claimed.retain(|claimed| claimed.name != word.name);
                self.claimed.push(Arc::new(word.clone()));
            }
            ModuleEffect::ReleaseWord { name } => self.claimed.retain(|claimed| claimed.name != *name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::module;
    use super::*;
    use crate::domain::role::Role;
    use crate::testing::command;
    use std::time::Duration;

    #[test]
    fn a_creators_role_and_cooldowns_win() {
        let mut roll = module("roll", &["roll"]);
        for (key, value) in [("roll.role", "vip"), ("roll.cooldown", "5s"), ("roll.chatter-cooldown", "1m30s")] {
            roll.settings.insert(key.to_owned(), value.to_owned());
        }
        let effective = roll.with_overrides(&roll.manifest.commands[0]);
        let seconds = Duration::from_secs;
        let expected =
            Command { role: Role::Vip, channel_cooldown: seconds(5), chatter_cooldown: seconds(90), ..command("roll") };
        assert_eq!(*effective, expected);
    }

    #[test]
    fn a_stored_value_that_is_invalid_by_now_is_ignored() {
        let mut roll = module("roll", &["roll"]);
        roll.settings.insert("roll.role".to_owned(), "emperor".to_owned());
        assert_eq!(*roll.with_overrides(&Arc::new(command("roll"))), command("roll"));
    }

    #[test]
    fn a_command_is_shared_until_something_of_it_is_set() {
        let mut roll = module("roll", &["roll"]);
        let declared = roll.manifest.commands[0].clone();
        assert!(Arc::ptr_eq(&roll.with_overrides(&declared), &declared));
        roll.settings.insert("roll.role".to_owned(), "vip".to_owned());
        assert!(!Arc::ptr_eq(&roll.with_overrides(&declared), &declared));
    }

    #[test]
    fn a_channels_words_replace_the_authors() {
        let mut roll = module("roll", &["roll"]);
        roll.settings.insert("roll.aliases".to_owned(), "würfel  W würfel".to_owned());
        let effective = roll.with_overrides(&roll.manifest.commands[0]);
        assert_eq!(roll.words_here(&effective).map(|word| &**word).collect::<Vec<_>>(), ["würfel", "w"]);
        for bad in ["", "a b c d e f g h i j", "\u{200b}"] {
            assert!(CommandKey::Aliases.set(&mut command("roll"), bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_names_a_command_and_what_of_it() {
        let mut roll = module("roll", &["roll"]);
        roll.claimed.push(Arc::new(command("d.6")));
        let found = |key| roll.find_command_key(key).map(|(command, key)| (&*command.name, key));
        assert_eq!(found("roll.role"), Some(("roll", CommandKey::Role)));
        assert_eq!(found("d.6.cooldown"), Some(("d.6", CommandKey::Cooldown)));
        assert_eq!(found("roll.sides"), None);
        assert_eq!(found("other.role"), None);
        assert_eq!(found("roll"), None);
    }
}
