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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::manifest::{Manifest, ModuleSource};
    use crate::domain::ports::SystemClock;
    use crate::setup::NewChannelRules;
    use crate::setup::sample::{command, manifest, name};
    use crate::store::Store;

    #[tokio::test]
    async fn a_version_that_breaks_everywhere_is_withdrawn_and_the_one_before_is_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(Store::open(&folder.path().join("db"), clock.clone()).unwrap());
        let setup = Arc::new(Setup::new(store.clone(), NewChannelRules::Essentials));
        let uploaded_at = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        let version = |number: u8| Manifest {
            digest: ModuleDigest([number; 32]),
            source: ModuleSource::Uploaded,
            version: semver::Version::new(number.into(), 0, 0),
            ..manifest("dice", vec![command("roll")], Vec::new())
        };
        for number in [1, 2] {
            let stamp = Stamp { by: Actor::CommandLine { system_user: None }, at: uploaded_at, address: None };
            setup.publish(Arc::new(version(number)), None, Powers::Operator, stamp).await.unwrap();
        }
        let withdrawals = CatalogueWithdrawals { setup: setup.clone(), clock };
        assert_eq!(withdrawals.find_uploaded_at(&ModuleDigest([2; 32])), Some(uploaded_at));
        assert_eq!(withdrawals.find_uploaded_at(&ModuleDigest([3; 32])), None);
        withdrawals.withdraw(name("dice"), semver::Version::new(2, 0, 0)).await.unwrap();
        let latest = setup.catalogue().find(&name("dice")).unwrap().latest().unwrap().version.clone();
        assert_eq!(latest, semver::Version::new(1, 0, 0));
        let unknown = withdrawals.withdraw(name("dice"), semver::Version::new(9, 0, 0)).await;
        assert!(unknown.unwrap_err().contains("version"));
        store.close().await.unwrap();
    }
}
