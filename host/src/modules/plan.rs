//! Plans a change of a module's versions. Pure.

use std::time::SystemTime;

use super::channels::Channels;
use super::refusal::ChangeVersionsError;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::report::Transition;
use crate::domain::version::{Canary, UploadedModule, UploadedVersion};
use crate::store::host::modules::VersionChange;

/// Most channels that a refusal names.
const MOST_NAMED: usize = 5;

/// The changes to make, and what they mean for which versions.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<VersionChange>,
    pub(super) transitions: Transitions,
}

/// An action on the versions of an uploaded module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Withdraws a version everywhere. Refused while a channel runs it, unless forced.
    Withdraw { version: semver::Version, is_forced: bool },
    /// Withdraws all versions of the module, or none.
    WithdrawAll { is_forced: bool },
    /// Makes a withdrawn version available again.
    Restore { version: semver::Version },
    /// Withdraws all versions above `to`, or with `None` above the version that was the latest before. Every channel is
    /// back on that version at once, unless the channel never accepted as much.
    RollBack { to: Option<semver::Version> },
    /// Gives the version only to these channels. All others get the highest other version, which must be older:
    /// otherwise a promotion would change nothing. There is one canary at a time; its channels may change.
    SetCanary(Canary),
    /// Makes the canary an ordinary version: the latest, if it is the highest.
    PromoteCanary,
    /// Withdraws the canary.
    DropCanary,
}

/// The versions that an action named or changed, ascending, and what happened to each.
pub type Transitions = Vec<(semver::Version, Transition)>;

pub(super) type Planned = Result<Plan, ChangeVersionsError>;

impl Action {
    pub(super) fn plan(self, module: &UploadedModule, channels: &dyn Channels) -> Planned {
        match self {
            Action::Withdraw { version, is_forced } => {
                let there = find_version(module, &version)?;
                let versions = std::slice::from_ref(there);
                require_unused(versions, is_forced, channels)?;
                Ok(Plan { transitions: vec![(version, Transition::Withdrawn)], ..withdraw(module, versions.iter()) })
            }
            Action::WithdrawAll { is_forced } => {
                require_unused(&module.versions, is_forced, channels)?;
                Ok(withdraw(module, module.versions.iter()))
            }
            Action::Restore { version } => {
                let is_withdrawn = find_version(module, &version)?.is_withdrawn();
                let restore = is_withdrawn.then(|| VersionChange::Restore { version: version.clone() });
                Ok(Plan { changes: restore.into_iter().collect(), transitions: vec![(version, Transition::Restored)] })
            }
            Action::RollBack { to } => roll_back(module, to),
            Action::SetCanary(canary) => {
                if find_version(module, &canary.version)?.is_withdrawn() {
                    return Err(ChangeVersionsError::Withdrawn(canary.version));
                }
                check_canary(Some(module), &canary, channels)?;
                let transitions = vec![(canary.version.clone(), Transition::Canary)];
                Ok(Plan { changes: vec![VersionChange::SetCanary(Some(canary))], transitions })
            }
            Action::PromoteCanary => {
                let transitions = vec![(find_canary(module)?.version.clone(), Transition::Promoted)];
                Ok(Plan { changes: vec![VersionChange::SetCanary(None)], transitions })
            }
            Action::DropCanary => {
                let version = find_canary(module)?.version.clone();
                let withdraw = VersionChange::Withdraw { version: version.clone() };
                let changes = vec![withdraw, VersionChange::SetCanary(None)];
                Ok(Plan { changes, transitions: vec![(version, Transition::Withdrawn)] })
            }
        }
    }
}

fn find_version<'a>(
    module: &'a UploadedModule,
    version: &semver::Version,
) -> Result<&'a UploadedVersion, ChangeVersionsError> {
    module.find_version(version).ok_or(ChangeVersionsError::UnknownVersion)
}

fn find_canary(module: &UploadedModule) -> Result<&Canary, ChangeVersionsError> {
    module.canary.as_ref().ok_or(ChangeVersionsError::NoCanary)
}

fn require_unused(
    versions: &[UploadedVersion],
    is_forced: bool,
    channels: &dyn Channels,
) -> Result<(), ChangeVersionsError> {
    if is_forced {
        return Ok(());
    }
    let running = versions.iter().flat_map(|there| channels.list_running(&there.manifest));
    let running: Vec<ChannelId> = running.collect();
    if running.is_empty() {
        return Ok(());
    }
    let channels = running.iter().take(MOST_NAMED).copied().collect();
    Err(ChangeVersionsError::InUse { channels, count: running.len() })
}

/// Withdraws `versions`; only those that were not withdrawn get a fate. A canary among the versions ends.
fn withdraw<'a>(module: &UploadedModule, versions: impl Iterator<Item = &'a UploadedVersion> + Clone) -> Plan {
    let on_air = versions.clone().filter(|there| !there.is_withdrawn());
    let withdrawn: Vec<semver::Version> = on_air.map(|there| there.manifest.version.clone()).collect();
    let mut changes: Vec<_> =
        withdrawn.iter().map(|version| VersionChange::Withdraw { version: version.clone() }).collect();
    let mut all = versions.map(|there| &there.manifest.version);
    if module.canary.as_ref().is_some_and(|canary| all.any(|version| *version == canary.version)) {
        changes.push(VersionChange::SetCanary(None));
    }
    Plan { changes, transitions: withdrawn.into_iter().map(|version| (version, Transition::Withdrawn)).collect() }
}

fn roll_back(module: &UploadedModule, to: Option<semver::Version>) -> Planned {
    let to = match to {
        Some(to) => to,
        None => find_before(module).ok_or(ChangeVersionsError::NothingBefore)?.manifest.version.clone(),
    };
    if find_version(module, &to)?.is_withdrawn() {
        return Err(ChangeVersionsError::Withdrawn(to));
    }
    let mut plan = withdraw(module, module.versions.iter().filter(|there| there.manifest.version > to));
    // A version for all channels is no canary.
    if module.canary.as_ref().is_some_and(|canary| canary.version == to) {
        plan.changes.push(VersionChange::SetCanary(None));
    }
    Ok(plan)
}

/// Checks a canary. A canary's channels may change, but not its version.
pub(super) fn check_canary(
    module: Option<&UploadedModule>,
    Canary { version, channels: wanted }: &Canary,
    channels: &dyn Channels,
) -> Result<(), ChangeVersionsError> {
    if !channels.are_known(wanted) {
        return Err(ChangeVersionsError::NoChannels);
    }
    let other = module.and_then(|module| module.canary.as_ref()).filter(|there| there.version != *version);
    if let Some(other) = other {
        return Err(ChangeVersionsError::CanaryExists(other.version.clone()));
    }
    match module.and_then(|module| find_newer(module, version)) {
        Some(latest) => Err(ChangeVersionsError::CanaryTooOld { older: version.clone(), latest: latest.clone() }),
        None => Ok(()),
    }
}

/// The highest available version, if it is newer than `version`: the others would have it if `version` were a canary.
fn find_newer<'a>(module: &'a UploadedModule, version: &semver::Version) -> Option<&'a semver::Version> {
    let on_air = module.versions.iter().rev().filter(|there| !there.is_withdrawn());
    on_air.map(|there| &there.manifest.version).next().filter(|highest| *highest > version)
}

/// The version that was the latest before, or, if that is not available, the highest below. A version with a lower
/// number that was uploaded later has never been the latest.
fn find_before(module: &UploadedModule) -> Option<&UploadedVersion> {
    let below = || module.list_offered(None).skip(1);
    let was = below().find(|there| module.was_latest.as_ref() == Some(&there.manifest.version));
    was.or_else(|| below().next())
}

/// Records which version was the latest before the change to `after`, for a later roll-back.
pub(super) fn record_previous_latest(before: Option<&UploadedModule>, after: &UploadedModule) -> Option<VersionChange> {
    let was = before?.latest()?;
    let is_latest = after.latest().is_some_and(|latest| latest.manifest.digest == was.manifest.digest);
    (!is_latest).then(|| VersionChange::RecordPreviousLatest { version: was.manifest.version.clone() })
}

/// The module as the store has it once the changes are made.
pub(super) fn with_changes(
    module: Option<&UploadedModule>,
    name: &ModuleName,
    changes: &[VersionChange],
    at: SystemTime,
) -> UploadedModule {
    let new =
        || UploadedModule { name: name.clone(), publisher: None, versions: Vec::new(), canary: None, was_latest: None };
    let mut next = module.cloned().unwrap_or_else(new);
    for change in changes {
        match change {
            VersionChange::Publish { manifest, by } => {
                if next.versions.is_empty() {
                    next.publisher.clone_from(by);
                }
                let place = next.versions.partition_point(|there| there.manifest.version < manifest.version);
                let version = UploadedVersion {
                    manifest: manifest.clone(),
                    uploaded_at: at,
                    uploaded_by: by.clone(),
                    withdrawn_at: None,
                };
                next.versions.insert(place, version);
            }
            VersionChange::Withdraw { version } => mark(&mut next, version, Some(at)),
            VersionChange::Restore { version } => mark(&mut next, version, None),
            VersionChange::SetCanary(canary) => next.canary.clone_from(canary),
            VersionChange::RecordPreviousLatest { version } => next.was_latest = Some(version.clone()),
        }
    }
    next
}

fn mark(module: &mut UploadedModule, version: &semver::Version, withdrawn_at: Option<SystemTime>) {
    if let Some(there) = module.versions.iter_mut().find(|there| there.manifest.version == *version) {
        there.withdrawn_at = withdrawn_at;
    }
}
