//! How channels are set up.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use super::{Store, StoreError};
use crate::domain::effect::Revision;
use crate::domain::id::{ChannelId, Login, ModuleDigest, ModuleName};
use crate::domain::manifest::{Command, Grants};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;

/// A channel's set-up as it is stored: only what differs from the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRecord {
    pub channel: Channel,
    /// The bot account that sits here.
    pub bot: Login,
    pub revision: Revision,
    pub prefix: Prefix,
    /// BCP 47.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// The modules that somebody switched on (true) or off.
    pub switched: BTreeMap<ModuleName, bool>,
    pub settings: BTreeMap<ModuleName, BTreeMap<String, String>>,
    pub claimed: BTreeMap<ModuleName, Vec<Command>>,
    pub grants: HashMap<ModuleDigest, Grants>,
}

impl Store {
    /// One consistent snapshot.
    pub fn load_channel(&self, channel: ChannelId) -> Result<Option<ChannelRecord>, StoreError> {
        let _ = channel;
        todo!()
    }

    /// Every channel that was ever sat in, wanted or not.
    pub fn list_channels(&self) -> Result<Vec<ChannelId>, StoreError> {
        todo!()
    }

    /// Replaces what one version of a module may do in a channel, and raises the set-up's revision.
    pub async fn save_grants(
        &self,
        channel: ChannelId,
        digest: ModuleDigest,
        grants: Grants,
    ) -> Result<(), StoreError> {
        let _ = (channel, digest, grants);
        todo!()
    }
}
