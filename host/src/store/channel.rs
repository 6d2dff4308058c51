//! The store's data of one channel: set-up, the modules' storage, ledger, outcomes, secrets, chatters who were seen.
//!
//! A commit writes here, and only in its own channel. Not here: the host's data (`host`), connections (`sqlite`).

pub mod accounts;
pub(crate) mod changes;
pub mod chatters;
pub(crate) mod commit;
pub(crate) mod grants;
pub(crate) mod left_versions;
pub(crate) mod outcomes;
pub(crate) mod secrets;
pub mod setup;
pub mod storage;
pub(crate) mod tally;

use std::time::SystemTime;

use self::accounts::{Currency, Spending};
use self::chatters::KnownChatter;
use self::outcomes::Attempt;
use self::setup::ChannelRecord;
use self::storage::{Entry, StorageState};
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::amount::Amount;
use crate::domain::effect::{Commit, Committed, Holder, Revision};
use crate::domain::id::{ChannelId, ChatterId, InvocationId, Login, ModuleDigest, ModuleName};
use crate::domain::manifest::Budget;
use crate::domain::message::{Channel, Reply};
use crate::domain::tally::Noted;

/// Chatters per write. A command's commit behind such a write waits for no more than these.
const CHATTERS_AT_ONCE: usize = 500;

impl Store {
    /// Applies all changes of an invocation exactly once, or none of them.
    ///
    /// # Errors
    /// [`StoreError::NotActing`] if another process acts for the channel.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let epoch = self.tenure.find_epoch(commit.channel).ok_or(StoreError::NotActing)?;
        let (commit, attempt) = (Box::new(commit), Attempt::random());
        self.write(|answer| Write::Commit { commit, attempt, epoch, answer }).await
    }

    /// Whether this process acts for the channel now. [`Store::commit`] checks this itself.
    pub fn may_act(&self, channel: ChannelId) -> bool {
        self.tenure.find_epoch(channel).is_some()
    }

    /// The replies of an invocation that was committed within the last day.
    pub async fn find_outcome(&self, invocation: &InvocationId) -> Result<Option<Vec<Reply>>, StoreError> {
        self.read(|on| outcomes::find(on, invocation)).map(|found| found.map(|outcome| outcome.replies))
    }

    /// The channel's set-up, as one consistent snapshot.
    pub async fn load_channel(&self, channel: ChannelId) -> Result<Option<ChannelRecord>, StoreError> {
        self.read(|on| setup::find_channel(on, channel))
    }

    /// The set-ups of all channels, as one snapshot; the number of queries is that for one channel.
    pub async fn load_channels(&self) -> Result<Vec<ChannelRecord>, StoreError> {
        self.read(setup::list_channels)
    }

    /// Every channel that the bot has ever joined, ordered by id, with the names it had then.
    pub async fn list_known_channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.read(setup::list_known_channels)
    }

    /// The value under a key, and the storage's state at the same moment.
    pub async fn load_entry(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<(StorageState, Option<Vec<u8>>), StoreError> {
        self.read(|on| storage::load_entry(on, channel, module, key))
    }

    /// The version of the module that wrote last, and the storage's state at the same moment.
    pub async fn load_written_by(
        &self,
        channel: ChannelId,
        module: &ModuleName,
    ) -> Result<(StorageState, Option<semver::Version>), StoreError> {
        self.read(|on| storage::load_written_by(on, channel, module))
    }

    /// Entries whose key begins with `prefix`, in byte order, strictly after `after`. Returns at most `limit` entries,
    /// 100 entries, or 64 KiB of keys and values, but always at least one if one matches.
    pub async fn list_entries(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(StorageState, Vec<Entry>), StoreError> {
        self.read(|on| storage::list_entries(on, channel, module, prefix, after, limit))
    }

    /// Revision and amount of an account; both zero if the account does not exist.
    pub async fn load_account(&self, channel: ChannelId, holder: Holder) -> Result<(Revision, Amount), StoreError> {
        self.read(|on| accounts::load_account(on, channel, holder))
    }

    /// The chatters of a channel with the largest positive amounts, richest first; at most 100.
    pub async fn list_top_accounts(
        &self,
        channel: ChannelId,
        limit: usize,
    ) -> Result<Vec<(ChatterId, Amount)>, StoreError> {
        self.read(|on| accounts::list_top_accounts(on, channel, limit))
    }

    /// The channel's currency; the default currency if the channel is unknown.
    pub async fn load_currency(&self, channel: ChannelId) -> Result<Currency, StoreError> {
        self.read(|on| accounts::find_currency(on, channel)).map(Option::unwrap_or_default)
    }

    /// The amounts that a module moved at `since` or later and that count against one budget, with the budget's
    /// revision at the same moment.
    pub async fn load_spending(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        budget: Budget,
        caller: ChatterId,
        since: SystemTime,
    ) -> Result<Spending, StoreError> {
        self.read(|on| accounts::load_spending(on, channel, module, budget, caller, since))
    }

    /// Gives a chatter without an account a first amount out of the mint. Does nothing if the chatter has an account.
    pub async fn seed_balance(&self, channel: ChannelId, chatter: ChatterId, amount: Amount) -> Result<(), StoreError> {
        let at = self.clock.now().wall;
        self.write(|answer| Write::SeedBalance { channel, chatter, amount, at, answer }).await
    }

    /// The sealed secret of a setting; `None` if none is stored.
    pub async fn load_secret(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|on| secrets::find_secret(on, channel, module, key))
    }

    /// The keys that have a secret, in order.
    pub async fn list_secret_keys(&self, channel: ChannelId, module: &ModuleName) -> Result<Vec<String>, StoreError> {
        self.read(|on| secrets::list_keys(on, channel, module))
    }

    /// The distinct first `length` bytes of all channels' secrets; they identify the key that sealed a secret.
    pub async fn list_secret_marks(&self, length: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read(|on| secrets::list_marks(on, length))
    }

    /// The versions left before, latest first, at most two. One may run again, if the module was off in between.
    pub async fn list_left(&self, channel: ChannelId, module: &ModuleName) -> Result<Vec<ModuleDigest>, StoreError> {
        self.read(|on| left_versions::list_left(on, channel, module))
    }

    /// The chatter who was last seen in the channel under this login. Logins get recycled, so several may have had it.
    pub async fn find_chatter(&self, channel: ChannelId, login: &Login) -> Result<Option<KnownChatter>, StoreError> {
        self.read(|on| chatters::find_by_login(on, channel, login))
    }

    pub async fn find_chatter_by_id(
        &self,
        channel: ChannelId,
        chatter: ChatterId,
    ) -> Result<Option<KnownChatter>, StoreError> {
        self.read(|on| chatters::find_by_id(on, channel, chatter))
    }

    /// Chatters whose last seen display name is this one, ignoring case; at most `most`, the last seen first. Finds
    /// only display names that differ from the login in more than case: `find_chatter` finds the others.
    pub async fn list_chatters_by_name(
        &self,
        channel: ChannelId,
        display_name: &str,
        most: usize,
    ) -> Result<Vec<KnownChatter>, StoreError> {
        self.read(|on| chatters::list_by_name(on, channel, display_name, most))
    }

    /// Saves which chatters wrote in a channel, and their names. One write, however many chatters there are.
    pub async fn save_seen(
        &self,
        channel: ChannelId,
        chatters: Vec<KnownChatter>,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let chatters = chatters.into_iter().map(|chatter| (channel, chatter)).collect();
        self.write(|answer| Write::SaveSeen { chatters, at, answer }).await
    }

    /// Saves a tally: which chatters talked in which channel, their names, and the number of messages per channel.
    pub async fn save_tally(&self, noted: &Noted, at: SystemTime) -> Result<(), StoreError> {
        let talked = noted.iter().flat_map(|(channel, tally)| tally.chatters().map(|talked| (*channel, talked.into())));
        let talked: Vec<(ChannelId, KnownChatter)> = talked.collect();
        for some in talked.chunks(CHATTERS_AT_ONCE) {
            self.write(|answer| Write::SaveSeen { chatters: some.to_vec(), at, answer }).await?;
        }
        let channels = noted.iter().map(|(channel, tally)| (*channel, tally.messages)).collect();
        self.write(|answer| Write::RaiseBusyness { channels, at, answer }).await
    }
}
