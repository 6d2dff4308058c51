//! What a channel agrees to of an uploaded module, and which version follows from that. Pure.
//!
//! A channel accepts one version with all that it asks for. From then on the channel follows the latest one as long as that
//! asks for no more. What asks for more waits, and the channel is shown the difference, until somebody accepts it.

use std::collections::BTreeMap;
use std::fmt;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{Capability, Grants, Manifest};
use crate::domain::role::Role;
use crate::domain::span::show_span;
use crate::domain::version::{UploadedModule, UploadedVersion};

pub mod agree;
pub mod enable;
pub mod roll_back;

/// What a channel has said of a module's versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The version whose requests were granted last.
    pub accepted: Option<ModuleDigest>,
    /// What each version was granted that was ever accepted.
    pub granted: BTreeMap<ModuleDigest, Grants>,
    /// The version that the channel stays on; None: it follows the latest.
    pub pinned: Option<semver::Version>,
}

/// What follows from a consent.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The version that runs, or would.
    pub manifest: Arc<Manifest>,
    /// Whether there is a version that was accepted, or asks for no more than that one, and is not withdrawn.
    pub may_run: bool,
    /// What the version runs with.
    pub grants: Grants,
    /// The version that would run if what it asks for were accepted.
    pub waiting: Option<Arc<Waiting>>,
}

/// A version that a channel would run, if somebody accepted what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub manifest: Arc<Manifest>,
    /// Never empty.
    pub asks: Vec<Difference>,
}

/// An uploaded module, seen from one channel.
#[derive(Clone, Copy)]
pub struct InChannel<'a> {
    pub module: &'a UploadedModule,
    pub channel: ChannelId,
    /// All that the second version asks for and the first does not, with what the channel has set of the module.
    pub compare: &'a dyn Fn(&Manifest, &Manifest) -> Vec<Difference>,
}

/// Why a channel's consent cannot be as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
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
    #[error("only the operator grants {}", .0.join(", "))]
    NeedsOperator(Vec<String>),
    /// None is missing where a version is due that asks for more than capabilities.
    #[error("{}", describe_missing(.0))]
    NeedsGrant(Vec<Capability>),
    #[error(
        "the module is of the size class large, which this host does not allow: its operator's [sandbox] allow_large does"
    )]
    SizeClass,
    #[error("it does not ask for {}", .0.join(", "))]
    NotRequested(Vec<String>),
}

fn describe_missing(capabilities: &[Capability]) -> String {
    if capabilities.is_empty() {
        return "it does not run before the version that is due is accepted".to_owned();
    }
    let names: Vec<&str> = capabilities.iter().map(|capability| capability.as_str()).collect();
    format!("it does not run without a grant of {}", names.join(", "))
}

/// What the version that waits, or else the one that is here, asks for and has no grant of.
pub fn list_missing(here: &Manifest, waiting: Option<&Waiting>, grants: &Grants) -> Vec<Capability> {
    let asking = waiting.map_or(here, |waiting| &waiting.manifest);
    let is_missing = |capability: &&Capability| !grants.covers(**capability);
    asking.capabilities.iter().filter(is_missing).copied().collect()
}

impl Consent {
    /// Which version runs, and which one waits. None for a module without versions.
    pub fn settle(&self, at: InChannel<'_>) -> Option<Settled> {
        let accepted = self.find_accepted(at.module);
        let candidates = self.list_candidates(at);
        let due = candidates.first().copied();
        let agreed = accepted.and_then(|accepted| self.find_agreed(at, accepted));
        let runs = agreed.as_ref().and_then(|agreed| {
            let mut candidates = candidates.iter().copied();
            candidates.find_map(|version| Some((version, agreed.grants_for(&version.manifest)?.clone())))
        });
        let waiting = agreed.as_ref().zip(due).and_then(|(agreed, due)| {
            let is_running = runs.as_ref().is_some_and(|(running, _)| running.manifest.digest == due.manifest.digest);
            let asks = || (at.compare)(agreed.manifest, &due.manifest);
            (!is_running).then(|| Arc::new(Waiting { manifest: due.manifest.clone(), asks: asks() }))
        });
        let shown = runs.as_ref().map(|(version, _)| *version).or(accepted).or(due).or(at.module.versions.last())?;
        let may_run = runs.is_some();
        let granted = || accepted.and_then(|accepted| self.granted.get(&accepted.manifest.digest).cloned());
        let grants = runs.map(|(_, grants)| grants).or_else(granted).unwrap_or_default();
        Some(Settled { manifest: shown.manifest.clone(), may_run, grants, waiting })
    }

    /// The version that the channel would run if nothing had to be accepted.
    pub fn find_due<'a>(&self, at: InChannel<'a>) -> Option<&'a UploadedVersion> {
        self.list_candidates(at).first().copied()
    }

    /// None where the channel stays on that version already, or on none.
    fn plan_pin(
        &self,
        module: &UploadedModule,
        wanted: Option<&semver::Version>,
    ) -> Result<Option<Effect>, ConsentError> {
        if self.pinned.as_ref() == wanted {
            return Ok(None);
        }
        if let Some(version) = wanted {
            let there = module.find_version(version);
            if there.ok_or_else(|| ConsentError::UnknownVersion(version.clone()))?.is_withdrawn() {
                return Err(ConsentError::Withdrawn(version.clone()));
            }
        }
        Ok(Some(Effect::Module(module.name.clone(), ModuleEffect::PinVersion { version: wanted.cloned() })))
    }

    fn find_accepted<'a>(&self, module: &'a UploadedModule) -> Option<&'a UploadedVersion> {
        self.accepted.and_then(|digest| module.find_digest(digest))
    }

    /// The versions that may be due, the best one first:
    ///
    /// - Without a pin, the canary where this is one of its channels, then from the highest downwards.
    /// - With a pin, the pinned version, then the nearest below, then the nearest above: pinning 1.2 never means 3.0, also
    ///   when 1.2 is withdrawn.
    fn list_candidates<'a>(&self, at: InChannel<'a>) -> Vec<&'a UploadedVersion> {
        let (module, channel) = (at.module, at.channel);
        let offered = module.list_offered(Some(channel));
        let Some(pinned) = &self.pinned else {
            return module.find_canary(channel).into_iter().chain(offered).collect();
        };
        let (above, below): (Vec<_>, Vec<_>) = offered.partition(|version| version.manifest.version > *pinned);
        let named = module.find_version(pinned).filter(|version| !version.is_withdrawn());
        named.into_iter().chain(below).chain(above.into_iter().rev()).collect()
    }

    /// None where the accepted version has lost a grant that it needs: then nothing runs, not even an older version.
    fn find_agreed<'a>(&'a self, at: InChannel<'a>, accepted: &'a UploadedVersion) -> Option<Agreed<'a>> {
        let (manifest, grants) = (&accepted.manifest, self.granted.get(&accepted.manifest.digest)?);
        grants.suffice_for(manifest).then_some(Agreed { manifest, grants, consent: self, at })
    }
}

/// The accepted version, which has all that it needs.
struct Agreed<'a> {
    manifest: &'a Manifest,
    grants: &'a Grants,
    consent: &'a Consent,
    at: InChannel<'a>,
}

impl Agreed<'_> {
    /// What another version may run with, if it may run: it asks for no more, or it was accepted in its own time, or could
    /// follow one that was.
    fn grants_for(&self, version: &Manifest) -> Option<&Grants> {
        let asks_no_more = || (self.at.compare)(self.manifest, version).is_empty();
        if version.digest == self.manifest.digest || asks_no_more() {
            return Some(self.grants);
        }
        self.find_own(version).or_else(|| self.find_followed(version))
    }

    fn find_own(&self, version: &Manifest) -> Option<&Grants> {
        self.consent.granted.get(&version.digest).filter(|grants| grants.suffice_for(version))
    }

    /// Only for a version before the accepted one: what is newer, and asks for what that one did without, is to be agreed to.
    fn find_followed(&self, version: &Manifest) -> Option<&Grants> {
        let earlier = self.at.module.versions.iter().rev().map(|there| &*there.manifest);
        let mut earlier =
            earlier.filter(|there| there.version < version.version && version.version < self.manifest.version);
        earlier.find_map(|there| {
            let grants = self.find_own(there)?;
            let is_enough = grants.suffice_for(version) && (self.at.compare)(there, version).is_empty();
            is_enough.then_some(grants)
        })
    }
}

/// One thing that a version asks for, and the accepted one does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Capability(Capability),
    WebHost(String),
    Word(Box<str>),
    /// More people may use a command, or more often.
    Looser {
        command: Box<str>,
        term: LooserTerm,
    },
    /// What is set here is none of its settings, or no valid value of it.
    RejectsSetting {
        key: String,
    },
    LargeClass,
}

/// Before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LooserTerm {
    Role(Role, Role),
    Cooldown(Duration, Duration),
    ChatterCooldown(Duration, Duration),
}

impl Difference {
    /// Whether both tell the same of the same command or word, whatever it was before.
    pub fn is_about(&self, other: &Difference) -> bool {
        match (self, other) {
            (Difference::Looser { command, term }, Difference::Looser { command: there, term: other }) => {
                command == there && discriminant(term) == discriminant(other)
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Capability(capability) => write!(f, "it asks for the capability {capability}"),
            Difference::WebHost(host) => write!(f, "it asks for the web host {host}"),
            Difference::Word(word) => write!(f, "it answers to the word {word}"),
            Difference::Looser { command, term } => match term {
                LooserTerm::Role(before, after) => write!(f, "{command} is for {after}, and was for {before}"),
                LooserTerm::Cooldown(before, after) => {
                    let (before, after) = (show_span(*before), show_span(*after));
                    write!(f, "the cooldown of {command} is {after}, and was {before}")
                }
                LooserTerm::ChatterCooldown(before, after) => {
                    let (before, after) = (show_span(*before), show_span(*after));
                    write!(f, "a chatter's cooldown of {command} is {after}, and was {before}")
                }
            },
            Difference::RejectsSetting { key } => write!(f, "it does not take the value that {key} has here"),
            Difference::LargeClass => f.write_str("it is of the size class large"),
        }
    }
}
