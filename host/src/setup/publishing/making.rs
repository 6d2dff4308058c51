//! The one way by which the versions of a module change.
//!
//! A change is checked against the catalogue, made in the store in one transaction, then in memory, and only then are the
//! channels told: whatever the host dies of, it starts with the old state or with the new one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::ChangeVersionsError;
use super::plan::{Plan, leave_latest, with_changes};
use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::principal::CallerId;
use crate::domain::version::UploadedModule;
use crate::setup::Setup;
use crate::setup::catalogue::{Catalogue, Listed};
use crate::setup::powers::Powers;
use crate::store::StoreError;

/// Channels that are told of a change before others on the thread have a turn.
const CHANNELS_AT_ONCE: usize = 64;

impl Setup {
    pub(super) async fn change_uploaded<T: Send + 'static>(
        self: &Arc<Self>,
        name: ModuleName,
        by: Powers,
        stamp: Stamp,
        plan: impl FnOnce(&Setup, &UploadedModule) -> Result<Plan<T>, ChangeVersionsError> + Send + 'static,
    ) -> Result<T, ChangeVersionsError> {
        let caller = caller_of(&stamp);
        let checked = name.clone();
        let check = move |setup: &Setup, catalogue: &Catalogue| match catalogue.find(&checked) {
            None => Err(ChangeVersionsError::UnknownModule),
            Some(Listed::Fixed(_)) => Err(ChangeVersionsError::NotUploaded(checked)),
            Some(Listed::Uploaded(module)) if !may_publish(module, by, caller.as_ref()) => {
                Err(ChangeVersionsError::NotPublisher(checked))
            }
            Some(Listed::Uploaded(module)) => plan(setup, module),
        };
        self.change_versions(name, stamp, check).await.map(|(_, answer)| answer)
    }

    /// Goes through even if its future is dropped, so that memory never stays behind the disk.
    pub(super) async fn change_versions<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        self: &Arc<Self>,
        name: ModuleName,
        stamp: Stamp,
        check: impl FnOnce(&Setup, &Catalogue) -> Result<Plan<T>, E> + Send + 'static,
    ) -> Result<(Arc<UploadedModule>, T), E> {
        let setup = self.clone();
        let changing = tokio::spawn(async move {
            let _turn = setup.changing.lock().await;
            let catalogue = setup.catalogue();
            let Plan { mut changes, answer } = check(&setup, &catalogue)?;
            let before = catalogue.find_uploaded(&name);
            if let Some(before) = before.filter(|_| changes.is_empty()) {
                return Ok((before.clone(), answer));
            }
            let before = before.map(|before| &**before);
            let mut after = with_changes(before, &name, &changes, stamp.at);
            if let Some(leave) = leave_latest(before, &after) {
                changes.push(leave);
                after = with_changes(before, &name, &changes, stamp.at);
            }
            let left = setup.list_left_by(&after).await;
            setup.store.change_versions(name.clone(), changes, left, stamp).await?;
            setup.take_catalogue(catalogue.with_uploaded(after.clone()), &name).await;
            Ok((Arc::new(after), answer))
        });
        // It panics where a lock is poisoned by a panic elsewhere, or ends with the host.
        changing.await.map_err(|_| StoreError::Closed)?
    }

    /// In which channels a version runs no more once the module's versions are these.
    async fn list_left_by(&self, after: &UploadedModule) -> BTreeMap<ModuleDigest, Vec<ChannelId>> {
        let mut left: BTreeMap<ModuleDigest, Vec<ChannelId>> = BTreeMap::new();
        for (number, setup) in self.list_channels().into_iter().enumerate() {
            if number % CHANNELS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            if let Some((digest, channel)) = setup.find_left_by(after) {
                left.entry(digest).or_default().push(channel);
            }
        }
        left
    }

    /// Lets every channel see the change of one module: those that have said something of it settle anew, all others only
    /// take note. A reload that began before sees it by itself.
    async fn take_catalogue(&self, catalogue: Catalogue, changed: &ModuleName) {
        let catalogue = Arc::new(catalogue);
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue.clone();
        for (number, before) in self.list_channels().into_iter().enumerate() {
            if number % CHANNELS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            self.tell_channel(before.channel.id, &catalogue, changed);
        }
    }

    fn tell_channel(&self, channel: ChannelId, catalogue: &Arc<Catalogue>, changed: &ModuleName) {
        while let Some(before) = self.find_channel(channel).filter(|it| !Arc::ptr_eq(it.catalogue(), catalogue)) {
            let after = Arc::new(before.with_catalogue(catalogue, Some(changed)));
            let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
            if channels.get(&channel).is_some_and(|there| Arc::ptr_eq(there, &before)) {
                channels.insert(channel, after);
            }
        }
    }
}

pub(super) fn may_publish(module: &UploadedModule, by: Powers, caller: Option<&CallerId>) -> bool {
    by == Powers::Operator || caller.is_some() && module.publisher.as_ref() == caller
}

pub(super) fn caller_of(stamp: &Stamp) -> Option<CallerId> {
    match &stamp.by {
        Actor::Caller { id, .. } => Some(id.clone()),
        Actor::Claim { .. } | Actor::Chatter { .. } | Actor::CommandLine { .. } | Actor::Host => None,
    }
}
