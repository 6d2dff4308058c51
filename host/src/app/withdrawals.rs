//! How the fuse takes a broken version off the air: through the catalogue, like an operator.

use std::sync::Arc;
use std::time::SystemTime;

use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::ports::{Clock, Withdrawals, Withdrawing};
use crate::setup::Setup;
use crate::setup::catalogue::Listed;
use crate::setup::powers::Powers;

pub(super) struct CatalogueWithdrawals {
    pub(super) setup: Arc<Setup>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Withdrawals for CatalogueWithdrawals {
    fn find_uploaded_at(&self, digest: &ModuleDigest) -> Option<SystemTime> {
        let catalogue = self.setup.catalogue();
        let mut uploads = catalogue.list().filter_map(|(_, listed)| match listed {
            Listed::Uploaded(module) => module.find_digest(*digest),
            Listed::Fixed(_) => None,
        });
        uploads.next().map(|version| version.uploaded_at)
    }

    fn withdraw(&self, name: ModuleName, version: semver::Version) -> Withdrawing<'_> {
        let stamp = Stamp { by: Actor::Host, at: self.clock.now().wall, address: None };
        Box::pin(async move {
            let withdrawn = self.setup.withdraw(name, version, true, Powers::Operator, stamp).await;
            withdrawn.map(drop).map_err(|error| error.to_string())
        })
    }
}
