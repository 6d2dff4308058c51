//! The versions of uploaded modules, and the only way to change them.
//!
//! A change is planned on the catalogue (`plan`, `new_version`: pure), made in the store in one transaction, then in
//! memory; only then do the channels see it. Calls in flight keep the version that they began with.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Catalogue, CatalogueEntry};
use super::channels::Channels;
use super::new_version::NewVersion;
use super::plan::{Action, Plan, Planned, Transitions, record_previous_latest, with_changes};
use super::powers::Powers;
use super::refusal::ChangeVersionsError;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::principal::CallerId;
use crate::domain::version::{UploadedModule, UploadedVersion};
use crate::store::{Store, StoreError};

/// A published version.
#[derive(Clone, Debug)]
pub struct Published {
    pub version: UploadedVersion,
    /// Empty if the same bytes had been published before.
    pub transitions: Transitions,
}

/// Changes the versions of uploaded modules.
pub struct Versions {
    store: Arc<Store>,
    channels: Arc<dyn Channels>,
    /// Held while the versions of a module change, in the store and in memory.
    changing: tokio::sync::Mutex<()>,
}

impl Versions {
    pub fn new(store: Arc<Store>, channels: Arc<dyn Channels>) -> Versions {
        Versions { store, channels, changing: tokio::sync::Mutex::default() }
    }

    /// Adds a callable module, or a new version of it. Channels that have accepted as much run it at once; it is
    /// enabled nowhere else. With channels for a canary, only these have it until it is promoted.
    ///
    /// A name belongs to the caller who published it first. That caller and the operator may add versions.
    pub async fn add(
        self: &Arc<Self>,
        manifest: Arc<Manifest>,
        canary: Option<BTreeSet<ChannelId>>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Published, ChangeVersionsError> {
        let (name, digest) = (manifest.name.clone(), manifest.digest);
        let new = NewVersion { manifest, canary, by, caller: caller_of(&stamp) };
        let plan = move |catalogue: &Catalogue, channels: &dyn Channels| new.plan(catalogue, channels);
        let (module, transitions) = self.make(name, stamp, plan).await?;
        let version = module.find_digest(digest).cloned();
        let version = version.expect("what was published, or found to be there, is a version of its module");
        Ok(Published { version, transitions })
    }

    /// Changes the versions of an uploaded module. `is_unchanged`: whether the module is as the caller has read it.
    pub async fn change(
        self: &Arc<Self>,
        name: ModuleName,
        action: Action,
        is_unchanged: impl FnOnce(&CatalogueEntry) -> bool + Send + 'static,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Transitions, ChangeVersionsError> {
        let (checked, caller) = (name.clone(), caller_of(&stamp));
        let plan = move |catalogue: &Catalogue, channels: &dyn Channels| match catalogue.find(&checked) {
            None => Err(ChangeVersionsError::UnknownModule),
            Some(CatalogueEntry::Fixed(_)) => Err(ChangeVersionsError::NotUploaded(checked)),
            Some(CatalogueEntry::Uploaded(module)) if !by.may_change_versions(module, caller.as_ref()) => {
                Err(ChangeVersionsError::NotPublisher(checked))
            }
            Some(listed) if !is_unchanged(listed) => Err(ChangeVersionsError::Overtaken),
            Some(CatalogueEntry::Uploaded(module)) => action.plan(module, channels),
        };
        self.make(name, stamp, plan).await.map(|(_, transitions)| transitions)
    }

    /// Continues even if its future is dropped, so that memory never stays behind the disk.
    async fn make(
        self: &Arc<Self>,
        name: ModuleName,
        stamp: Stamp,
        plan: impl FnOnce(&Catalogue, &dyn Channels) -> Planned + Send + 'static,
    ) -> Result<(Arc<UploadedModule>, Transitions), ChangeVersionsError> {
        let versions = self.clone();
        let changing = tokio::spawn(async move {
            let Versions { store, channels, changing } = &*versions;
            let _changing = changing.lock().await;
            let catalogue = channels.catalogue();
            let Plan { mut changes, transitions } = plan(&catalogue, &**channels)?;
            let before = catalogue.find_uploaded(&name);
            if let Some(before) = before.filter(|_| changes.is_empty()) {
                return Ok((before.clone(), transitions));
            }
            let before = before.map(|before| &**before);
            let mut after = with_changes(before, &name, &changes, stamp.at);
            if let Some(leave) = record_previous_latest(before, &after) {
                changes.push(leave);
                after = with_changes(before, &name, &changes, stamp.at);
            }
            let left = channels.list_replaced(&after).await;
            store.host.change_versions(name.clone(), changes, left, stamp).await?;
            channels.replace_catalogue(catalogue.with_uploaded([after.clone()]), &name).await;
            Ok((Arc::new(after), transitions))
        });
        // The task panics if a lock is poisoned by a panic elsewhere, and is cancelled when the host ends.
        changing.await.map_err(|_| StoreError::Closed)?
    }
}

fn caller_of(stamp: &Stamp) -> Option<CallerId> {
    match &stamp.by {
        Actor::Caller { id, .. } => Some(id.clone()),
        Actor::Claim { .. } | Actor::Chatter { .. } | Actor::CommandLine { .. } | Actor::Host => None,
    }
}
