//! The store's data of the whole host: bot accounts and the channels that they join, modules, API keys, the audit.
//!
//! Not here: data of one channel (`channel`), connections (`sqlite`).

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
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::broadcast;

use self::api_keys::{ApiKey, KeyGuard, Revoked};
use self::idempotency::KeptAnswer;
use self::modules::VersionChange;
use self::used_limits::LastUse;
use super::database::Database;
use super::error::StoreError;
use super::write::Write;
use crate::domain::account::BotAccount;
use crate::domain::audit::{AuditEntry, AuditFilter, Change, Stamp};
use crate::domain::id::{AccountId, ChannelId, Login, ModuleDigest, ModuleName};
use crate::domain::message::WantedChannel;
use crate::domain::principal::{CallerId, KeyId};
use crate::domain::used_limits::UsedLimits;
use crate::domain::version::UploadedModule;

/// The methods of the host's data: [`HostStore::host`](super::Store::host).
pub struct HostStore {
    pub(super) database: Arc<Database>,
    pub(super) wanted_changes: broadcast::Sender<Login>,
}

impl HostStore {
    /// The wanted channels of all accounts, busiest first; those of equal or unknown busyness are ordered by login.
    pub async fn list_wanted(&self) -> Result<Vec<WantedChannel>, StoreError> {
        self.database.read(wanted::list)
    }

    /// The wanted channels of the accounts that have this login or had it last, in the order of [`HostStore::list_wanted`].
    pub async fn list_wanted_of(&self, account: &Login) -> Result<Vec<WantedChannel>, StoreError> {
        self.database.read(|on| wanted::list_of(on, account))
    }

    /// How many channels are wanted with an account.
    pub async fn count_wanted(&self, account: &BotAccount) -> Result<usize, StoreError> {
        self.database.read(|on| wanted::count(on, account))
    }

    /// Whether a channel is wanted. The login is compared only with wanted channels whose id is still unknown.
    pub async fn is_wanted(&self, channel: ChannelId, login: &Login) -> Result<bool, StoreError> {
        self.database.read(|on| wanted::is_wanted(on, channel, login))
    }

    /// The known channels that are assigned to an account, whether they are wanted or not.
    pub async fn list_channels_of(&self, account: &BotAccount) -> Result<Vec<ChannelId>, StoreError> {
        self.database.read(|on| wanted::list_channels_of(on, account))
    }

    /// Receives an account's login after each write that changed the result of [`HostStore::list_wanted_of`] for it.
    pub fn wanted_changes(&self) -> broadcast::Receiver<Login> {
        self.wanted_changes.subscribe()
    }

    /// Wants a channel of the configuration, with the account that it names for it. A stored leave takes precedence.
    pub async fn save_seed(&self, login: Login, account: Login) -> Result<(), StoreError> {
        let at = self.database.now();
        self.database.write(|answer| Write::SaveSeed { login, account, at, answer }).await.map(drop)
    }

    /// Saves the id of a configured channel, and makes the channel known. A login keeps its first id.
    ///
    /// A channel that is known under an older login keeps its stored data, a leave included.
    pub async fn save_channel_id(&self, login: Login, channel: ChannelId) -> Result<(), StoreError> {
        let at = self.database.now();
        self.database.write(|answer| Write::SaveChannelId { login, channel, at, answer }).await.map(drop)
    }

    /// The account of a login, with its id if a log-in has reported one.
    pub async fn find_bot(&self, login: &Login) -> Result<BotAccount, StoreError> {
        self.database.read(|on| bots::find_bot(on, login))
    }

    /// Saves the id that an account's log-in reported. All rows kept for the login while its id was unknown become this
    /// account's. Rows of another id under that login stay unchanged. If channels of that other id are still wanted,
    /// returns the other id: Twitch has recycled the login.
    pub async fn learn_bot(&self, login: Login, id: AccountId) -> Result<Option<AccountId>, StoreError> {
        let learned = self.database.write(|answer| Write::LearnBot { login, id, answer }).await?;
        Ok(learned.former)
    }

    /// What the account's last process had used. From now on the stored usage is unknown, until [`HostStore::save_use`].
    pub async fn begin_use(&self, account: Login) -> Result<LastUse, StoreError> {
        let at = self.database.now();
        self.database.write(|answer| Write::BeginUse { account, at, answer }).await
    }

    /// Saves what this process has used; [`HostStore::begin_use`] then also returns the time since.
    pub async fn save_use(&self, account: BotAccount, used: UsedLimits) -> Result<(), StoreError> {
        let at = self.database.now();
        self.database.write(|answer| Write::SaveUse { account, used, at, answer }).await
    }

    /// All uploaded modules, ordered by name.
    pub async fn list_uploaded(&self) -> Result<Vec<UploadedModule>, StoreError> {
        self.database.read(modules::list_uploaded)
    }

    /// Applies all changes of one module, or none. `left`: the channels in which each version stops running.
    pub async fn change_versions(
        &self,
        module: ModuleName,
        changes: Vec<VersionChange>,
        left: BTreeMap<ModuleDigest, Vec<ChannelId>>,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        self.database.write(|answer| Write::ChangeVersions { module, changes, left, stamp, answer }).await
    }

    /// Must be called before a component's bytes are saved, unless they are on disk already. Publishing the version
    /// deletes this record; so does [`HostStore::end_upload`].
    pub async fn begin_upload(&self, digest: ModuleDigest) -> Result<(), StoreError> {
        self.database.write(|answer| Write::BeginUpload { digest, answer }).await
    }

    /// Deletes the record of [`HostStore::begin_upload`], once the component's bytes are deleted.
    pub async fn end_upload(&self, digest: ModuleDigest) -> Result<(), StoreError> {
        self.database.write(|answer| Write::EndUpload { digest, answer }).await
    }

    pub async fn list_begun_uploads(&self) -> Result<Vec<ModuleDigest>, StoreError> {
        self.database.read(begun_uploads::list)
    }

    pub async fn find_api_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.database.read(|on| api_keys::find(on, id))
    }

    /// API keys created after the key `after`, oldest first.
    pub async fn list_api_keys(&self, after: Option<&KeyId>, limit: usize) -> Result<Vec<ApiKey>, StoreError> {
        self.database.read(|on| api_keys::list(on, after, limit))
    }

    pub async fn save_api_key(&self, key: ApiKey, stamp: Stamp) -> Result<(), StoreError> {
        self.database.write(|answer| Write::SaveApiKey { key: Box::new(key), stamp, answer }).await
    }

    /// Revokes a key: it opens nothing from now on. Revoking a revoked key changes nothing.
    pub async fn revoke_api_key(&self, id: KeyId, guard: KeyGuard, stamp: Stamp) -> Result<Revoked, StoreError> {
        self.database.write(|answer| Write::RevokeApiKey { id, guard, stamp, answer }).await
    }

    pub async fn save_key_use(&self, id: KeyId, at: SystemTime) -> Result<(), StoreError> {
        self.database.write(|answer| Write::SaveKeyUse { id, at, answer }).await
    }

    /// Lines of the audit, newest first: ordered by the moment of the change, then by the order of writing. Only lines
    /// after the line `before` in that order, and at most `limit` or 1,000.
    ///
    /// A single filter, with or without a span of time, costs the time of one page, whatever the size of the audit: 0.3
    /// ms for 100 of a million lines. Of several filters, the most selective one is looked up (a chatter, a channel, a
    /// subject, a caller, an action, a kind, in this order), and the others are checked on the lines it finds: 14 ms if
    /// a channel has 100,000 lines of which nearly none match.
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.database.read(|on| audit::list(on, filter, before, limit))
    }

    /// Adds a line to the audit for a change that no other write records.
    pub async fn note_change(&self, stamp: Stamp, change: Change) -> Result<(), StoreError> {
        self.database.write(|answer| Write::NoteChange { stamp, change: Box::new(change), answer }).await
    }

    /// The answer that `caller` received under a key, if that was within a day of `now`.
    pub async fn find_answer(
        &self,
        caller: &CallerId,
        key: &str,
        now: SystemTime,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.database.read(|on| idempotency::find(on, caller, key, now))
    }

    /// Keeps an answer, and deletes answers that are too old or too many.
    pub async fn save_answer(
        &self,
        caller: CallerId,
        key: Box<str>,
        kept: KeptAnswer,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        self.database.write(|answer| Write::SaveAnswer { caller, key, kept, at, answer }).await
    }
}
