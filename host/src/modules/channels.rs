//! The port through which a change of a module's versions reads and updates the channels.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use super::catalogue::Catalogue;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::version::UploadedModule;

/// Implemented by the set-ups of all channels. This port is not in `domain`, which does not know the catalogue. The
/// catalogue is kept together with the channels, as a look-up joins a channel's own part with the catalogue of the same
/// moment. A query about one module costs as much as there are channels that have decided about it.
pub trait Channels: Send + Sync + 'static {
    /// The current modules with all their versions.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// Whether `channels` is not empty and the host knows all of them.
    fn are_known(&self, channels: &BTreeSet<ChannelId>) -> bool;

    /// The channels that run exactly this uploaded version, by id.
    fn list_running(&self, manifest: &Manifest) -> Vec<ChannelId>;

    /// By version, the channels in which it would stop running if the module's versions became those of `after`.
    fn list_replaced<'a>(&'a self, after: &'a UploadedModule) -> Pending<'a, BTreeMap<ModuleDigest, Vec<ChannelId>>>;

    /// Shows the change of one module to every channel at once; channels that have decided about it then settle again.
    fn replace_catalogue<'a>(&'a self, catalogue: Catalogue, changed: &'a ModuleName) -> Pending<'a, ()>;
}

pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
