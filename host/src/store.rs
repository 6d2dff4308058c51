//! All durable state: a database, and beside it the uploaded components. The host's only SQL.
//!
//! Guarantees: an acknowledged write is on disk; a commit is atomic; readers never wait for the writer; the accounts of
//! a channel sum to zero; one process at a time holds the file; a change of a set-up and its line of the audit reach
//! the disk together. Not here: permissions (`setup`, `joining`), quotas and caps (`sandbox`), caches.
//!
//! A read is a function over a connection, a write is a `Write`, which the backend executes. The rest of the host calls
//! the methods of [`Store`]: those of the host's data are in `host`.
//!
//! # Another backend
//!
//! A write is data (`write`), which the backend matches without a wildcard. A read is async, and SQLite answers it at once. Each
//! outcome keeps a random number of the attempt that committed it: a backend that lost an acknowledgement repeats the write, and
//! tells its own commit from a duplicate, whose replies are not sent.
//!
//! # More than one process
//!
//! One process holds the database. Two ports of [`domain::ports`](crate::domain::ports) prepare for several, and answer from memory today. `Tenure`: may
//! this process act for the channel? A call asks, and the writer again; a process that may not stays silent. `Allowance`: which part
//! of an account's limits may this process use? Each message and each join asks.
//!
//! # The audit
//!
//! The savepoint that carries an effect out writes its line, with the values before and after. Values are data
//! ([`domain::audit`](crate::domain::audit)), so that a person in them can be replaced; they are put into words when they are read.
//!
//! Between two batches `sqlite/purge` deletes a little of what is too old: outcomes, the audit, chatters. After a jump of the wall clock
//! it deletes nothing.

pub mod channel;
mod database;
mod error;
pub mod files;
#[cfg(test)]
pub(crate) mod fixture;
pub mod host;
mod json_text;
mod sqlite;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::broadcast;

use self::channel::accounts::{Currency, Spending};
use self::channel::chatters::CHATTERS_AT_ONCE;
use self::channel::outcomes::Attempt;
use self::channel::setup::ChannelRecord;
use self::channel::storage::{Entry, StorageState};
use self::database::Database;
pub use self::error::{OpenStoreError, StoreError};
use self::host::HostStore;
use self::host::audit::AuditRetention;
use self::host::wanted::WANTED_CHANGES;
use self::sqlite::open::Sqlite;
pub use self::sqlite::open::lock_database;
use self::write::Write;
use crate::domain::amount::Amount;
use crate::domain::effect::{Commit, Committed, Holder, Revision};
use crate::domain::id::{ChannelId, ChatterId, InvocationId, Login, ModuleDigest, ModuleName};
use crate::domain::manifest::Budget;
use crate::domain::message::{Channel, KnownChatter, Reply};
use crate::domain::ports::{Clock, Tenure};
use crate::domain::tally::TallyCounts;

/// The database. Shared as `Arc<Store>`.
///
/// Reads are `async` for the sake of a networked database. SQLite answers inline, in some microseconds: the future is
/// ready at its first poll. Writes wait while the writer's queue is full, and return after the change is on disk. Once
/// a write waits for its answer, it is executed even if its future is dropped.
pub struct Store {
    /// The data of the whole host. The methods here are of one channel's data, or of the database.
    pub host: HostStore,
    database: Arc<Database>,
    tenure: Arc<dyn Tenure>,
}

impl Store {
    /// Opens the database file `path`, or creates it with access for its owner only; the folder must exist. `tenure`
    /// says for which channels this process may commit.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, tenure: Arc<dyn Tenure>) -> Result<Store, OpenStoreError> {
        let wanted_changes = broadcast::Sender::new(WANTED_CHANGES);
        let sqlite = Sqlite::open(path, Arc::clone(&clock), Arc::clone(&tenure), wanted_changes.clone())?;
        let database = Arc::new(Database { sqlite, clock });
        let host = HostStore { database: Arc::clone(&database), wanted_changes };
        Ok(Store { host, database, tenure })
    }

    /// Whether [`Store::open`] would accept the file at `path`. Creates no file and migrates no schema. A missing file
    /// is accepted, and so is one that a running host has open.
    pub fn check(path: &Path) -> Result<(), OpenStoreError> {
        Sqlite::check(path)
    }

    /// Whether [`Store::open`] created the database. A new database knows nothing about files that lie beside it.
    pub fn is_new(&self) -> bool {
        self.database.sqlite.is_new
    }

    /// Writes the queue, folds the write-ahead log into the file, and marks the file as cleanly closed. Later writes
    /// are refused; reads still answer.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.database.sqlite.writer.close().await
    }

    /// Returns when the writer has stopped, by [`Store::close`] or by a fault: no later write succeeds.
    pub async fn stopped(&self) {
        self.database.sqlite.writer.stopped().await;
    }

    /// Why the last write failed, if the machine was at fault (the disk is full or broken, the file cannot be written).
    /// `None` once a write has succeeded.
    pub fn write_trouble(&self) -> Option<Arc<str>> {
        self.database.sqlite.writer.trouble()
    }

    /// Rewrites a value that is stored already, to find out whether the machine accepts writes again.
    pub async fn try_to_write(&self) -> Result<(), StoreError> {
        self.database.write(|answer| Write::Probe { answer }).await
    }

    /// Number of committed SQLite transactions. One transaction carries all writes that wait.
    pub fn batches(&self) -> u64 {
        self.database.sqlite.writer.batches()
    }

    /// Deletes lines of the audit older than `kept` from now on, else they stay for ever. Only the first call counts.
    pub fn set_audit_retention(&self, kept: AuditRetention) {
        self.database.sqlite.audit_retention.get_or_init(|| kept);
    }

    /// Applies all changes of an invocation exactly once, or none of them.
    ///
    /// # Errors
    /// [`StoreError::NotActing`] if another process acts for the channel.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let epoch = self.tenure.find_epoch(commit.channel).ok_or(StoreError::NotActing)?;
        let (commit, attempt) = (Box::new(commit), Attempt::random());
        self.database.write(|answer| Write::Commit { commit, attempt, epoch, answer }).await
    }

    /// Whether this process acts for the channel now. [`Store::commit`] checks this itself.
    pub fn may_act(&self, channel: ChannelId) -> bool {
        self.tenure.find_epoch(channel).is_some()
    }

    /// The replies of an invocation that was committed within the last day.
    pub async fn find_outcome(&self, invocation: &InvocationId) -> Result<Option<Vec<Reply>>, StoreError> {
        self.database
            .read(|on| channel::outcomes::find(on, invocation))
            .map(|found| found.map(|outcome| outcome.replies))
    }

    /// The channel's set-up, as one consistent snapshot.
    pub async fn load_channel(&self, channel: ChannelId) -> Result<Option<ChannelRecord>, StoreError> {
        self.database.read(|on| channel::setup::find_channel(on, channel))
    }

    /// The set-ups of all channels, as one snapshot; the number of queries is that for one channel.
    pub async fn load_channels(&self) -> Result<Vec<ChannelRecord>, StoreError> {
        self.database.read(channel::setup::list_channels)
    }

    /// Every channel that the bot has ever joined, ordered by id, with the names it had then.
    pub async fn list_known_channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.database.read(channel::setup::list_known_channels)
    }

    /// The value under a key, and the storage's state at the same moment.
    pub async fn load_entry(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<(StorageState, Option<Vec<u8>>), StoreError> {
        self.database.read(|on| channel::storage::load_entry(on, channel, module, key))
    }

    /// The version of the module that wrote last, and the storage's state at the same moment.
    pub async fn load_written_by(
        &self,
        channel: ChannelId,
        module: &ModuleName,
    ) -> Result<(StorageState, Option<semver::Version>), StoreError> {
        self.database.read(|on| channel::storage::load_written_by(on, channel, module))
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
        self.database.read(|on| channel::storage::list_entries(on, channel, module, prefix, after, limit))
    }

    /// Revision and amount of an account; both zero if the account does not exist.
    pub async fn load_account(&self, channel: ChannelId, holder: Holder) -> Result<(Revision, Amount), StoreError> {
        self.database.read(|on| channel::accounts::load_account(on, channel, holder))
    }

    /// The chatters of a channel with the largest positive amounts, richest first; at most 100.
    pub async fn list_top_accounts(
        &self,
        channel: ChannelId,
        limit: usize,
    ) -> Result<Vec<(ChatterId, Amount)>, StoreError> {
        self.database.read(|on| channel::accounts::list_top_accounts(on, channel, limit))
    }

    /// The channel's currency; the default currency if the channel is unknown.
    pub async fn load_currency(&self, channel: ChannelId) -> Result<Currency, StoreError> {
        self.database.read(|on| channel::accounts::find_currency(on, channel)).map(Option::unwrap_or_default)
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
        self.database.read(|on| channel::accounts::load_spending(on, channel, module, budget, caller, since))
    }

    /// Gives a chatter without an account a first amount out of the mint. Does nothing if the chatter has an account.
    pub async fn seed_balance(&self, channel: ChannelId, chatter: ChatterId, amount: Amount) -> Result<(), StoreError> {
        let at = self.database.now();
        self.database.write(|answer| Write::SeedBalance { channel, chatter, amount, at, answer }).await
    }

    /// The sealed secret of a setting; `None` if none is stored.
    pub async fn load_secret(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.read(|on| channel::secrets::find_secret(on, channel, module, key))
    }

    /// The keys that have a secret, in order.
    pub async fn list_secret_keys(&self, channel: ChannelId, module: &ModuleName) -> Result<Vec<String>, StoreError> {
        self.database.read(|on| channel::secrets::list_keys(on, channel, module))
    }

    /// The distinct first `length` bytes of all channels' secrets; they identify the key that sealed a secret.
    pub async fn list_secret_marks(&self, length: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.database.read(|on| channel::secrets::list_marks(on, length))
    }

    /// The versions left before, latest first, at most two. One may run again, if the module was off in between.
    pub async fn list_previous(
        &self,
        channel: ChannelId,
        module: &ModuleName,
    ) -> Result<Vec<ModuleDigest>, StoreError> {
        self.database.read(|on| channel::previous_versions::list_previous(on, channel, module))
    }

    /// The chatter who was last seen in the channel under this login. Logins get recycled, so several may have had it.
    pub async fn find_chatter(&self, channel: ChannelId, login: &Login) -> Result<Option<KnownChatter>, StoreError> {
        self.database.read(|on| channel::chatters::find_by_login(on, channel, login))
    }

    pub async fn find_chatter_by_id(
        &self,
        channel: ChannelId,
        chatter: ChatterId,
    ) -> Result<Option<KnownChatter>, StoreError> {
        self.database.read(|on| channel::chatters::find_by_id(on, channel, chatter))
    }

    /// Chatters whose last seen display name is this one, ignoring case; at most `most`, the last seen first. Finds
    /// only display names that differ from the login in more than case: `find_chatter` finds the others.
    pub async fn list_chatters_by_name(
        &self,
        channel: ChannelId,
        display_name: &str,
        most: usize,
    ) -> Result<Vec<KnownChatter>, StoreError> {
        self.database.read(|on| channel::chatters::list_by_name(on, channel, display_name, most))
    }

    /// Saves which chatters wrote in a channel, and their names. One write, however many chatters there are.
    pub async fn save_seen(
        &self,
        channel: ChannelId,
        chatters: Vec<KnownChatter>,
        at: SystemTime,
    ) -> Result<(), StoreError> {
        let chatters = chatters.into_iter().map(|chatter| (channel, chatter)).collect();
        self.database.write(|answer| Write::SaveSeen { chatters, at, answer }).await
    }

    /// Saves a tally: which chatters talked in which channel, their names, and the number of messages per channel.
    pub async fn save_tally(&self, noted: &TallyCounts, at: SystemTime) -> Result<(), StoreError> {
        let talked =
            noted.iter().flat_map(|(channel, tally)| tally.chatters().map(|talked| (*channel, talked.clone())));
        let talked: Vec<(ChannelId, KnownChatter)> = talked.collect();
        for some in talked.chunks(CHATTERS_AT_ONCE) {
            self.database.write(|answer| Write::SaveSeen { chatters: some.to_vec(), at, answer }).await?;
        }
        let channels = noted.iter().map(|(channel, tally)| (*channel, tally.messages)).collect();
        self.database.write(|answer| Write::RaiseBusyness { channels, at, answer }).await
    }
}
