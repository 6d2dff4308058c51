//! Back to a version that ran before, in one channel.

use super::{Draft, ModuleChangeError, WantedVersion};
use crate::domain::effect::Effect;
use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::version::UploadedModule;
use crate::modules::powers::Powers;
use crate::setup::channel::{ChannelSetup, ModuleSetup};

impl ChannelSetup {
    /// Pins the module to a version that may run with what is granted by now. Nothing is accepted by it. Which one it is:
    ///
    /// 1. The one named.
    /// 2. Else the one of `left` that the channel left last: the one that ran before. It may be a higher one, where a lower
    ///    one was pinned by hand.
    /// 3. Else, where none of them may run any more, the highest one below the one that is here.
    ///
    /// Of what was left before, only what is lower is still known then: whoever steps back again goes further back, and not
    /// to what they have come from.
    ///
    /// # Errors
    /// `NeedsGrant` where the version named asks for more than is granted.
    pub fn check_step_back(
        &self,
        by: Powers,
        name: &ModuleName,
        to: Option<&semver::Version>,
        left: &[ModuleDigest],
    ) -> Result<Vec<Effect>, ModuleChangeError> {
        let module = self.require_module(name)?;
        let Some(uploaded) = self.catalogue().find_uploaded(name).cloned() else {
            return to.map_or(Err(ModuleChangeError::NothingBefore), |to| {
                let is_there = *to == module.manifest.version;
                if is_there { Ok(Vec::new()) } else { Err(ModuleChangeError::UnknownVersion(to.clone())) }
            });
        };
        let here = &module.manifest.version;
        let left = list_versions(&uploaded, left);
        let is_named_above = to.is_some_and(|to| to > here);
        let to = match to {
            Some(to) => to.clone(),
            None => self.find_before(&uploaded, module, &left).ok_or(ModuleChangeError::NothingBefore)?,
        };
        let mut draft = Draft { by, name, setup: self.clone(), effects: Vec::new() };
        draft.pin(&uploaded, &WantedVersion::Pinned(to.clone()))?;
        let after = draft.module()?;
        if !after.may_run || after.manifest.version != to {
            return Err(ModuleChangeError::NeedsGrant(after.list_missing_grants()));
        }
        if after.is_enabled {
            draft.require_own_words()?;
        }
        // Up by name is a change like any other, which may be taken back.
        if !draft.effects.is_empty() && !is_named_above {
            let further = find_further(&uploaded, &left, here, &to);
            draft.push(Effect::KeepLeft { module: name.clone(), left: further });
        }
        Ok(draft.effects)
    }

    fn find_before(
        &self,
        uploaded: &UploadedModule,
        module: &ModuleSetup,
        left: &[(ModuleDigest, semver::Version)],
    ) -> Option<semver::Version> {
        let here = &module.manifest.version;
        let left = left.iter().map(|(_, version)| version).filter(|version| *version != here);
        let below = uploaded.list_offered(Some(self.channel.id)).map(|there| &there.manifest.version);
        let below = below.filter(|version| *version < here);
        left.chain(below).find(|version| self.may_step_to(&uploaded.name, version)).cloned()
    }

    /// One whose fuse has blown here is no way out.
    fn may_step_to(&self, name: &ModuleName, version: &semver::Version) -> bool {
        let pinned = self.apply(&Effect::PinVersion { module: name.clone(), version: Some(version.clone()) });
        pinned.find_module(name).is_some_and(|module| {
            let answers = module.is_running() || !module.is_enabled;
            module.may_run && module.manifest.version == *version && answers
        })
    }
}

/// Where the next step back goes, if that is to be said beforehand: below both, so that nobody is taken to and fro.
fn find_further(
    uploaded: &UploadedModule,
    left: &[(ModuleDigest, semver::Version)],
    here: &semver::Version,
    to: &semver::Version,
) -> Option<ModuleDigest> {
    let left = left.iter().find(|(_, version)| version < to.min(here)).map(|(digest, _)| *digest);
    let below = || uploaded.versions.iter().rev().find(|there| there.manifest.version < *here && !there.is_withdrawn());
    left.or_else(|| below().filter(|_| to > here).map(|there| there.manifest.digest))
}

fn list_versions(uploaded: &UploadedModule, left: &[ModuleDigest]) -> Vec<(ModuleDigest, semver::Version)> {
    let version = |digest: &ModuleDigest| Some((*digest, uploaded.find_digest(*digest)?.manifest.version.clone()));
    left.iter().filter_map(version).collect()
}

#[cfg(test)]
mod tests;
