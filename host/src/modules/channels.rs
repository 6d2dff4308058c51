//! The channels, as a change of a module's versions needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

use super::catalogue::Catalogue;
use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::domain::manifest::Manifest;
use crate::domain::version::UploadedModule;

/// A port: the set-ups of all channels implement it. It is no trait of the domain, which knows no catalogue. The catalogue
/// in memory is kept together with the channels, because a look-up joins a channel's own part with the catalogue of that
/// moment. What is asked of one module costs as much as there are channels that have said something of it.
pub trait Channels: Send + Sync + 'static {
    /// The modules that there are, and all of their versions, as of now.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// Whether there is a channel among them, and the host knows them all.
    fn are_known(&self, channels: &BTreeSet<ChannelId>) -> bool;

    /// The channels that run exactly this uploaded version, by id.
    fn list_running(&self, manifest: &Manifest) -> Vec<ChannelId>;

    /// By version, the channels in which it no longer runs once the module's versions are those of `after`.
    fn list_left_by<'a>(&'a self, after: &'a UploadedModule) -> Pending<'a, BTreeMap<ModuleDigest, Vec<ChannelId>>>;

    /// Shows the change of one module to every channel at once; those that have said something of it then settle anew.
    fn take_catalogue<'a>(&'a self, catalogue: Catalogue, changed: &'a ModuleName) -> Pending<'a, ()>;
}

pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
