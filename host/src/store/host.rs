//! What the store keeps of the host: its bot accounts and the channels that they join, modules, API keys, the audit.
//!
//! Absent: what belongs to one channel (`channel`), and connections (`sqlite`).

pub mod api_keys;
pub mod audit;
pub(crate) mod begun_uploads;
pub(crate) mod bots;
pub mod components;
pub mod idempotency;
pub mod modules;
pub mod used_limits;
pub(crate) mod wanted;

use std::collections::BTreeMap;
use std::time::SystemTime;

use tokio::sync::broadcast;

use self::api_keys::{ApiKey, Revoked, Spare};
use self::idempotency::KeptAnswer;
use self::modules::VersionChange;
use self::used_limits::LastUse;
use super::write::Write;
use super::{Store, StoreError};
use crate::domain::account::BotAccount;
use crate::domain::audit::{AuditEntry, AuditFilter, Change, Stamp};
use crate::domain::id::{AccountId, ChannelId, Login, ModuleDigest, ModuleName};
use crate::domain::message::WantedChannel;
use crate::domain::principal::{CallerId, KeyId};
use crate::domain::used_limits::UsedLimits;
use crate::domain::version::UploadedModule;

impl Store {
    /// Of all accounts: the busiest first, and those of which that is not known by login.
    pub async fn list_wanted(&self) -> Result<Vec<WantedChannel>, StoreError> {
        self.read(wanted::list)
    }

    /// The same, of the accounts that have this login or had it last.
    pub async fn list_wanted_of(&self, account: &Login) -> Result<Vec<WantedChannel>, StoreError> {
        self.read(|on| wanted::list_of(on, account))
    }

    /// How many channels are wanted with an account.
    pub async fn count_wanted(&self, account: &BotAccount) -> Result<usize, StoreError> {
        self.read(|on| wanted::count(on, account))
    }

    /// Whether a channel is wanted. A login decides only where the id of its channel is not known yet.
    pub async fn is_wanted(&self, channel: ChannelId, login: &Login) -> Result<bool, StoreError> {
        self.read(|on| wanted::is_wanted(on, channel, login))
    }

    /// The known channels that an account sits in, or would if it were wanted there.
    pub async fn list_channels_of(&self, account: &BotAccount) -> Result<Vec<ChannelId>, StoreError> {
        self.read(|on| wanted::list_channels_of(on, account))
    }

    /// The login of an account, after each write that changed what [`Store::list_wanted_of`] answers for it.
    pub fn wanted_changes(&self) -> broadcast::Receiver<Login> {
        self.wanted_changes.subscribe()
    }

    /// Wants a channel of the configuration, with the account that it names there. A stored leave wins.
    pub async fn save_seed(&self, login: Login, account: Login) -> Result<(), StoreError> {
        let at = self.clock.now().wall;
        self.write(|answer| Write::SaveSeed { login, account, at, answer }).await.map(drop)
    }

    /// Notes which channel a seed is, and makes the channel known. The first id of a login stays.
    ///
    /// A channel that is known under an older login keeps what was stored of it, a leave included.
    pub async fn save_channel_id(&self, login: Login, channel: ChannelId) -> Result<(), StoreError> {
        let at = self.clock.now().wall;
        self.write(|answer| Write::SaveChannelId { login, channel, at, answer }).await.map(drop)
    }

    /// The account of a login, with its id where a log-in has told it.
    pub async fn find_bot(&self, login: &Login) -> Result<BotAccount, StoreError> {
        self.read(|on| bots::find_bot(on, login))
    }

    /// Notes that an account has logged in. All that was noted for its login while its id was unknown is its own from now on. What is
    /// noted for another id under that login stays where it is: returns that id where channels of its are still wanted, as Twitch has
    /// recycled the login then.
    pub async fn learn_bot(&self, login: Login, id: AccountId) -> Result<Option<AccountId>, StoreError> {
        let learned = self.write(|answer| Write::LearnBot { login, id, answer }).await?;
        Ok(learned.former)
    }

    /// What the account's last process had used; from now on this one's is unknown.
    pub async fn begin_use(&self, account: Login) -> Result<LastUse, StoreError> {
        let at = self.clock.now().wall;
        self.write(|answer| Write::BeginUse { account, at, answer }).await
    }

    /// Notes what this process has used; the time since is told by [`Store::begin_use`].
    pub async fn save_use(&self, account: BotAccount, used: UsedLimits) -> Result<(), StoreError> {
        let at = self.clock.now().wall;
        self.write(|answer| Write::SaveUse { account, used, at, answer }).await
    }

    /// By name.
    pub async fn list_uploaded(&self) -> Result<Vec<UploadedModule>, StoreError> {
        self.read(modules::list_uploaded)
    }

    /// Makes all changes of one module, or none. `left` are the channels in which a version runs no more because of them.
    pub async fn change_versions(
        &self,
        module: ModuleName,
        changes: Vec<VersionChange>,
        left: BTreeMap<ModuleDigest, Vec<ChannelId>>,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        self.write(|answer| Write::ChangeVersions { module, changes, left, stamp, answer }).await
    }

    /// To be called before a component's bytes are saved, unless they are on disk already. The note goes with the version
    /// that is published, or with [`Store::end_upload`].
    pub async fn begin_upload(&self, digest: ModuleDigest) -> Result<(), StoreError> {
        self.write(|answer| Write::BeginUpload { digest, answer }).await
    }

    /// The component has been deleted.
    pub async fn end_upload(&self, digest: ModuleDigest) -> Result<(), StoreError> {
        self.write(|answer| Write::EndUpload { digest, answer }).await
    }

    pub async fn list_begun_uploads(&self) -> Result<Vec<ModuleDigest>, StoreError> {
        self.read(begun_uploads::list)
    }

    pub async fn find_api_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.read(|on| api_keys::find(on, id))
    }

    /// The oldest first; those made after the key `after`.
    pub async fn list_api_keys(&self, after: Option<&KeyId>, limit: usize) -> Result<Vec<ApiKey>, StoreError> {
        self.read(|on| api_keys::list(on, after, limit))
    }

    pub async fn save_api_key(&self, key: ApiKey, stamp: Stamp) -> Result<(), StoreError> {
        self.write(|answer| Write::SaveApiKey { key: Box::new(key), stamp, answer }).await
    }

    /// From now on it opens nothing. Revoking again changes nothing.
    pub async fn revoke_api_key(&self, id: KeyId, spare: Spare, stamp: Stamp) -> Result<Revoked, StoreError> {
        self.write(|answer| Write::RevokeApiKey { id, spare, stamp, answer }).await
    }

    pub async fn save_key_use(&self, id: KeyId, at: SystemTime) -> Result<(), StoreError> {
        self.write(|answer| Write::SaveKeyUse { id, at, answer }).await
    }

    /// The newest first, by the moment of the change and then by the order of writing; only what comes after the line
    /// `before` in that order, and at most `limit` or 1,000.
    ///
    /// One filter, with or without a span of time, takes the time of the page, whatever else is there: 0.3 ms for 100 of a
    /// million lines. Of several, the one that lets the least through is looked up (a chatter, a channel, a subject, a caller,
    /// an action, a kind, in this order), and the others are compared with what that one finds: 14 ms where a channel has
    /// 100,000 lines and nearly none of them fit.
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|on| audit::list(on, filter, before, limit))
    }

    /// Writes down a change that no other row tells of.
    pub async fn note_change(&self, stamp: Stamp, change: Change) -> Result<(), StoreError> {
        self.write(|answer| Write::NoteChange { stamp, change: Box::new(change), answer }).await
    }

    /// What was answered to `caller` under a key, if that was within a day of `now`.
    pub async fn find_answer(
        &self,
        caller: &CallerId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.read(|on| idempotency::find(on, caller, key, now))
    }

    /// Keeps an answer, and deletes those that are too old or too many.
    pub async fn save_answer(
        &self,
        caller: CallerId,
        key: Box<str>,
        kept: KeptAnswer,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        self.write(|answer| Write::SaveAnswer { caller, key, kept, at, answer }).await
    }
}
