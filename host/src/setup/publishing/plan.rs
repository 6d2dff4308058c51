//! What a change of a module's versions comes to. Pure.

use std::time::SystemTime;

use super::{ChangeVersionsError, RolledBack};
use crate::domain::id::ModuleName;
use crate::domain::version::{Canary, UploadedModule, UploadedVersion};
use crate::store::modules::VersionChange;

/// What is to be changed, and what is answered once it is.
pub(super) struct Plan<T> {
    pub(super) changes: Vec<VersionChange>,
    pub(super) answer: T,
}

/// Which of these are withdrawn by it, ascending, is the answer. A trial of one of them is over.
pub(super) fn withdraw(module: &UploadedModule, versions: &[UploadedVersion]) -> Plan<Vec<semver::Version>> {
    let on_air = versions.iter().filter(|there| !there.is_withdrawn());
    let withdrawn: Vec<semver::Version> = on_air.map(|there| there.manifest.version.clone()).collect();
    let mut changes: Vec<_> =
        withdrawn.iter().map(|version| VersionChange::Withdraw { version: version.clone() }).collect();
    let is_canary = |canary: &Canary| versions.iter().any(|there| there.manifest.version == canary.version);
    if module.canary.as_ref().is_some_and(is_canary) {
        changes.push(VersionChange::SetCanary(None));
    }
    Plan { changes, answer: withdrawn }
}

pub(super) fn roll_back(
    module: &UploadedModule,
    to: Option<semver::Version>,
) -> Result<Plan<RolledBack>, ChangeVersionsError> {
    let to = match to {
        Some(to) => to,
        None => find_before(module).ok_or(ChangeVersionsError::NothingBefore)?.manifest.version.clone(),
    };
    let there = module.find_version(&to).ok_or(ChangeVersionsError::UnknownVersion)?;
    if there.is_withdrawn() {
        return Err(ChangeVersionsError::Withdrawn(to));
    }
    let above = module.versions.iter().filter(|there| there.manifest.version > to && !there.is_withdrawn());
    let withdrawn: Vec<semver::Version> = above.map(|there| there.manifest.version.clone()).collect();
    let mut changes: Vec<_> =
        withdrawn.iter().map(|version| VersionChange::Withdraw { version: version.clone() }).collect();
    // A trial above it is over; and what everybody is to have is none.
    if module.canary.as_ref().is_some_and(|canary| canary.version >= to) {
        changes.push(VersionChange::SetCanary(None));
    }
    Ok(Plan { changes, answer: RolledBack { to, withdrawn } })
}

/// The version that all channels have, or would have if this one were a canary, where it is newer.
pub(super) fn find_newer<'a>(module: &'a UploadedModule, version: &semver::Version) -> Option<&'a semver::Version> {
    let on_air = module.versions.iter().rev().filter(|there| !there.is_withdrawn());
    on_air.map(|there| &there.manifest.version).next().filter(|highest| *highest > version)
}

/// The version that was the latest before, or, where that is none any more, the highest below. A version that came later
/// under a lower number has never been everybody's.
fn find_before(module: &UploadedModule) -> Option<&UploadedVersion> {
    let below = || module.list_offered(None).skip(1);
    let was = below().find(|there| module.was_latest.as_ref() == Some(&there.manifest.version));
    was.or_else(|| below().next())
}

/// What is noted of the change that leads to `after`, so that a roll-back finds its way.
pub(super) fn leave_latest(before: Option<&UploadedModule>, after: &UploadedModule) -> Option<VersionChange> {
    let was = before?.latest()?;
    let is_latest = after.latest().is_some_and(|latest| latest.manifest.digest == was.manifest.digest);
    (!is_latest).then(|| VersionChange::LeaveLatest { version: was.manifest.version.clone() })
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
            VersionChange::LeaveLatest { version } => next.was_latest = Some(version.clone()),
        }
    }
    next
}

fn mark(module: &mut UploadedModule, version: &semver::Version, withdrawn_at: Option<SystemTime>) {
    if let Some(there) = module.versions.iter_mut().find(|there| there.manifest.version == *version) {
        there.withdrawn_at = withdrawn_at;
    }
}
