//! Records the versions that a change stops, so that a roll-back finds the version that ran before. Pure.

use std::sync::Arc;

use super::channel::ChannelSetup;
use super::module::ModuleSetup;
use super::own::OwnSetup;
use super::upgrade::settle;
use crate::domain::effect::{Effect, HistoryEffect};
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::version::UploadedModule;

/// Adds to the effects which versions they stop here. A roll-back records this itself.
#[must_use]
pub fn record_previous(setup: &ChannelSetup, mut effects: Vec<Effect>) -> Vec<Effect> {
    let after = setup.apply_all(&effects);
    let has_noted = |name: &ModuleName| {
        let is_noted =
            |effect: &Effect| matches!(effect, Effect::History(module, HistoryEffect::Keep { .. }) if module == name);
        effects.iter().any(is_noted)
    };
    let left = setup.touched().filter_map(ModuleSetup::find_current).filter(|there| {
        let stays = after.find_module(&there.name).is_some_and(|module| module.is_current(there.digest));
        !stays && !has_noted(&there.name)
    });
    let leave =
        |there: &Arc<Manifest>| Effect::History(there.name.clone(), HistoryEffect::Record { digest: there.digest });
    let left: Vec<Effect> = left.map(leave).collect();
    effects.extend(left);
    effects
}

/// The version that stops running here if the module's versions become these. `None` if the channel has not touched
/// the module: then none ran.
pub(super) fn find_replaced(own: &OwnSetup, module: &UploadedModule) -> Option<(ModuleDigest, ChannelId)> {
    let (channel, here) = (own.channel.id, own.find_touched(&module.name)?);
    let digest = here.find_current()?.digest;
    let mut after = here.clone();
    settle(&mut after, module, channel);
    (!after.is_current(digest)).then_some((digest, channel))
}
