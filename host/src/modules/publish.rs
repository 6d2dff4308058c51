//! Publishes an admitted component as a version of a module.
//!
//! Guarantees: after a crash at any moment, the host starts with the version or without it. The bytes are on disk
//! before the row that names them; bytes that no row names are deleted at once, or at the next start.

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

/// A port that the sandbox implements: makes modules callable.
pub trait Runtime: Send + Sync + 'static {
    /// Makes an admitted module with saved bytes callable. Compiles and loads nothing before the first call. Returns
    /// the manifest that is offered: if the same bytes were offered before, the manifest of that time.
    fn offer(&self, manifest: Arc<Manifest>) -> Arc<Manifest>;

    /// Removes a module and its machine code; the caller deletes the component's bytes. Running calls finish normally.
    fn remove_module(&self, digest: &ModuleDigest);
}

/// A component that has passed the sandbox's gate, but is not callable yet.
#[derive(Clone)]
pub struct Admitted {
    pub manifest: Arc<Manifest>,
    /// The bytes as uploaded.
    pub bytes: Vec<u8>,
}

/// Omits the bytes, which would fill a log.
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
    /// Serialises save, publish and clean-up: else cleaning up a refused upload could delete another upload's bytes.
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

    /// Saves the component's bytes, makes it callable, and adds its version: in this order, since a channel that
    /// follows the latest version calls it at once. A refusal leaves nothing behind. Dropping the future may leave
    /// bytes until the next start, but nothing else.
    pub async fn publish(
        &self,
        Admitted { manifest, bytes }: Admitted,
        canary: Option<BTreeSet<ChannelId>>,
        by: Powers,
        stamp: Stamp,
    ) -> Result<Published, ChangeVersionsError> {
        let digest = manifest.digest;
        // A bundled or configured module may have the same bytes; nothing of such a module is saved or deleted here.
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

    /// Makes published modules callable again, and deletes what a crash left of uploads. Must precede the first upload.
    pub async fn resume(&self) -> Result<(), StoreError> {
        let uploaded = self.store.host.list_uploaded().await?;
        let manifests = uploaded.iter().flat_map(|module| &module.versions).map(|version| &version.manifest);
        // Withdrawn versions and those hidden by a fixed module count as known: they may become available again.
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

    /// Bytes that were on disk before are not recorded as this upload's, and so are never deleted as its left-overs.
    async fn save(&self, digest: ModuleDigest, bytes: Vec<u8>) -> Result<(), ChangeVersionsError> {
        let components = self.components.clone();
        if !components.has(digest) {
            self.store.host.begin_upload(digest).await?;
        }
        let saved = block(move || components.save(digest, &bytes)).await;
        saved.map_err(|error| ChangeVersionsError::Save(error.to_string()))
    }

    /// Deletes all traces of the bytes, unless they are a version.
    async fn clean_up(&self, digest: ModuleDigest) -> io::Result<()> {
        // Asks the store, because the catalogue lacks versions of a module whose name a fixed module has taken.
        let stored = self.store.host.list_uploaded().await.map_err(io::Error::other)?;
        if stored.iter().any(|module| module.find_digest(digest).is_some()) {
            return Ok(());
        }
        self.runtime.remove_module(&digest);
        // Bytes that no upload of this database has saved are kept.
        if self.store.host.list_begun_uploads().await.map_err(io::Error::other)?.contains(&digest) {
            let components = self.components.clone();
            block(move || components.delete(digest)).await?;
            self.store.host.end_upload(digest).await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Deletes only what this database recorded: a copy of the database may know versions that this one does not.
    async fn delete_left_behind(&self, known: &HashSet<ModuleDigest>) -> io::Result<usize> {
        let mut deleted = self.components.remove_unfinished()?;
        for digest in self.store.host.list_begun_uploads().await.map_err(io::Error::other)? {
            if !known.contains(&digest) && self.components.has(digest) {
                self.components.delete(digest)?;
                deleted += 1;
            }
            self.store.host.end_upload(digest).await.map_err(io::Error::other)?;
        }
        Ok(deleted)
    }
}

async fn block<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
