//! Which version of an uploaded module runs in a channel. Pure.
//!
//! A channel accepts one version with all that it asks for. From then on it follows the latest one as long as that asks
//! for no more; what asks for more waits, and the channel is shown the difference, until somebody accepts it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::channel::ModuleSetup;
use super::span::show_span;
use super::value::check_value;
use super::words::words_of;
use crate::domain::id::ChannelId;
use crate::domain::manifest::{Capability, Command, Grants, Manifest, SettingKind, SizeClass};
use crate::domain::role::Role;
use crate::domain::version::{UploadedModule, UploadedVersion};

/// A version that a channel would run, if somebody accepted what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub manifest: Arc<Manifest>,
    /// Never empty.
    pub asks: Vec<Difference>,
}

/// One thing that a version asks for, and the accepted one does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Capability(Capability),
    WebHost(String),
    Word(Box<str>),
    LowerRole {
        command: Box<str>,
        before: Role,
        after: Role,
    },
    ShorterCooldown {
        command: Box<str>,
        before: Duration,
        after: Duration,
    },
    ShorterChatterCooldown {
        command: Box<str>,
        before: Duration,
        after: Duration,
    },
    /// What is set here is none of its settings, or no valid value of it.
    RejectsSetting {
        key: String,
    },
    LargeClass,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Capability(capability) => write!(f, "it asks for the capability {capability}"),
            Difference::WebHost(host) => write!(f, "it asks for the web host {host}"),
            Difference::Word(word) => write!(f, "it answers to the word {word}"),
            Difference::LowerRole { command, before, after } => {
                write!(f, "{command} is for {after}, and was for {before}")
            }
            Difference::ShorterCooldown { command, before, after } => {
                write!(f, "the cooldown of {command} is {}, and was {}", show_span(*after), show_span(*before))
            }
            Difference::ShorterChatterCooldown { command, before, after } => {
                write!(f, "a chatter's cooldown of {command} is {}, and was {}", show_span(*after), show_span(*before))
            }
            Difference::RejectsSetting { key } => write!(f, "it does not take the value that {key} has here"),
            Difference::LargeClass => f.write_str("it is of the size class large"),
        }
    }
}

impl ModuleSetup {
    /// Settles on the version that runs in `channel`, and on the one that waits.
    pub(super) fn settle(&mut self, module: &UploadedModule, channel: ChannelId) {
        let accepted = self.accepted.and_then(|digest| module.find_digest(digest));
        let wanted = self.find_wanted(module, channel);
        let consent = accepted.and_then(|accepted| self.find_consent(accepted));
        let runs = consent.as_ref().and_then(|consent| {
            let mut candidates = wanted.into_iter().chain(module.list_offered(Some(channel)));
            candidates.find_map(|version| Some((version, consent.grants_for(&version.manifest)?.clone())))
        });
        let waiting = consent.as_ref().zip(wanted).and_then(|(consent, wanted)| {
            let is_running =
                runs.as_ref().is_some_and(|(running, _)| running.manifest.digest == wanted.manifest.digest);
            let asks = || differences(consent.manifest, &wanted.manifest, consent.module);
            (!is_running).then(|| Arc::new(Waiting { manifest: wanted.manifest.clone(), asks: asks() }))
        });
        let shown = runs.as_ref().map(|(version, _)| *version).or(accepted).or(wanted);
        let shown = shown.or(module.versions.last()).map(|version| version.manifest.clone());
        self.may_run = runs.is_some();
        let granted = accepted.and_then(|accepted| self.granted.get(&accepted.manifest.digest).cloned());
        self.grants = runs.map(|(_, grants)| grants).or(granted).unwrap_or_default();
        self.waiting = waiting;
        if let Some(shown) = shown {
            self.manifest = shown;
        }
    }

    /// The version that the channel would run if nothing had to be accepted: the pinned one, the canary where this is one
    /// of its channels, the highest.
    pub(super) fn find_wanted<'a>(
        &self,
        module: &'a UploadedModule,
        channel: ChannelId,
    ) -> Option<&'a UploadedVersion> {
        let pinned = self.pinned.as_ref().and_then(|version| module.find_version(version));
        let canary = module.canary.as_ref().filter(|canary| canary.channels.contains(&channel));
        let canary = canary.and_then(|canary| module.find_version(&canary.version));
        let named = [pinned, canary].into_iter().flatten().find(|version| !version.is_withdrawn());
        named.or_else(|| module.list_offered(Some(channel)).next())
    }

    /// None where the accepted version has lost a grant that it needs: then nothing runs, not even an older version.
    fn find_consent<'a>(&'a self, accepted: &'a UploadedVersion) -> Option<Consent<'a>> {
        let grants = self.granted.get(&accepted.manifest.digest)?;
        grants.suffice_for(&accepted.manifest).then_some(Consent { manifest: &accepted.manifest, grants, module: self })
    }
}

/// What a channel has said yes to.
struct Consent<'a> {
    manifest: &'a Manifest,
    grants: &'a Grants,
    module: &'a ModuleSetup,
}

impl<'a> Consent<'a> {
    /// With what another version may run here, if it may: it asks for no more, or it was accepted in its own time.
    fn grants_for(&self, version: &Manifest) -> Option<&'a Grants> {
        if version.digest == self.manifest.digest || differences(self.manifest, version, self.module).is_empty() {
            return Some(self.grants);
        }
        self.module.granted.get(&version.digest).filter(|grants| grants.suffice_for(version))
    }
}

/// All that `after` asks for, and `before` does not, in a channel with the module's stored settings.
pub(super) fn differences(before: &Manifest, after: &Manifest, module: &ModuleSetup) -> Vec<Difference> {
    let mut found = Vec::new();
    let is_new = |capability: &&Capability| capability.needs_grant() && !before.requests(**capability);
    found.extend(after.capabilities.iter().filter(is_new).copied().map(Difference::Capability));
    let hosts = after.http_hosts.iter().filter(|host| !before.http_hosts.contains(host));
    found.extend(hosts.cloned().map(Difference::WebHost));
    if after.size == SizeClass::Large && before.size != SizeClass::Large {
        found.push(Difference::LargeClass);
    }
    after.commands.iter().for_each(|command| compare_command(before, command, &mut found));
    let stored = module.settings.iter().filter(|(key, value)| is_rejected(before, after, key, value));
    found.extend(stored.map(|(key, _)| Difference::RejectsSetting { key: key.clone() }));
    found
}

/// Compares a command with whatever its words called before.
fn compare_command(before: &Manifest, command: &Command, found: &mut Vec<Difference>) {
    let mut earlier: Vec<&Command> = Vec::new();
    for word in words_of(command) {
        match before.commands.iter().find(|command| words_of(command).any(|there| there == word)) {
            Some(there) => earlier.push(there),
            None => found.push(Difference::Word(word.clone())),
        }
    }
    let name = || command.name.clone();
    let role = earlier.iter().map(|command| command.role).max();
    if let Some(before) = role.filter(|role| *role > command.role) {
        found.push(Difference::LowerRole { command: name(), before, after: command.role });
    }
    let after = command.channel_cooldown;
    let cooldown = earlier.iter().map(|command| command.channel_cooldown).max();
    if let Some(before) = cooldown.filter(|cooldown| *cooldown > after) {
        found.push(Difference::ShorterCooldown { command: name(), before, after });
    }
    let after = command.chatter_cooldown;
    let cooldown = earlier.iter().map(|command| command.chatter_cooldown).max();
    if let Some(before) = cooldown.filter(|cooldown| *cooldown > after) {
        found.push(Difference::ShorterChatterCooldown { command: name(), before, after });
    }
}

/// Whether a stored value that meant something before means nothing any more.
fn is_rejected(before: &Manifest, after: &Manifest, key: &str, value: &str) -> bool {
    let find =
        |manifest: &Manifest| manifest.settings.iter().find(|setting| setting.key == key).map(|it| it.kind.clone());
    match (find(before), find(after)) {
        // A key of the host's, or a value of a still older version.
        (None, _) => false,
        (Some(_), None) => true,
        // What was a secret is shown to nobody because an author changed his mind.
        (Some(SettingKind::Secret), Some(after)) => after != SettingKind::Secret,
        (Some(_), Some(after)) => check_value(&after, value).is_err(),
    }
}
