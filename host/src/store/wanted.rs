//! Which channels the bot shall sit in.

use tokio::sync::watch;

use super::{Store, StoreError};
use crate::domain::id::{ChannelId, Login};

/// A channel that an account shall sit in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedChannel {
    /// None for a seed until Twitch has told it.
    pub id: Option<ChannelId>,
    pub login: Login,
    pub account: Login,
}

impl Store {
    /// In the order of their logins.
    pub fn list_wanted(&self) -> Result<Vec<WantedChannel>, StoreError> {
        todo!()
    }

    /// Wants a channel of the configuration, unless the store knows it: a stored leave wins.
    pub async fn save_seed(&self, login: Login, account: Login) -> Result<(), StoreError> {
        let _ = (login, account);
        todo!()
    }

    /// Notes which channel a seed is, and makes the channel known. The first id of a login stays.
    pub async fn save_channel_id(&self, login: Login, channel: ChannelId) -> Result<(), StoreError> {
        let _ = (login, channel);
        todo!()
    }

    /// Raised after each write that changed what [`Store::list_wanted`] answers.
    pub fn wanted_changes(&self) -> watch::Receiver<u64> {
        todo!()
    }
}
