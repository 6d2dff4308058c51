//! A channel's consent to an uploaded module, and which version follows from it. Pure.
//!
//! A channel accepts one version with all that it asks for. From then on the channel follows the latest version as long
//! as that asks for no more. A version that asks for more waits until it is accepted; the channel is shown the
//! difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{Capability, Grants, Manifest};
use crate::domain::version::{UploadedModule, UploadedVersion};

pub mod agree;
pub mod enable;
pub mod roll_back;

/// A channel's decisions about a module's versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The version whose requests were granted last.
    pub accepted: Option<ModuleDigest>,
    /// The grants of each version that was ever accepted.
    pub granted: BTreeMap<ModuleDigest, Grants>,
    /// The version that the channel is pinned to; `None`: the channel follows the latest.
    pub pinned: Option<semver::Version>,
}

/// The result of applying a channel's consent to the current versions.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The version that runs, or that would run if any might.
    pub manifest: Arc<Manifest>,
    /// Whether a version that is not withdrawn was accepted, or asks for no more than the accepted one.
    pub may_run: bool,
    /// The version's grants.
    pub grants: Grants,
    /// The version that would run if its requests were accepted.
    pub waiting: Option<Arc<Waiting>>,
}

/// A version that a channel would run if its requests were accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub manifest: Arc<Manifest>,
    /// A sentence for each request that the accepted version does not make. Never empty.
    pub asks: Vec<String>,
}

/// An uploaded module, seen from one channel.
#[derive(Clone, Copy)]
pub struct ModuleInChannel<'a> {
    pub module: &'a UploadedModule,
    pub channel: ChannelId,
    /// In words: what the second version asks for and the first does not, given the channel's settings.
    pub compare: &'a dyn Fn(&Manifest, &Manifest) -> Vec<String>,
}

/// Why a channel's consent cannot change as wished.
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
    /// An empty list: a version is due that asks for more than capabilities.
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

/// The capabilities without a grant that the waiting version requests, or else the version that is here.
pub fn list_missing(here: &Manifest, waiting: Option<&Waiting>, grants: &Grants) -> Vec<Capability> {
    let asking = waiting.map_or(here, |waiting| &waiting.manifest);
    let is_missing = |capability: &&Capability| !grants.covers(**capability);
    asking.capabilities.iter().filter(is_missing).copied().collect()
}

impl Consent {
    /// Decides which version runs and which one waits. `None` for a module without versions.
    pub fn settle(&self, at: ModuleInChannel<'_>) -> Option<Settled> {
        let accepted = self.find_accepted(at.module);
        let candidates = self.list_candidates(at);
        let due = candidates.first().copied();
        let agreed = accepted.map(|accepted| &accepted.manifest).filter(|accepted| self.find_own(accepted).is_some());
        let runs = agreed.and_then(|agreed| {
            let mut candidates = candidates.iter().copied();
            candidates.find_map(|version| Some((version, self.find_grants(at, agreed, &version.manifest)?.clone())))
        });
        let waiting = agreed.zip(due).and_then(|(agreed, due)| {
            let is_running = runs.as_ref().is_some_and(|(running, _)| running.manifest.digest == due.manifest.digest);
            let asks = || (at.compare)(agreed, &due.manifest);
            (!is_running).then(|| Arc::new(Waiting { manifest: due.manifest.clone(), asks: asks() }))
        });
        let shown = runs.as_ref().map(|(version, _)| *version).or(accepted).or(due).or(at.module.versions.last())?;
        let may_run = runs.is_some();
        let granted = || accepted.and_then(|accepted| self.granted.get(&accepted.manifest.digest).cloned());
        let grants = runs.map(|(_, grants)| grants).or_else(granted).unwrap_or_default();
        Some(Settled { manifest: shown.manifest.clone(), may_run, grants, waiting })
    }

    /// The version that the channel would run if nothing had to be accepted.
    pub fn find_due<'a>(&self, at: ModuleInChannel<'a>) -> Option<&'a UploadedVersion> {
        self.list_candidates(at).first().copied()
    }

    /// `None` if the pin is already as wanted.
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

    /// The versions that may be due, best first:
    ///
    /// - Without a pin: the canary if this is one of its channels, then from the highest downwards.
    /// - With a pin: the pinned version, then the nearest below, then the nearest above. So pinning 1.2 never means
    ///   3.0, even if 1.2 is withdrawn.
    fn list_candidates<'a>(&self, at: ModuleInChannel<'a>) -> Vec<&'a UploadedVersion> {
        let (module, channel) = (at.module, at.channel);
        let offered = module.list_offered(Some(channel));
        let Some(pinned) = &self.pinned else {
            return module.find_canary(channel).into_iter().chain(offered).collect();
        };
        let (above, below): (Vec<_>, Vec<_>) = offered.partition(|version| version.manifest.version > *pinned);
        let named = module.find_version(pinned).filter(|version| !version.is_withdrawn());
        named.into_iter().chain(below).chain(above.into_iter().rev()).collect()
    }

    /// The grants of `version` if it asks for no more than `accepted`, was itself accepted, or asks for no more than
    /// another that was. `None` if `accepted` has lost a grant that it needs: then no version runs, not even an older
    /// one.
    fn find_grants(&self, at: ModuleInChannel<'_>, accepted: &Manifest, version: &Manifest) -> Option<&Grants> {
        let grants = self.find_own(accepted)?;
        let follows = |earlier: &Manifest| (at.compare)(earlier, version).is_empty();
        if version.digest == accepted.digest || follows(accepted) {
            return Some(grants);
        }
        // Only for versions before the accepted one: a newer version that asks for more than the accepted one needs
        // consent.
        let earlier = at.module.versions.iter().rev().map(|there| &*there.manifest);
        let mut earlier = earlier.filter(|there| there.version < version.version && version.version < accepted.version);
        let followed = |there| self.find_own(there).filter(|grants| grants.suffice_for(version) && follows(there));
        self.find_own(version).or_else(|| earlier.find_map(followed))
    }

    /// The grants of an accepted version, if they are all that it needs.
    fn find_own(&self, version: &Manifest) -> Option<&Grants> {
        self.granted.get(&version.digest).filter(|grants| grants.suffice_for(version))
    }
}
