//! Fixtures for the tests of the store and of the parts above it.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::channel::outcomes::Attempt;
use super::sqlite::migrate;
use super::write::Write;
use super::{Store, StoreError};
use crate::bench::clock::ManualClock;
use crate::bench::quick_folder;
use crate::domain::audit::{Actor, AuditEntry, AuditFilter, AuditValue, Stamp};
use crate::domain::effect::{Commit, Committed, Effect, Holder, LedgerEffect, StorageEffect};
use crate::domain::id::{ChannelId, ChatterId, InvocationId, Origin};
use crate::domain::message::{Channel, Reply};
use crate::domain::ports::{Clock, Epoch, SoleProcess, Tenure};
use crate::testing::{self, at_once, login, name};

pub(crate) const CHANNEL: ChannelId = ChannelId(7);
pub(crate) const ALICE: Holder = Holder::Chatter(ChatterId(1));
pub(crate) const BOB: Holder = Holder::Chatter(ChatterId(2));

/// A store in a temporary folder, which is deleted with the fixture.
pub(crate) struct Fixture {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) path: PathBuf,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn empty() -> Fixture {
        Fixture::open(Arc::new(SoleProcess))
    }

    fn open(tenure: Arc<dyn Tenure>) -> Fixture {
        let folder = quick_folder();
        let clock = Arc::new(ManualClock::default());
        let path = folder.path().join("twitchy.db");
        let store = Arc::new(Store::open(&path, Arc::clone(&clock) as Arc<dyn Clock>, tenure).unwrap());
        Fixture { store, clock, path, folder }
    }

    /// A store with the channel [`CHANNEL`], `#shop`, which the account `bot` has joined.
    pub(crate) async fn with_channel() -> Fixture {
        Fixture::with_tenure(Arc::new(SoleProcess)).await
    }

    /// As [`Fixture::with_channel`], in a process with the given tenure.
    pub(super) async fn with_tenure(tenure: Arc<dyn Tenure>) -> Fixture {
        let fixture = Fixture::open(tenure);
        fixture.store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        fixture.store.host.save_channel_id(login("shop"), CHANNEL).await.unwrap();
        fixture
    }

    pub(crate) fn list_known_ids(&self) -> Vec<ChannelId> {
        at_once(self.store.list_known_channels()).unwrap().into_iter().map(|channel| channel.id).collect()
    }

    /// The whole audit, oldest line first: `action channel subject: before -> after`.
    pub(crate) fn audited(&self) -> Vec<String> {
        let text = |value: Option<AuditValue>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let line = |AuditEntry { change, .. }: AuditEntry| {
            let channel = change.channel.map_or_else(|| "-".to_owned(), |channel| channel.to_string());
            let (before, after) = (text(change.before), text(change.after));
            format!("{} {channel} {}: {before} -> {after}", change.action, change.subject)
        };
        let mut entries = at_once(self.store.host.list_audit(&AuditFilter::default(), None, 1000)).unwrap();
        entries.sort_by_key(|entry| entry.id);
        entries.into_iter().map(line).collect()
    }

    /// Runs a write that only tests have.
    pub(super) async fn write(
        &self,
        job: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.store.database.write(|answer| Write::Test { job: Box::new(job), answer }).await
    }

    /// Commits with a given attempt number, so that a test can repeat an attempt.
    pub(super) async fn attempt(&self, commit: Commit, attempt: Attempt) -> Result<Committed, StoreError> {
        let (commit, epoch) = (Box::new(commit), Epoch::default());
        self.store.database.write(|answer| Write::Commit { commit, attempt, epoch, answer }).await
    }

    /// Commits effects without comparing any revision.
    pub(crate) async fn commit(&self, id: &str, effects: Vec<Effect>) -> Committed {
        self.store.commit(commit(id, effects)).await.unwrap()
    }
}

/// A migrated database in memory, with `CHANNEL` in it and a currency of two decimals.
pub(super) fn in_memory() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate::migrate(&mut connection).unwrap();
    let insert = "INSERT INTO bots (bot, login) VALUES (1, 'bot');
         INSERT INTO channels (channel_id, login, display_name, bot, decimals) VALUES (7, 'shop', 'Shop', 1, 2)";
    connection.execute_batch(insert).unwrap();
    connection
}

pub(crate) fn channel(id: u64, name: &str) -> Channel {
    Channel { id: ChannelId(id), login: login(name), display_name: name.to_uppercase().into() }
}

pub(crate) fn chat_id(id: &str) -> InvocationId {
    InvocationId { origin: Origin::Chat, id: id.into() }
}

pub(crate) fn commit(id: &str, effects: Vec<Effect>) -> Commit {
    Commit {
        invocation: chat_id(id),
        replies: vec![Reply::Answer(format!("answer to {id}"))],
        at: ManualClock::default().now().wall,
        ..testing::commit(CHANNEL, id, effects)
    }
}

pub(crate) fn by_host() -> Stamp {
    Stamp { by: Actor::Host, at: ManualClock::default().now().wall, address: None }
}

pub(crate) fn save(key: &str, value: &str) -> Effect {
    Effect::Storage(name("counter"), StorageEffect::Save { key: key.into(), value: value.into() })
}

pub(crate) fn transfer(from: Holder, to: Holder, amount: &str) -> Effect {
    Effect::Ledger(name("bank"), LedgerEffect::Transfer { from, to, amount: amount.parse().unwrap() })
}

/// Asserts that a channel's accounts sum to zero, each account equals its transfers, and only mints are negative.
pub(super) fn assert_ledger_holds(connection: &Connection) {
    let wrong = |sql| connection.query_row::<i64, _, _>(sql, [], |row| row.get(0)).unwrap();
    let unbalanced = "SELECT count(*) FROM (SELECT 1 FROM accounts GROUP BY channel_id HAVING sum(units) <> 0)";
    assert_eq!(wrong(unbalanced), 0, "a channel's accounts sum to zero");
    let unexplained = "SELECT count(*) FROM accounts AS a WHERE units <>
         (SELECT coalesce(sum(units), 0) FROM transfers WHERE to_account_id = a.account_id) -
         (SELECT coalesce(sum(units), 0) FROM transfers WHERE from_account_id = a.account_id)";
    assert_eq!(wrong(unexplained), 0, "an account is what its transfers sum to");
    assert_eq!(
        wrong("SELECT count(*) FROM accounts WHERE units < 0 AND kind <> 'mint'"),
        0,
        "only the mint is below zero"
    );
}
