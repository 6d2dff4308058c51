//! Decides which channels the bot may be called into, and by whom.
//!
//! A decision returns an effect of a transaction; once the effect is on disk, the connections carry it out. Chatters
//! can call the bot into their own channel only.

use std::sync::Arc;

use crate::domain::account::BotAccount;
use crate::domain::effect::{Effect, PresenceEffect, Revision};
use crate::domain::message::{Channel, Chatter};
use crate::store::{Store, StoreError};

/// Who may call the bot into their channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinPolicy {
    /// Only the operator's configuration names new channels. A broadcaster who sent the bot away may get it back.
    Closed,
    /// Every chatter.
    Open,
}

/// Why the bot does not join. The variants are the contract's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    #[error("the bot is there already")]
    JoinedAlready,
    #[error("consent is needed at {0}")]
    NeedsConsent(String),
    #[error("waiting at place {0}")]
    Waiting(u32),
    #[error("refused: {0}")]
    Refused(String),
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// Decides about joining and leaving.
pub struct Joining {
    store: Arc<Store>,
    policy: JoinPolicy,
    /// Most channels that one account may be in.
    capacity: usize,
}

/// The data on which a decision is based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The revision of the channel's set-up, read before the rest.
    pub revision: Revision,
    /// Whether the bot is in the channel, or is about to join.
    pub is_wanted: bool,
    /// Whether the bot was ever in the channel.
    pub is_known: bool,
    /// Whether the account has room for one more channel; an observation, never compared at the commit.
    pub has_room: bool,
}

impl Joining {
    pub fn new(store: Arc<Store>, policy: JoinPolicy, capacity: usize) -> Joining {
        Joining { store, policy, capacity }
    }

    /// Whether the bot is in a chatter's own channel, and whether `account` could join it.
    pub async fn load_presence(&self, chatter: &Chatter, account: &BotAccount) -> Result<Presence, StoreError> {
        let own = chatter.id.own_channel();
        // The revision is read first, so that a change between the reads becomes a conflict and is not missed.
        let record = self.store.load_channel(own).await?;
        Ok(Presence {
            revision: record.as_ref().map_or(Revision::default(), |record| record.revision),
            is_known: record.is_some(),
            is_wanted: self.store.host.is_wanted(own, &chatter.login).await?,
            has_room: self.store.host.count_wanted(account).await? < self.capacity,
        })
    }

    /// The effect by which `account` joins the chatter's own channel.
    pub fn check_join(&self, chatter: &Chatter, account: &BotAccount, presence: Presence) -> Result<Effect, JoinError> {
        if presence.is_wanted {
            return Err(JoinError::JoinedAlready);
        }
        if self.policy == JoinPolicy::Closed && !presence.is_known {
            return Err(JoinError::Refused("whoever runs me chooses the channels; please ask them".to_owned()));
        }
        if !presence.has_room {
            return Err(JoinError::Refused("I sit in as many channels as I can; please try again later".to_owned()));
        }
        let channel = Channel {
            id: chatter.id.own_channel(),
            login: chatter.login.clone(),
            display_name: chatter.display_name.clone(),
        };
        Ok(Effect::Presence(PresenceEffect::Want { channel, account: account.clone() }))
    }

    /// `None` if the bot is not in the chatter's own channel.
    pub fn check_leave(&self, chatter: &Chatter, presence: Presence) -> Option<Effect> {
        presence.is_wanted.then(|| Effect::Presence(PresenceEffect::Unwant { channel: chatter.id.own_channel() }))
    }
}
