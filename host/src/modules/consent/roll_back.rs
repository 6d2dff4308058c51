//! Plans a roll-back of a module in one channel to an earlier version. Pure.

use super::{Consent, ConsentError, ModuleInChannel, Settled, list_missing};
use crate::domain::effect::{Effect, HistoryEffect};
use crate::domain::id::ModuleDigest;
use crate::domain::version::{UploadedModule, UploadedVersion};

/// Pins the module to a version that may run with the present grants. Accepts nothing. The version is:
///
/// 1. `to`, if given.
/// 2. Else the one of `left` that the channel left last: the one that ran before. It may be a higher version, if a
///    lower one was pinned by hand.
/// 3. Else, if none of these may run any more, the highest version below the one that is here.
///
/// A version that `is_usable` denies is only taken by its name. Of the versions left before, only lower ones are kept
/// afterwards: a second roll-back goes further back; it never flips between two versions.
///
/// # Errors
/// `NeedsGrant` if the named version asks for more than is granted.
pub fn plan_roll_back(
    consent: &Consent,
    at: ModuleInChannel<'_>,
    to: Option<&semver::Version>,
    left: &[ModuleDigest],
    is_usable: impl Fn(&Settled) -> bool,
) -> Result<Vec<Effect>, ConsentError> {
    let here = consent.settle(at).ok_or(ConsentError::NoVersion)?.manifest;
    let here = &here.version;
    let left: Vec<&UploadedVersion> = left.iter().filter_map(|digest| at.module.find_digest(*digest)).collect();
    let is_named_above = to.is_some_and(|to| to > here);
    let to = match to {
        Some(to) => to.clone(),
        None => find_before(consent, at, here, &left, is_usable).ok_or(ConsentError::NothingBefore)?,
    };
    let pin = consent.plan_pin(at.module, Some(&to))?;
    let after = settle_pinned(consent, at, &to).ok_or(ConsentError::NoVersion)?;
    if !after.may_run || after.manifest.version != to {
        let missing = list_missing(&after.manifest, after.waiting.as_deref(), &after.grants);
        return Err(ConsentError::NeedsGrant(missing));
    }
    // A roll-back to a named, higher version is an ordinary change: the next roll-back may undo it.
    let keep = (pin.is_some() && !is_named_above).then(|| {
        let further = find_further(at.module, &left, here, &to);
        Effect::History(at.module.name.clone(), HistoryEffect::Keep { previous: further })
    });
    Ok(pin.into_iter().chain(keep).collect())
}

fn settle_pinned(consent: &Consent, at: ModuleInChannel<'_>, version: &semver::Version) -> Option<Settled> {
    Consent { pinned: Some(version.clone()), ..consent.clone() }.settle(at)
}

fn find_before(
    consent: &Consent,
    at: ModuleInChannel<'_>,
    here: &semver::Version,
    left: &[&UploadedVersion],
    is_usable: impl Fn(&Settled) -> bool,
) -> Option<semver::Version> {
    let left = left.iter().map(|there| &there.manifest.version).filter(|version| *version != here);
    let below = at.module.list_offered(Some(at.channel)).map(|there| &there.manifest.version);
    let below = below.filter(|version| *version < here);
    let may_run = |version: &&semver::Version| {
        let settled = settle_pinned(consent, at, version);
        settled.is_some_and(|it| it.may_run && it.manifest.version == **version && is_usable(&it))
    };
    left.chain(below).find(may_run).cloned()
}

/// The target of the next roll-back, if it must be recorded now: a version below both.
fn find_further(
    module: &UploadedModule,
    left: &[&UploadedVersion],
    here: &semver::Version,
    to: &semver::Version,
) -> Option<ModuleDigest> {
    let left = left.iter().find(|there| there.manifest.version < *to.min(here)).copied();
    let below = || module.versions.iter().rev().find(|there| there.manifest.version < *here && !there.is_withdrawn());
    left.or_else(|| below().filter(|_| to > here)).map(|there| there.manifest.digest)
}
