//! What versions of a module there are, and the one request by which a bad one is off the air.
//!
//! A change is checked against the catalogue, made in the store in one transaction, then in memory, and only then are the
//! channels told: whatever the host dies of, it starts with the old state or with the new one. Calls in flight keep the
//! version that they began with.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use super::catalogue::{Catalogue, Listed};
use super::powers::Powers;
use super::{Setup, is_always_on, list_words};
use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::{Manifest, ModuleSource};
use crate::domain::principal::KeyId;
use crate::domain::version::{Canary, UploadedModule, UploadedVersion};
use crate::store::StoreError;
use crate::store::modules::VersionChange;

mod plan;

use plan::{Plan, with_changes};

/// Uploaded modules of a host.
const MOST_MODULES: usize = 4096;
/// Versions of one module, withdrawn ones included: these are kept, so that nobody brings other bytes under their number.
const MOST_VERSIONS: usize = 256;
/// Channels that a refusal names.
const MOST_NAMED: usize = 5;
/// Channels that are told of a change before others on the thread have a turn.
const CHANNELS_AT_ONCE: usize = 64;

/// Why a module does not become one of the host's.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    #[error("the name {0} belongs to a module of this host")]
    NameReserved(ModuleName),
    #[error("the word {word} belongs to the module {module} of this host")]
    WordReserved { word: Box<str>, module: ModuleName },
    #[error("the name {0} belongs to another API key")]
    NotPublisher(ModuleName),
    #[error("there is a version {version} with other bytes: {there} is there, {brought} was brought")]
    VersionTaken { version: semver::Version, there: ModuleDigest, brought: ModuleDigest },
    #[error("the host has no room for more than {0}")]
    Full(&'static str),
    #[error("a canary needs at least one channel, and none that this host does not know")]
    NoChannels,
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
    #[error("it runs in {count} of the host's channels; an operator says force=true to take it off the air there")]
    InUse { channels: Vec<ChannelId>, count: usize },
    #[error("version {0} is withdrawn")]
    Withdrawn(semver::Version),
    #[error("there is no version before it")]
    NothingBefore,
    #[error("there is no canary")]
    NoCanary,
    #[error("a canary needs at least one channel, and none that this host does not know")]
    NoChannels,
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
    /// A name belongs to the key that brought it first. That key and the operator may add versions.
    pub async fn publish(
        self: &Arc<Self>,
        manifest: Arc<Manifest>,
        canary: Option<BTreeSet<ChannelId>>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Published, PublishError> {
        let name = manifest.name.clone();
        let key = key_of(&stamp);
        let check = move |setup: &Setup, catalogue: &Catalogue| {
            let there = setup.check_publish(catalogue, &manifest, by, key.as_ref())?;
            if let Some(version) = there {
                return Ok::<_, PublishError>(Plan { changes: Vec::new(), answer: (version.manifest.digest, false) });
            }
            if canary.as_ref().is_some_and(|channels| !setup.are_known(channels)) {
                return Err(PublishError::NoChannels);
            }
            let digest = manifest.digest;
            let canary = canary.map(|channels| Canary { version: manifest.version.clone(), channels });
            let mut changes = vec![VersionChange::Publish { manifest, by: key }];
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

    /// Withdraws all versions above `to`, or, where that is None, above the one before the latest: every channel is back
    /// on it at once, unless it never accepted as much.
    pub async fn roll_back(
        self: &Arc<Self>,
        name: ModuleName,
        to: Option<semver::Version>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<RolledBack, ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |_, module| plan::roll_back(module, to)).await
    }

    /// From now on only these channels have the version, and all others the highest one beside it.
    pub async fn set_canary(
        self: &Arc<Self>,
        name: ModuleName,
        canary: Canary,
        by: Powers,
        stamp: Stamp,
    ) -> Result<(), ChangeVersionsError> {
        self.change_uploaded(name, by, stamp, move |setup, module| {
            let there = module.find_version(&canary.version).ok_or(ChangeVersionsError::UnknownVersion)?;
            if there.is_withdrawn() {
                return Err(ChangeVersionsError::Withdrawn(canary.version));
            }
            if !setup.are_known(&canary.channels) {
                return Err(ChangeVersionsError::NoChannels);
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

    async fn change_uploaded<T: Send + 'static>(
        self: &Arc<Self>,
        name: ModuleName,
        by: Powers,
        stamp: Stamp,
        plan: impl FnOnce(&Setup, &UploadedModule) -> Result<Plan<T>, ChangeVersionsError> + Send + 'static,
    ) -> Result<T, ChangeVersionsError> {
        let key = key_of(&stamp);
        let checked = name.clone();
        let check = move |setup: &Setup, catalogue: &Catalogue| match catalogue.find(&checked) {
            None => Err(ChangeVersionsError::UnknownModule),
            Some(Listed::Fixed(_)) => Err(ChangeVersionsError::NotUploaded(checked)),
            Some(Listed::Uploaded(module)) if !may_publish(module, by, key.as_ref()) => {
                Err(ChangeVersionsError::NotPublisher(checked))
            }
            Some(Listed::Uploaded(module)) => plan(setup, module),
        };
        self.change_versions(name, stamp, check).await.map(|(_, answer)| answer)
    }

    /// The one way by which versions change. Goes through even if its future is dropped, so that memory never stays behind
    /// the disk.
    async fn change_versions<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: &Arc<Self>,
        name: ModuleName,
        stamp: Stamp,
        check: impl FnOnce(&Setup, &Catalogue) -> Result<Plan<T>, E> + Send + 'static,
    ) -> Result<(Arc<UploadedModule>, T), E> {
        let setup = self.clone();
        let changing = tokio::spawn(async move {
            let _turn = setup.changing.lock().await;
            let catalogue = setup.catalogue();
            let Plan { changes, answer } = check(&setup, &catalogue)?;
            let before = catalogue.find_uploaded(&name);
            if let Some(before) = before.filter(|_| changes.is_empty()) {
                return Ok((before.clone(), answer));
            }
            let after = with_changes(before.map(|before| &**before), &name, &changes, stamp.at);
            setup.store.change_versions(name.clone(), changes, stamp).await?;
            setup.take_catalogue(catalogue.with_uploaded(after.clone()), &name).await;
            Ok((Arc::new(after), answer))
        });
        // It panics where a lock is poisoned by a panic elsewhere, or ends with the host.
        changing.await.map_err(|_| StoreError::Closed)?
    }

    /// Lets every channel see the change of one module: those that have said something of it settle anew, all others only
    /// take note. A reload that began before sees it by itself.
    async fn take_catalogue(&self, catalogue: Catalogue, changed: &ModuleName) {
        let catalogue = Arc::new(catalogue);
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue.clone();
        for (number, before) in self.list_channels().into_iter().enumerate() {
            if number % CHANNELS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            self.tell_channel(before.channel.id, &catalogue, changed);
        }
    }

    fn tell_channel(&self, channel: ChannelId, catalogue: &Arc<Catalogue>, changed: &ModuleName) {
        while let Some(before) = self.find_channel(channel).filter(|it| !Arc::ptr_eq(it.catalogue(), catalogue)) {
            let after = Arc::new(before.with_catalogue(catalogue, Some(changed)));
            let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
            if channels.get(&channel).is_some_and(|there| Arc::ptr_eq(there, &before)) {
                channels.insert(channel, after);
            }
        }
    }

    /// The version that is there already with these very bytes.
    fn check_publish(
        &self,
        catalogue: &Catalogue,
        manifest: &Manifest,
        by: Powers,
        key: Option<&KeyId>,
    ) -> Result<Option<UploadedVersion>, PublishError> {
        let Manifest { name, version, digest, .. } = manifest;
        if is_always_on(name) || matches!(catalogue.find(name), Some(Listed::Fixed(_))) {
            return Err(PublishError::NameReserved(name.clone()));
        }
        let Some(module) = catalogue.find_uploaded(name) else {
            let uploads = catalogue.list().filter(|(_, listed)| matches!(listed, Listed::Uploaded(_))).count();
            let is_full = uploads >= MOST_MODULES;
            return if is_full { Err(PublishError::Full("4096 modules")) } else { check_words(catalogue, manifest) };
        };
        if !may_publish(module, by, key) {
            return Err(PublishError::NotPublisher(name.clone()));
        }
        if let Some(there) = module.find_digest(*digest) {
            return Ok(Some(there.clone()));
        }
        if let Some(there) = module.find_version(version) {
            let there = there.manifest.digest;
            return Err(PublishError::VersionTaken { version: version.clone(), there, brought: *digest });
        }
        if module.versions.len() >= MOST_VERSIONS {
            return Err(PublishError::Full("256 versions of a module"));
        }
        check_words(catalogue, manifest)
    }
}

fn require_unused(running: &[ChannelId]) -> Result<(), ChangeVersionsError> {
    if running.is_empty() {
        return Ok(());
    }
    let channels = running.iter().take(MOST_NAMED).copied().collect();
    Err(ChangeVersionsError::InUse { channels, count: running.len() })
}

/// A bundled module's words stay its own even where it is off: a chatter knows them.
fn check_words(catalogue: &Catalogue, manifest: &Manifest) -> Result<Option<UploadedVersion>, PublishError> {
    let bundled = catalogue.list_fixed().filter(|there| there.source == ModuleSource::Bundled);
    for there in bundled {
        if let Some(word) = list_words(manifest).find(|word| list_words(there).any(|reserved| reserved == *word)) {
            return Err(PublishError::WordReserved { word: word.clone(), module: there.name.clone() });
        }
    }
    Ok(None)
}

fn may_publish(module: &UploadedModule, by: Powers, key: Option<&KeyId>) -> bool {
    by == Powers::Operator || key.is_some() && module.publisher.as_ref() == key
}

fn key_of(stamp: &Stamp) -> Option<KeyId> {
    match &stamp.by {
        Actor::Key { id, .. } => Some(id.clone()),
        Actor::Claim { .. } | Actor::Chatter { .. } | Actor::CommandLine | Actor::Host => None,
    }
}

#[cfg(test)]
mod tests;
