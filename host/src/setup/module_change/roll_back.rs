//! Rolls a module back to an earlier version, in one channel.

use super::{ModuleChangeError, check_on, require_module};
use crate::domain::effect::Effect;
use crate::domain::id::{ModuleDigest, ModuleName};
use crate::modules::catalogue::Catalogue;
use crate::modules::consent::roll_back::plan_roll_back;
use crate::modules::consent::{Consent, ConsentError, ModuleInChannel, Settled};
use crate::setup::channel::ChannelSetup;
use crate::setup::module::ModuleSetup;
use crate::setup::upgrade::consult;

/// Pins the module to the version `to`, or to the one that [`plan_roll_back`] chooses. `left`: the versions that
/// the channel left, latest first.
///
/// # Errors
/// `NeedsGrant` if the named version asks for more than is granted.
pub fn check_roll_back(
    setup: &ChannelSetup,
    name: &ModuleName,
    to: Option<&semver::Version>,
    left: &[ModuleDigest],
) -> Result<Vec<Effect>, ModuleChangeError> {
    let module = require_module(setup, name)?;
    let Some(uploaded) = setup.catalogue().find_uploaded(name) else {
        return match to {
            None => Err(ConsentError::NothingBefore.into()),
            Some(to) if *to == module.manifest.version => Ok(Vec::new()),
            Some(to) => Err(ConsentError::UnknownVersion(to.clone()).into()),
        };
    };
    let is_usable = |settled: &Settled| would_answer(module, settled.clone(), setup.catalogue());
    let plan = |consent: &Consent, at: ModuleInChannel<'_>| plan_roll_back(consent, at, to, left, is_usable);
    let effects = consult(module, uploaded, setup.channel.id, plan)?;
    let after = setup.apply_all(&effects);
    let rolled_back = require_module(&after, name)?;
    if rolled_back.is_enabled {
        check_on(&after, setup, rolled_back)?;
    }
    Ok(effects)
}

/// Whether the version would answer: its fuse has not blown here, and the host does not bar it.
fn would_answer(module: &ModuleSetup, settled: Settled, catalogue: &Catalogue) -> bool {
    let mut there = ModuleSetup { is_barred: catalogue.bars(&settled.manifest), ..module.clone() };
    there.take(settled);
    there.is_running() || !there.is_enabled
}

#[cfg(test)]
mod tests;
