//! From an admitted component to a version of a module.
//!
//! Promised: whatever the host dies of meanwhile, it starts with the version or without it. The bytes are on disk before the
//! row that names them, and bytes that no row names are deleted at once, or at the next start.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::{info, warn};

use super::powers::Powers;
use super::refusal::ChangeVersionsError;
use super::versions::{Published, Versions};
use crate::domain::audit::Stamp;
use crate::domain::id::{ChannelId, ModuleDigest};
use crate::domain::manifest::{Manifest, ModuleSource};
use crate::store::host::components::Components;
use crate::store::{Store, StoreError};

/// A port: the sandbox implements it, which makes modules callable.
pub trait Runtime: Send + Sync + 'static {
    /// Makes a module callable that was admitted, now or before a restart, and whose bytes are saved. Nothing is compiled
    /// or loaded before it is called. Returns the manifest that it is offered with: the first one, where the same bytes
    /// were offered before.
    fn offer(&self, manifest: Arc<Manifest>) -> Arc<Manifest>;

    /// Takes a module away, and its machine code; its component's bytes are the caller's to delete. Calls that run end as
    /// they would have.
    fn forget(&self, digest: &ModuleDigest);
}

/// A component that has passed the sandbox's gate, and cannot be called yet.
#[derive(Clone)]
pub struct Admitted {
    pub manifest: Arc<Manifest>,
    /// As they were uploaded.
    pub bytes: Vec<u8>,
}

/// Without the bytes, which would fill a log.
impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

/// Publishes uploads.
pub struct Publisher {
    store: Arc<Store>,
    versions: Arc<Versions>,
    components: Arc<Components>,
    runtime: Arc<dyn Runtime>,
    /// Serialises save, publish and clean-up, so that cleaning up after a refusal cannot delete a concurrent upload's bytes.
    publishing: Mutex<()>,
}

impl Publisher {
    pub fn new(
        store: Arc<Store>,
        versions: Arc<Versions>,
        components: Arc<Components>,
        runtime: Arc<dyn Runtime>,
    ) -> Publisher {
        Publisher { store, versions, components, runtime, publishing: Mutex::default() }
    }

    /// Saves the component's bytes, makes it callable, and notes its version: in this order, since a channel that follows
    /// new versions calls it at once. A refusal leaves nothing of it. Dropping the future may leave bytes until the next
    /// start, and nothing else.
    pub async fn publish(
        &self,
        Admitted { manifest, bytes }: Admitted,
        canary: Option<BTreeSet<ChannelId>>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Published, ChangeVersionsError> {
        let digest = manifest.digest;
        // These bytes may be a module of the host, of which nothing is saved or deleted here.
        let is_upload = manifest.source == ModuleSource::Uploaded;
        let _publishing = self.publishing.lock().await;
        let manifest = match is_upload {
            true => {
                self.save(digest, bytes).await?;
                self.runtime.offer(manifest)
            }
            false => manifest,
        };
        let published = self.versions.add(manifest, canary, by, stamp).await;
        if published.is_err()
            && is_upload
            && let Err(error) = self.clean_up(digest).await
        {
            warn!(%error, %digest, "a refused component stays until the next start");
        }
        published
    }

    /// Makes callable what was published before, and deletes what a crash left of an upload: before the first upload.
    pub async fn resume(&self) -> Result<(), StoreError> {
        let uploaded = self.store.list_uploaded().await?;
        let manifests = uploaded.iter().flat_map(|module| &module.versions).map(|version| &version.manifest);
        // A version that is out of reach or withdrawn may be on the air again.
        let known: HashSet<_> = manifests.clone().map(|manifest| manifest.digest).collect();
        match self.delete_left_behind(&known).await {
            Ok(0) => {}
            Ok(count) => info!(count, "removed what unfinished uploads left behind"),
            Err(error) => warn!(%error, "what unfinished uploads left behind stays"),
        }
        match self.components.list() {
            Ok(there) if self.store.is_new() || there.iter().all(|digest| known.contains(digest)) => {}
            Ok(there) => warn!(
                count = there.iter().filter(|digest| !known.contains(digest)).count(),
                "the folder `modules` holds components that the database knows nothing of, as after an older backup was \
                 restored; they are kept: restore the database that knows them, or upload them again"
            ),
            Err(error) => warn!(%error, "cannot tell which components there are"),
        }
        manifests.for_each(|manifest| drop(self.runtime.offer(manifest.clone())));
        Ok(())
    }

    /// Bytes that were on disk before are not noted, and so never deleted as what this upload left behind.
    async fn save(&self, digest: ModuleDigest, bytes: Vec<u8>) -> Result<(), ChangeVersionsError> {
        let components = self.components.clone();
        if !components.has(digest) {
            self.store.begin_upload(digest).await?;
        }
        let saved = block(move || components.save(digest, &bytes)).await;
        saved.map_err(|error| ChangeVersionsError::Save(error.to_string()))
    }

    /// Leaves nothing of what is no version, neither of this upload nor of an earlier one with the same bytes.
    async fn clean_up(&self, digest: ModuleDigest) -> io::Result<()> {
        // The catalogue does not know of versions that a module of the host stands in front of.
        let stored = self.store.list_uploaded().await.map_err(io::Error::other)?;
        if stored.iter().any(|module| module.find_digest(digest).is_some()) {
            return Ok(());
        }
        self.runtime.forget(&digest);
        // Nothing happens to bytes that no upload of this database has saved.
        if self.store.list_begun_uploads().await.map_err(io::Error::other)?.contains(&digest) {
            let components = self.components.clone();
            block(move || components.delete(digest)).await?;
            self.store.end_upload(digest).await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Only what this very database began: another copy of it may know what it does not.
    async fn delete_left_behind(&self, known: &HashSet<ModuleDigest>) -> io::Result<usize> {
        let mut deleted = self.components.remove_unfinished()?;
        for digest in self.store.list_begun_uploads().await.map_err(io::Error::other)? {
            if !known.contains(&digest) && self.components.has(digest) {
                self.components.delete(digest)?;
                deleted += 1;
            }
            self.store.end_upload(digest).await.map_err(io::Error::other)?;
        }
        Ok(deleted)
    }
}

async fn block<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
