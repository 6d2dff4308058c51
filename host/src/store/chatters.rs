//! Chatters as they were last seen in a channel.

use std::time::SystemTime;

use super::{Store, StoreError};
use crate::domain::id::{ChannelId, ChatterId, Login};

/// Who has been seen in a channel, under the names of that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownChatter {
    pub id: ChatterId,
    pub login: Login,
    pub display_name: Box<str>,
}

impl Store {
    /// Whoever was last seen in the channel under this login: logins get recycled.
    pub fn find_chatter(&self, channel: ChannelId, login: &Login) -> Result<Option<KnownChatter>, StoreError> {
        let _ = (channel, login);
        todo!()
    }

    pub fn find_chatter_by_id(
        &self,
        channel: ChannelId,
        chatter: ChatterId,
    ) -> Result<Option<KnownChatter>, StoreError> {
        let _ = (channel, chatter);
        todo!()
    }

    pub async fn save_seen(
        &self,
        channel: ChannelId,
        chatters: Vec<KnownChatter>,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let _ = (channel, chatters, at);
        todo!()
    }
}
