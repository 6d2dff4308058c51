//! The ledger.

use std::time::SystemTime;

use super::{Store, StoreError};
use crate::domain::amount::Amount;
use crate::domain::effect::{Holder, Revision};
use crate::domain::id::{ChannelId, ChatterId, ModuleName};

/// A channel's own currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// `points`.
    pub name: Box<str>,
    /// Digits after the point: 0 to 18.
    pub decimals: u8,
}

impl Store {
    /// Revision and amount of an account; both zero where it does not exist.
    pub fn load_account(&self, channel: ChannelId, holder: Holder) -> Result<(Revision, Amount), StoreError> {
        let _ = (channel, holder);
        todo!()
    }

    /// The richest chatters of a channel with more than nothing, richest first.
    pub fn list_top_accounts(&self, channel: ChannelId, limit: usize) -> Result<Vec<(ChatterId, Amount)>, StoreError> {
        let _ = (channel, limit);
        todo!()
    }

    pub fn load_currency(&self, channel: ChannelId) -> Result<Currency, StoreError> {
        let _ = channel;
        todo!()
    }

    /// What a module paid out of the till and the mint at `since` or later.
    pub fn load_paid_out(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        since: SystemTime,
    ) -> Result<Amount, StoreError> {
        let _ = (channel, module, since);
        todo!()
    }

    /// Gives a chatter without an account a first amount out of the mint; changes nothing where there is an account.
    pub async fn seed_balance(&self, channel: ChannelId, chatter: ChatterId, amount: Amount) -> Result<(), StoreError> {
        let _ = (channel, chatter, amount);
        todo!()
    }
}
