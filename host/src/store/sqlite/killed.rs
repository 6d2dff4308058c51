//! Tests durability with SIGKILL: a child process commits until it is killed, and every commit that it printed as
//! acknowledged must be in the database afterwards.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rusqlite::Connection;

use crate::bench::clock::ManualClock;
use crate::domain::amount::Amount;
use crate::domain::effect::{Committed, Holder};
use crate::domain::ports::SoleProcess;
use crate::store::Store;
use crate::store::fixture::{ALICE, CHANNEL, assert_ledger_holds, chat_id, commit, save, transfer};
use crate::testing::{at_once, login, name};

const TEST: &str = "store::sqlite::killed::a_killed_process_loses_nothing_that_was_acknowledged";
/// Passes the database's path to the child, which is this same test in another process.
const CHILD_PATH: &str = "TWITCHY_KILLED_CHILD_PATH";
const ACKNOWLEDGED: &str = "acknowledged ";
/// Commits in flight, so that some are in the middle of a batch when the child dies.
const TASKS: usize = 8;

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    if let Some(path) = std::env::var_os(CHILD_PATH) {
        return commit_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twitchy.db");
    let mut acknowledged = 0;
    for _ in 0..3 {
        let ids = kill_after(&path, 100);
        assert!(ids.len() >= 100);
        check(&path, &ids);
        acknowledged += ids.len();
    }
    let store = open(&path);
    let held = at_once(store.load_account(CHANNEL, ALICE)).unwrap().1;
    assert!(held >= Amount(acknowledged.into()), "{held} of {acknowledged}");
}

/// Uses the clock that stamps the commits here: by the real time, their outcomes would be too old some day, and purged.
fn open(path: &Path) -> Store {
    Store::open(path, Arc::new(ManualClock::default()), Arc::new(SoleProcess)).unwrap()
}

/// Runs a child, kills it after it has acknowledged `count` commits, and returns all ids that it printed.
fn kill_after(path: &Path, count: usize) -> Vec<String> {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD_PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let acknowledged = read_ids(&mut child);
    let mut ids = Vec::new();
    while ids.len() < count {
        let id = acknowledged.recv();
        ids.push(id.unwrap_or_else(|error| panic!("the child acknowledged {}, then no more: {error}", ids.len())));
    }
    drop(child);
    ids.extend(acknowledged);
    ids
}

/// Kills the child on drop and waits for it, also if the test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The ids that the child acknowledges, until it ends.
fn read_ids(child: &mut Killed) -> Receiver<String> {
    let mut output = BufReader::new(child.0.stdout.take().unwrap());
    let (ids_in, ids) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        // The last line may be cut off. If the test runner has one thread, the first line begins with this test's name,
        // which also contains the word.
        while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
            if let Some((_, id)) = line.rsplit_once(ACKNOWLEDGED)
                && ids_in.send(id.trim().to_owned()).is_err()
            {
                return;
            }
            line.clear();
        }
    });
    ids
}

fn check(path: &Path, ids: &[String]) {
    let store = open(path);
    for id in ids {
        assert!(at_once(store.find_outcome(&chat_id(id))).unwrap().is_some(), "the outcome of {id} is lost");
        let (_, value) = at_once(store.load_entry(CHANNEL, &name("counter"), id)).unwrap();
        assert_eq!(value.as_deref(), Some(id.as_bytes()), "the entry of {id} is lost");
    }
    drop(store);
    let connection = Connection::open(path).unwrap();
    assert_ledger_holds(&connection);
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let halves = "SELECT (SELECT count(*) FROM outcomes) - (SELECT count(*) FROM transfers),
                  (SELECT count(*) FROM outcomes) - (SELECT keys FROM storages)";
    let halves: (i64, i64) = connection.query_row(halves, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(halves, (0, 0), "no commit is there by half");
}

fn commit_until_killed(path: &Path) {
    let store = Arc::new(open(path));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        store.host.save_channel_id(login("shop"), CHANNEL).await.unwrap();
        let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(commit_for_ever(Arc::clone(&store), task))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn commit_for_ever(store: Arc<Store>, task: usize) {
    for number in 0_u64.. {
        let id = format!("{}-{task}-{number}", std::process::id());
        let commit = commit(&id, vec![save(&id, &id), transfer(Holder::Mint, ALICE, "1")]);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        println!("{ACKNOWLEDGED}{id}");
    }
}
