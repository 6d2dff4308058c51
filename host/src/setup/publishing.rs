//! What versions of a module there are, and the one request by which a bad one is off the air.
//!
//! A change is planned here and made by `making`. Calls in flight keep the version that they began with.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Setup;
use super::catalogue::Catalogue;
use super::powers::Powers;
use crate::domain::audit::Stamp;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::version::{Canary, UploadedModule, UploadedVersion};
use crate::store::StoreError;
use crate::store::modules::VersionChange;

mod check;
mod making;
mod plan;

use making::caller_of;
use plan::Plan;

/// Channels that a refusal names.
const MOST_NAMED: usize = 5;

/// Why a module does not become one of the host's.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    #[error("the name {0} belongs to a module of this host")]
    NameReserved(ModuleName),
    #[error("the word {word} belongs to the module {module} of this host")]
    WordReserved { word: Box<str>, module: ModuleName },
    #[error("the name {0} belongs to another API key")]
    NotPublisher(ModuleName),
    #[error(
        "version {version} is there already, with other bytes: raise the version in the module's Cargo.toml, build it again, \
         and upload that"
    )]
    VersionTaken { version: semver::Version, there: ModuleDigest, brought: ModuleDigest },
    #[error("the host has no room for more than {0}")]
    Full(&'static str),
    #[error("a canary needs at least one channel, and none that this host does not know")]
    NoChannels,
    #[error("version {0} is being tried out: promote or drop it first")]
    CanaryExists(semver::Version),
    /// No channel would get it by a promotion.
    #[error(
        "{older} is older than {latest}, which every channel has: pin it in those channels, or withdraw {latest} first"
    )]
    CanaryTooOld { older: semver::Version, latest: semver::Version },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the versions of a module stay as they are.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeVersionsError {
    #[error("there is no such module")]
    UnknownModule,
    /// Bundled or configured.
    #[error("the module {0} is no upload: it has one version")]
    NotUploaded(ModuleName),
    #[error("there is no such version")]
    UnknownVersion,
    #[error("the name {0} belongs to another API key")]
    NotPublisher(ModuleName),
    #[error(
        "it runs in {count} of the host's channels; an operator takes it off the air there all the same with force=true, which is --force on the command line"
    )]
    InUse { channels: Vec<ChannelId>, count: usize },
    #[error("version {0} is withdrawn")]
    Withdrawn(semver::Version),
    #[error("there is no version before it")]
    NothingBefore,
    #[error("there is no canary")]
    NoCanary,
    #[error("a canary needs at least one channel, and none that this host does not know")]
    NoChannels,
    /// In its place another one would become everybody's, although nobody promoted it.
    #[error("version {0} is being tried out: promote or drop it first")]
    CanaryExists(semver::Version),
    /// No channel would get it by a promotion.
    #[error(
        "{older} is older than {latest}, which every channel has: pin it in those channels, or withdraw {latest} first"
    )]
    CanaryTooOld { older: semver::Version, latest: semver::Version },
    #[error("it has changed since it was read")]
    Overtaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A module that was brought.
#[derive(Clone, Debug)]
pub struct Published {
    pub version: UploadedVersion,
    /// False where the same bytes had been brought before.
    pub is_new: bool,
}

/// What a roll-back did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    pub to: semver::Version,
    /// The versions that are withdrawn by it, ascending.
    pub withdrawn: Vec<semver::Version>,
}

impl Setup {
    /// Makes an uploaded module known, or a new version of it: current at once where a channel has accepted as much, and
    /// enabled nowhere else. With channels for a canary, only these have it until it is promoted.
    ///
    /// A name belongs to the caller who uploaded it first. That caller and the operator may add versions.
    pub async fn publish(
        self: &Arc<Self>,
        manifest: Arc<Manifest>,
        canary: Option<BTreeSet<ChannelId>>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Published, PublishError> {
        let name = manifest.name.clone();
        let caller = caller_of(&stamp);
        let check = move |setup: &Setup, catalogue: &Catalogue| {
            let there = setup.check_publish(catalogue, &manifest, by, caller.as_ref())?;
            if let Some(version) = there {
                return Ok::<_, PublishError>(Plan { changes: Vec::new(), answer: (version.manifest.digest, false) });
            }
            if canary.as_ref().is_some_and(|channels| !setup.are_known(channels)) {
                return Err(PublishError::NoChannels);
            }
            let there = catalogue.find_uploaded(&manifest.name).and_then(|module| module.canary.as_ref());
            if let Some(there) = there.filter(|_| canary.is_some()) {
                return Err(PublishError::CanaryExists(there.version.clone()));
            }
            let latest = catalogue.find_uploaded(&manifest.name).and_then(|it| plan::find_newer(it, &manifest.version));
            if let Some(latest) = latest.filter(|_| canary.is_some()) {
                return Err(PublishError::CanaryTooOld { older: manifest.version.clone(), latest: latest.clone() });
            }
            let digest = manifest.digest;
            let canary = canary.map(|channels| Canary { version: manifest.version.clone(), channels });
            let mut changes = vec![VersionChange::Publish { manifest, by: caller }];
            changes.extend(canary.map(|canary| VersionChange::SetCanary(Some(canary))));
            Ok(Plan { changes, answer: (digest, true) })
        };
        let (module, (digest, is_new)) = self.change_versions(name, stamp, check).await?;
        let version = module.find_digest(digest).cloned();
        let version = version.expect("what was published, or found to be there, is a version of its module");
        Ok(Published { version, is_new })
    }

    /// Takes a version off the air everywhere. Refused while a channel runs it, unless it is `forced`.
    pub async fn withdraw(
        self: &Arc<Self>,
        name: ModuleName,
        version: semver::Version,
        forced: bool,
        by: Powers,
        stamp: Stamp,
    ) -> Result<(), ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |setup, module| {
            let there = module.find_version(&version).ok_or(ChangeVersionsError::UnknownVersion)?;
            if !forced {
                require_unused(&setup.list_running(&there.manifest))?;
            }
            let Plan { changes, .. } = plan::withdraw(module, std::slice::from_ref(there));
            Ok(Plan { changes, answer: () })
        })
        .await
    }

    /// The same for all versions of a module, or none. Answers which are withdrawn by it, ascending.
    pub async fn withdraw_all(
        self: &Arc<Self>,
        name: ModuleName,
        forced: bool,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Vec<semver::Version>, ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |setup, module| {
            if !forced {
                let running = module.versions.iter().flat_map(|there| setup.list_running(&there.manifest));
                require_unused(&running.collect::<Vec<_>>())?;
            }
            Ok(plan::withdraw(module, &module.versions))
        })
        .await
    }

    /// Puts a withdrawn version on the air again.
    pub async fn restore(
        self: &Arc<Self>,
        name: ModuleName,
        version: semver::Version,
        by: Powers,
        stamp: Stamp,
    ) -> Result<(), ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |_, module| {
            let there = module.find_version(&version).ok_or(ChangeVersionsError::UnknownVersion)?;
            let changes = there.is_withdrawn().then_some(VersionChange::Restore { version });
            Ok(Plan { changes: changes.into_iter().collect(), answer: () })
        })
        .await
    }

    /// Withdraws all versions above `to`, or, where that is None, above the one that was the latest before: every channel is
    /// back on it at once, unless it never accepted as much.
    pub async fn roll_back(
        self: &Arc<Self>,
        name: ModuleName,
        to: Option<semver::Version>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<RolledBack, ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |_, module| plan::roll_back(module, to)).await
    }

    /// From now on only these channels have the version, and all others the highest one beside it, which is an older one:
    /// otherwise nothing would come of promoting it. One at a time is tried out; its channels may change. `is_as_read` says
    /// whether the module is still what its caller has seen.
    pub async fn set_canary(
        self: &Arc<Self>,
        name: ModuleName,
        canary: Canary,
        is_as_read: impl FnOnce(&UploadedModule) -> bool + Send + 'static,
        by: Powers,
        stamp: Stamp,
    ) -> Result<(), ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |setup, module| {
            if !is_as_read(module) {
                return Err(ChangeVersionsError::Overtaken);
            }
            let there = module.find_version(&canary.version).ok_or(ChangeVersionsError::UnknownVersion)?;
            if there.is_withdrawn() {
                return Err(ChangeVersionsError::Withdrawn(canary.version));
            }
            if !setup.are_known(&canary.channels) {
                return Err(ChangeVersionsError::NoChannels);
            }
            if let Some(other) = module.canary.as_ref().filter(|there| there.version != canary.version) {
                return Err(ChangeVersionsError::CanaryExists(other.version.clone()));
            }
            if let Some(latest) = plan::find_newer(module, &canary.version) {
                let latest = latest.clone();
                return Err(ChangeVersionsError::CanaryTooOld { older: canary.version, latest });
            }
            Ok(Plan { changes: vec![VersionChange::SetCanary(Some(canary))], answer: () })
        })
        .await
    }

    /// The canary becomes a version as any other: the latest, where it is the highest. Answers which it was.
    pub async fn promote_canary(
        self: &Arc<Self>,
        name: ModuleName,
        by: Powers,
        stamp: Stamp,
    ) -> Result<semver::Version, ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, |_, module| {
            let canary = module.canary.as_ref().ok_or(ChangeVersionsError::NoCanary)?;
            Ok(Plan { changes: vec![VersionChange::SetCanary(None)], answer: canary.version.clone() })
        })
        .await
    }

    /// The canary is withdrawn. Answers which it was.
    pub async fn drop_canary(
        self: &Arc<Self>,
        name: ModuleName,
        by: Powers,
        stamp: Stamp,
    ) -> Result<semver::Version, ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, |_, module| {
            let canary = module.canary.as_ref().ok_or(ChangeVersionsError::NoCanary)?;
            let version = canary.version.clone();
            let withdraw = VersionChange::Withdraw { version: version.clone() };
            Ok(Plan { changes: vec![withdraw, VersionChange::SetCanary(None)], answer: version })
        })
        .await
    }

    /// The channels that run exactly this version, by id.
    pub fn list_running(&self, manifest: &Manifest) -> Vec<ChannelId> {
        let channels = self.list_channels();
        let runs =
            |module: &super::channel::ModuleSetup| module.is_running() && module.manifest.digest == manifest.digest;
        let running = channels.iter().filter(|setup| setup.find_module(&manifest.name).is_some_and(runs));
        running.map(|setup| setup.channel.id).collect()
    }

    fn are_known(&self, channels: &BTreeSet<ChannelId>) -> bool {
        !channels.is_empty() && channels.iter().all(|channel| self.find_channel(*channel).is_some())
    }
}

fn require_unused(running: &[ChannelId]) -> Result<(), ChangeVersionsError> {
    if running.is_empty() {
        return Ok(());
    }
    let channels = running.iter().take(MOST_NAMED).copied().collect();
    Err(ChangeVersionsError::InUse { channels, count: running.len() })
}

#[cfg(test)]
mod tests;
