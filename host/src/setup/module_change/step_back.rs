//! Back to a version that ran before, in one channel.

use super::{Draft, ModuleChangeError, WantedVersion};
use crate::domain::effect::Effect;
use crate::domain::id::ModuleName;
use crate::domain::version::UploadedModule;
use crate::setup::channel::ChannelSetup;
use crate::setup::powers::Powers;

impl ChannelSetup {
    /// Pins the module to a version that may run with what is granted by now: to the one named, or to the highest one below
    /// the one that is here. Nothing is accepted by it.
    ///
    /// # Errors
    /// `NeedsGrant` where the version named asks for more than is granted.
    pub fn check_step_back(
        &self,
        by: Powers,
        name: &ModuleName,
        to: Option<&semver::Version>,
    ) -> Result<Vec<Effect>, ModuleChangeError> {
        let module = self.find_module(name).ok_or(ModuleChangeError::UnknownModule)?;
        let Some(uploaded) = self.catalogue().find_uploaded(name).cloned() else {
            return to.map_or(Err(ModuleChangeError::NothingBefore), |to| {
                let is_there = *to == module.manifest.version;
                if is_there { Ok(Vec::new()) } else { Err(ModuleChangeError::UnknownVersion(to.clone())) }
            });
        };
        let to = match to {
            Some(to) => to.clone(),
            None => self.find_before(&uploaded, &module.manifest.version).ok_or(ModuleChangeError::NothingBefore)?,
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
        Ok(draft.effects)
    }

    fn find_before(&self, uploaded: &UploadedModule, here: &semver::Version) -> Option<semver::Version> {
        let mut below = uploaded.list_offered(Some(self.channel.id)).map(|there| &there.manifest.version);
        below.find(|version| *version < here && self.may_step_to(&uploaded.name, version)).cloned()
    }

    fn may_step_to(&self, name: &ModuleName, version: &semver::Version) -> bool {
        let pinned = self.apply(&Effect::PinVersion { module: name.clone(), version: Some(version.clone()) });
        pinned.find_module(name).is_some_and(|module| module.may_run && module.manifest.version == *version)
    }
}
