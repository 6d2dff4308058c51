//! The writer: one thread with the only connection that writes.
//!
//! All writes in the queue go into one SQLite transaction, and are acknowledged after that transaction is on disk. The
//! queue is bounded: callers wait while it is full.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::apply::{Applied, apply};
use super::fault::describe_machine_fault;
use super::migrate;
use super::purge::Purge;
use super::savepoint::run;
use crate::domain::id::Login;
use crate::domain::ports::{Clock, Tenure};
use crate::domain::trouble::Trouble;
use crate::store::error::StoreError;
use crate::store::host::audit::AuditRetention;
use crate::store::write::{Answer, Write};

/// Most writes that wait.
const QUEUE: usize = 1024;
/// Most writes in one SQLite transaction: the first of them waits for the last.
const MOST_IN_BATCH: usize = 256;

enum Order {
    Write(Write),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// The handle to the writer's thread.
pub(crate) struct Writer {
    /// `None` only during drop.
    queue: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
    batches: Arc<AtomicU64>,
    trouble: Arc<Trouble>,
}

impl Writer {
    /// Starts the thread. It ends on [`Writer::close`], or when the `Writer` is dropped.
    pub(crate) fn start(
        connection: Connection,
        clock: Arc<dyn Clock>,
        tenure: Arc<dyn Tenure>,
        audit_retention: Arc<OnceLock<AuditRetention>>,
        wanted_changes: broadcast::Sender<Login>,
    ) -> std::io::Result<Writer> {
        let (queue, orders) = mpsc::channel(QUEUE);
        let batches = Arc::new(AtomicU64::new(0));
        let trouble = Arc::<Trouble>::default();
        let purge = Purge::new(clock.now(), audit_retention);
        let writing = Writing {
            connection,
            orders,
            closing: Vec::new(),
            batches: Arc::clone(&batches),
            trouble: Arc::clone(&trouble),
            clock,
            tenure,
            purge,
            wanted_changes,
        };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || writing.run())?;
        Ok(Writer { queue: Some(queue), thread: Some(thread), batches, trouble })
    }

    /// Queues a write, and returns its answer when the write is on disk.
    pub(crate) async fn write<T>(&self, make: impl FnOnce(Answer<T>) -> Write) -> Result<T, StoreError> {
        self.order(|answer| Order::Write(make(answer))).await
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.order(Order::Close).await
    }

    pub(crate) async fn stopped(&self) {
        if let Some(queue) = &self.queue {
            queue.closed().await;
        }
    }

    pub(crate) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Why the machine did not accept the last write; `None` once it has accepted one again.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        self.trouble.reason()
    }

    async fn order<T>(&self, make: impl FnOnce(Answer<T>) -> Order) -> Result<T, StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send(make(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // If the thread panicked, all callers that waited have received `Closed`.
            drop(thread.join());
        }
    }
}

/// The thread's own state.
struct Writing {
    connection: Connection,
    orders: mpsc::Receiver<Order>,
    closing: Vec<oneshot::Sender<Result<(), StoreError>>>,
    batches: Arc<AtomicU64>,
    trouble: Arc<Trouble>,
    clock: Arc<dyn Clock>,
    tenure: Arc<dyn Tenure>,
    purge: Purge,
    wanted_changes: broadcast::Sender<Login>,
}

impl Writing {
    /// A panic drops the receiver and with it all answers: waiting and later callers get `Closed`.
    fn run(mut self) {
        while let Some(batch) = self.next_batch() {
            self.write(batch);
            self.purge.run(&self.connection, self.clock.now());
        }
        let closed = stop(&self.connection);
        for answer in self.closing {
            drop(answer.send(closed.clone()));
        }
    }

    /// Waits for a write and takes all writes that wait with it. `None` once the queue is closed and empty.
    fn next_batch(&mut self) -> Option<Vec<Write>> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            let order = self.orders.blocking_recv()?;
            self.take(order, &mut batch);
        }
        while batch.len() < MOST_IN_BATCH
            && let Ok(order) = self.orders.try_recv()
        {
            self.take(order, &mut batch);
        }
        Some(batch)
    }

    fn take(&mut self, order: Order, batch: &mut Vec<Write>) {
        match order {
            Order::Write(write) => batch.push(write),
            Order::Close(answer) => {
                self.orders.close();
                self.closing.push(answer);
            }
        }
    }

    fn write(&mut self, batch: Vec<Write>) {
        let changes_before = self.connection.total_changes();
        let begun = run(&self.connection, "BEGIN IMMEDIATE");
        let apply = |write| apply(&self.connection, &*self.tenure, write);
        let applied: Vec<Applied> = batch.into_iter().map(apply).collect();
        let on_disk = begun.and_then(|()| commit(&self.connection));
        if on_disk.is_ok() {
            self.batches.fetch_add(1, Ordering::Relaxed);
        }
        // Before the answers are sent, so that a caller that gets an error finds the reason.
        self.note_trouble(&applied, &on_disk, changes_before);
        for Applied { wanted_of, acknowledge, .. } in applied {
            if on_disk.is_ok() {
                // Sending fails if there is no receiver.
                wanted_of.into_iter().for_each(|account| drop(self.wanted_changes.send(account)));
            }
            acknowledge(on_disk.clone());
        }
    }

    /// Ignores a batch that changed nothing: SQLite commits such a batch without writing a byte to disk.
    fn note_trouble(&self, applied: &[Applied], on_disk: &Result<(), StoreError>, changes_before: u64) {
        let of_batch = on_disk.as_ref().err().and_then(describe_machine_fault);
        let fault = of_batch.or_else(|| applied.iter().find_map(|applied| applied.machine_fault.clone()));
        match fault {
            Some(fault) => self.trouble.note_failure(&fault),
            None if on_disk.is_ok() && self.connection.total_changes() > changes_before => self.trouble.note_success(),
            None => {}
        }
    }
}

fn commit(connection: &Connection) -> Result<(), StoreError> {
    if connection.is_autocommit() {
        return Err(StoreError::RolledBack);
    }
    let committed = run(connection, "COMMIT");
    if committed.is_err() && !connection.is_autocommit() {
        // The next batch must be able to begin, whatever happened to this one.
        run(connection, "ROLLBACK")?;
    }
    committed
}

/// Commits the mark before folding the log in: after a kill in between, the file needs no check.
fn stop(connection: &Connection) -> Result<(), StoreError> {
    migrate::mark_stopped(connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use tokio::task::{JoinHandle, yield_now};

    use super::*;
    use crate::domain::effect::{Committed, Effect};
    use crate::store::fixture::{CHANNEL, Fixture, commit, save};
    use crate::testing::{at_once, name};

    /// Blocks the writer until the gate is opened, so that further writes wait in the queue.
    async fn hold(fixture: &Fixture) -> Sender<()> {
        let (gate, opened) = channel();
        let (entered, inside) = oneshot::channel();
        spawn_job(fixture, move |_| {
            entered.send(()).unwrap();
            opened.recv().unwrap();
            Ok(())
        });
        inside.await.unwrap();
        gate
    }

    /// Returns when `orders` orders wait behind the one that blocks.
    async fn until_waiting(fixture: &Fixture, orders: usize) {
        let queue = fixture.store.database.sqlite.writer.queue.as_ref().unwrap();
        while queue.max_capacity() - queue.capacity() < orders {
            yield_now().await;
        }
    }

    fn spawn_job(
        fixture: &Fixture,
        job: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> JoinHandle<Result<(), StoreError>> {
        let store = Arc::clone(&fixture.store);
        tokio::spawn(async move { store.database.write(|answer| Write::Test { job: Box::new(job), answer }).await })
    }

    fn spawn_commit(fixture: &Fixture, id: &str, effects: Vec<Effect>) -> JoinHandle<Result<Committed, StoreError>> {
        let (store, commit) = (Arc::clone(&fixture.store), commit(id, effects));
        tokio::spawn(async move { store.commit(commit).await })
    }

    fn is_saved(fixture: &Fixture, key: &str) -> bool {
        at_once(fixture.store.load_entry(CHANNEL, &name("counter"), key)).unwrap().1.is_some()
    }

    #[tokio::test]
    async fn what_waits_together_is_written_together() {
        let fixture = Fixture::with_channel().await;
        let gate = hold(&fixture).await;
        let before = fixture.store.batches();
        let commits: Vec<_> =
            (0..100).map(|n| spawn_commit(&fixture, &n.to_string(), vec![save(&n.to_string(), "")])).collect();
        until_waiting(&fixture, 100).await;
        gate.send(()).unwrap();
        for commit in commits {
            assert_eq!(commit.await.unwrap().unwrap(), Committed::Done);
        }
        assert_eq!(fixture.store.batches() - before, 2, "the held job's, and one for all hundred");
    }

    #[tokio::test]
    async fn closing_writes_what_is_queued() {
        let fixture = Fixture::with_channel().await;
        let gate = hold(&fixture).await;
        let commits: Vec<_> = (0..10).map(|n| spawn_commit(&fixture, &n.to_string(), vec![save("key", "")])).collect();
        until_waiting(&fixture, 10).await;
        let store = Arc::clone(&fixture.store);
        let closing = tokio::spawn(async move { store.close().await });
        until_waiting(&fixture, 11).await;
        gate.send(()).unwrap();
        for commit in commits {
            assert_eq!(commit.await.unwrap().unwrap(), Committed::Done);
        }
        closing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_panic_in_the_writer_is_an_error_for_everybody() {
        let fixture = Fixture::with_channel().await;
        let gate = hold(&fixture).await;
        let before = spawn_commit(&fixture, "before", vec![save("before", "")]);
        let broken = spawn_job(&fixture, |_| panic!("a bug in a job"));
        let after = spawn_commit(&fixture, "after", vec![save("after", "")]);
        until_waiting(&fixture, 3).await;
        gate.send(()).unwrap();
        assert!(matches!(before.await.unwrap(), Err(StoreError::Closed)));
        assert!(matches!(broken.await.unwrap(), Err(StoreError::Closed)));
        assert!(matches!(after.await.unwrap(), Err(StoreError::Closed)));
        fixture.store.stopped().await;
        assert!(matches!(fixture.store.close().await, Err(StoreError::Closed)));
        assert!(!is_saved(&fixture, "before") && !is_saved(&fixture, "after"));
    }

    #[tokio::test]
    async fn a_commit_that_fails_fails_the_whole_batch_and_the_next_one_works() {
        let fixture = Fixture::with_channel().await;
        let gate = hold(&fixture).await;
        let innocent = spawn_commit(&fixture, "innocent", vec![save("innocent", "")]);
        let again = spawn_commit(&fixture, "innocent", vec![save("innocent", "")]);
        // A broken reference that SQLite checks only at the commit.
        let guilty = spawn_job(&fixture, |connection| {
            connection.execute_batch(
                "PRAGMA defer_foreign_keys = ON; INSERT INTO settings VALUES (404, 'module', 'key', 'value')",
            )?;
            Ok(())
        });
        until_waiting(&fixture, 3).await;
        gate.send(()).unwrap();
        let broken = "no such channel";
        assert_eq!(innocent.await.unwrap().unwrap_err().to_string(), broken);
        assert_eq!(again.await.unwrap().unwrap_err().to_string(), broken, "no duplicate of what is not on disk");
        assert_eq!(guilty.await.unwrap().unwrap_err().to_string(), broken);
        assert!(!is_saved(&fixture, "innocent"));
        assert_eq!(fixture.commit("innocent", vec![save("innocent", "")]).await, Committed::Done);
    }

    #[tokio::test]
    async fn a_full_disk_takes_the_batch_down_and_nothing_is_half_written() {
        let fixture = Fixture::with_channel().await;
        let pages = |most: u32| {
            move |c: &Connection| Ok(c.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))?)
        };
        spawn_job(&fixture, pages(1)).await.unwrap().unwrap();
        assert_eq!(fixture.store.write_trouble(), None);
        let gate = hold(&fixture).await;
        let before = spawn_commit(&fixture, "before", vec![save("before", "")]);
        let fills = spawn_commit(&fixture, "fills", vec![save("fills", &"x".repeat(1 << 20))]);
        let after = spawn_commit(&fixture, "after", vec![save("after", "")]);
        until_waiting(&fixture, 3).await;
        gate.send(()).unwrap();
        let error = fills.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "database: database or disk is full");
        assert_eq!(before.await.unwrap().is_ok(), is_saved(&fixture, "before"));
        assert_eq!(after.await.unwrap().is_ok(), is_saved(&fixture, "after"));
        assert!(!is_saved(&fixture, "fills"));
        assert_eq!(fixture.store.write_trouble().as_deref(), Some("database or disk is full"));
        spawn_job(&fixture, pages(1 << 30)).await.unwrap().unwrap();
        assert!(fixture.store.write_trouble().is_some(), "what changes nothing needs no room");
        assert_eq!(fixture.commit("fills", vec![save("fills", &"x".repeat(1 << 20))]).await, Committed::Done);
        assert_eq!(fixture.store.write_trouble(), None);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_reported_until_it_can() {
        let fixture = Fixture::with_channel().await;
        let refused = spawn_job(&fixture, |connection| {
            connection.pragma_update(None, "query_only", true)?;
            let written = migrate::mark_started(connection);
            connection.pragma_update(None, "query_only", false)?;
            Ok(written?)
        });
        let error = refused.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "database: attempt to write a readonly database");
        assert_eq!(fixture.store.write_trouble().as_deref(), Some("attempt to write a readonly database"));
        spawn_job(&fixture, |_| Ok(())).await.unwrap().unwrap();
        assert!(fixture.store.write_trouble().is_some(), "nothing was written");
        fixture.store.try_to_write().await.unwrap();
        assert_eq!(fixture.store.write_trouble(), None);
    }

    #[tokio::test]
    async fn a_change_that_is_wrong_in_itself_is_no_fault_of_the_machine() {
        let fixture = Fixture::with_channel().await;
        let wrong = spawn_job(&fixture, |connection| {
            connection.execute("INSERT INTO settings VALUES (404, 'module', 'key', 'value')", [])?;
            Ok(())
        });
        let error = wrong.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "no such channel");
        assert_eq!(fixture.store.write_trouble(), None);
    }

    #[tokio::test]
    async fn a_transaction_that_rolled_itself_back_runs_no_further_job() {
        let fixture = Fixture::with_channel().await;
        let gate = hold(&fixture).await;
        let before = spawn_commit(&fixture, "before", vec![save("before", "")]);
        let broken = spawn_job(&fixture, |connection| Ok(connection.execute_batch("ROLLBACK")?));
        let after = spawn_commit(&fixture, "after", vec![save("after", "")]);
        until_waiting(&fixture, 3).await;
        gate.send(()).unwrap();
        assert!(matches!(before.await.unwrap(), Err(StoreError::RolledBack)));
        assert!(matches!(broken.await.unwrap(), Err(StoreError::RolledBack)));
        assert!(matches!(after.await.unwrap(), Err(StoreError::RolledBack)));
        assert!(!is_saved(&fixture, "before") && !is_saved(&fixture, "after"));
    }

    #[tokio::test]
    async fn a_change_goes_through_when_nobody_waits_any_more() {
        let fixture = Fixture::with_channel().await;
        let gate = hold(&fixture).await;
        let commit = spawn_commit(&fixture, "left", vec![save("left", "")]);
        until_waiting(&fixture, 1).await;
        commit.abort();
        gate.send(()).unwrap();
        fixture.commit("later", vec![save("later", "")]).await;
        assert!(is_saved(&fixture, "left"));
    }
}
