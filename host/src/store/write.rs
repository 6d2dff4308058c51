//! Every write of the store, as data: the backend executes it in one match, and may have to execute it again.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::channel::outcomes::Attempt;
use super::error::StoreError;
use super::host::api_keys::{ApiKey, KeyGuard, Revoked};
use super::host::bots::LogInChange;
use super::host::idempotency::KeptAnswer;
use super::host::modules::VersionChange;
use super::host::used_limits::LastUse;
use crate::domain::account::BotAccount;
use crate::domain::amount::Amount;
use crate::domain::audit::{Change, Stamp};
use crate::domain::effect::{Commit, Committed};
use crate::domain::id::{AccountId, ChannelId, ChatterId, Login, ModuleDigest, ModuleName};
use crate::domain::message::KnownChatter;
use crate::domain::ports::Epoch;
use crate::domain::principal::{CallerId, KeyId};
use crate::domain::used_limits::UsedLimits;

/// Receives the result of a write once the write is durable.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// One write, applied whole or not at all. The method of [`Store`](super::Store) that sends it documents it.
pub(super) enum Write {
    // Data of a channel.
    Commit {
        commit: Box<Commit>,
        attempt: Attempt,
        /// The tenure in which the commit was requested. In any other tenure the commit is refused.
        epoch: Epoch,
        answer: Answer<Committed>,
    },
    SeedBalance {
        channel: ChannelId,
        chatter: ChatterId,
        amount: Amount,
        at: SystemTime,
        answer: Answer<()>,
    },
    SaveSeen {
        chatters: Vec<(ChannelId, KnownChatter)>,
        at: SystemTime,
        answer: Answer<()>,
    },
    RaiseBusyness {
        /// The number of messages written in each channel.
        channels: Vec<(ChannelId, u64)>,
        at: SystemTime,
        answer: Answer<()>,
    },
    // Wanted channels. The answer is whether the list of wanted channels changed.
    SaveSeed {
        login: Login,
        account: Login,
        at: SystemTime,
        answer: Answer<bool>,
    },
    SaveChannelId {
        login: Login,
        channel: ChannelId,
        at: SystemTime,
        answer: Answer<bool>,
    },
    // Bot accounts.
    LearnBot {
        login: Login,
        id: AccountId,
        answer: Answer<LogInChange>,
    },
    BeginUse {
        account: Login,
        at: SystemTime,
        answer: Answer<LastUse>,
    },
    SaveUse {
        account: BotAccount,
        used: UsedLimits,
        at: SystemTime,
        answer: Answer<()>,
    },
    // Modules.
    ChangeVersions {
        module: ModuleName,
        changes: Vec<VersionChange>,
        left: BTreeMap<ModuleDigest, Vec<ChannelId>>,
        stamp: Stamp,
        answer: Answer<()>,
    },
    BeginUpload {
        digest: ModuleDigest,
        answer: Answer<()>,
    },
    EndUpload {
        digest: ModuleDigest,
        answer: Answer<()>,
    },
    // The HTTP API.
    SaveApiKey {
        key: Box<ApiKey>,
        stamp: Stamp,
        answer: Answer<()>,
    },
    RevokeApiKey {
        id: KeyId,
        guard: KeyGuard,
        stamp: Stamp,
        answer: Answer<Revoked>,
    },
    SaveKeyUse {
        id: KeyId,
        at: SystemTime,
        answer: Answer<()>,
    },
    SaveAnswer {
        caller: CallerId,
        key: Box<str>,
        kept: KeptAnswer,
        at: SystemTime,
        answer: Answer<()>,
    },
    NoteChange {
        stamp: Stamp,
        change: Box<Change>,
        answer: Answer<()>,
    },
    /// Changes nothing; finds out whether the machine accepts writes.
    Probe {
        answer: Answer<()>,
    },
    /// A test's own write, run within a batch.
    #[cfg(test)]
    Test {
        job: TestJob,
        answer: Answer<()>,
    },
}

#[cfg(test)]
type TestJob = Box<dyn FnOnce(&rusqlite::Connection) -> Result<(), StoreError> + Send>;
