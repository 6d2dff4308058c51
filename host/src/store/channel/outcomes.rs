//! Replies of committed invocations, kept for a day.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::domain::effect::Commit;
use crate::domain::id::InvocationId;
use crate::domain::message::Reply;
use crate::store::sqlite::columns::{At, Json};
use crate::store::sqlite::sql::{Purged, execute, find_row};

const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// Rows per deletion: the writer does nothing else meanwhile.
const MOST_PURGED: usize = 1000;

/// One attempt to commit. A backend that lost an acknowledgement repeats the write with the same attempt, and so tells
/// its own commit from a duplicate: the replies of a duplicate are not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt(pub(crate) u64);

impl Attempt {
    pub(crate) fn random() -> Attempt {
        Attempt(getrandom::u64().expect("the operating system has random bytes once it is up"))
    }
}

/// The stored result of a committed invocation.
pub(crate) struct Outcome {
    pub(crate) replies: Vec<Reply>,
    /// `None` if the row was written by a version of the host that did not number its attempts.
    pub(crate) attempt: Option<Attempt>,
}

/// The outcome of an invocation, if it was committed within the last day.
pub(crate) fn find(connection: &Connection, invocation: &InvocationId) -> rusqlite::Result<Option<Outcome>> {
    let sql = "SELECT replies, attempt FROM outcomes WHERE origin = ?1 AND invocation_id = ?2";
    find_row(connection, sql, params![invocation.origin.as_str(), invocation.id], |row| {
        let Json::<Vec<Stored>>(replies) = row.get(0)?;
        let attempt: Option<i64> = row.get(1)?;
        Ok(Outcome {
            replies: replies.into_iter().map(|Stored(reply)| reply).collect(),
            attempt: attempt.map(|attempt| Attempt(attempt.cast_unsigned())),
        })
    })
}

/// Fails if the id was committed before, since the id is a unique key.
pub(crate) fn insert(connection: &Connection, commit: &Commit, attempt: Attempt) -> rusqlite::Result<()> {
    let replies: Vec<Stored> = commit.replies.iter().cloned().map(Stored).collect();
    let sql = "INSERT INTO outcomes (origin, invocation_id, replies, at, attempt) VALUES (?1, ?2, ?3, ?4, ?5)";
    let InvocationId { origin, id } = &commit.invocation;
    let parameters = params![origin.as_str(), id, Json(replies), At(commit.at), attempt.0.cast_signed()];
    execute(connection, sql, parameters).map(drop)
}

pub(crate) fn purge(connection: &Connection, now: SystemTime) -> rusqlite::Result<Purged> {
    let sql = "DELETE FROM outcomes WHERE (origin, invocation_id) IN
         (SELECT origin, invocation_id FROM outcomes WHERE at < ?1 ORDER BY at LIMIT ?2)";
    let purged = execute(connection, sql, params![At(now - KEEP), MOST_PURGED as i64])?;
    Ok(if purged < MOST_PURGED { Purged::All } else { Purged::Some })
}

#[derive(Serialize, Deserialize)]
struct Stored(#[serde(with = "StoredReply")] Reply);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reply", rename_all = "kebab-case")]
enum StoredReply {
    Say(String),
    Answer(String),
    Action(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::{Committed, Holder};
    use crate::store::fixture::{ALICE, Fixture, chat_id, commit, save, transfer};

    #[tokio::test]
    async fn replies_are_read_back_as_they_were_committed() {
        let fixture = Fixture::with_channel().await;
        let replies = vec![
            Reply::Say("quote \" and \u{1f3b2}".into()),
            Reply::Answer(String::new()),
            Reply::Action("dances".into()),
        ];
        let commit = Commit { replies: replies.clone(), ..commit("1", vec![save("key", "")]) };
        fixture.store.commit(commit).await.unwrap();
        assert_eq!(fixture.store.find_outcome(&chat_id("1")).await.unwrap(), Some(replies));
        assert_eq!(fixture.store.find_outcome(&chat_id("2")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_outcome_is_kept_a_day_and_the_ledger_row_for_ever() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("paid", vec![transfer(Holder::Mint, ALICE, "5")]).await;
        fixture.clock.advance(KEEP);
        fixture.commit("on the day", vec![save("key", "")]).await;
        assert!(fixture.store.find_outcome(&chat_id("paid")).await.unwrap().is_some());
        fixture.clock.advance(Duration::from_secs(3600));
        let at = fixture.store.database.clock.now().wall;
        fixture.store.commit(Commit { at, ..commit("late", vec![save("key", "")]) }).await.unwrap();
        // A due purge runs after the batch, so the next write sees its result.
        fixture.commit("later", vec![save("key", "")]).await;
        assert_eq!(fixture.store.find_outcome(&chat_id("paid")).await.unwrap(), None);
        assert!(fixture.store.find_outcome(&chat_id("late")).await.unwrap().is_some());
        let paid = "SELECT count(*) FROM transfers WHERE invocation_id = 'paid'";
        let count: i64 = fixture.store.database.read(|c| c.query_row(paid, [], |row| row.get(0))).unwrap();
        assert_eq!(count, 1);
    }

    #[tokio::test]
    async fn the_same_id_of_another_origin_is_another_invocation() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![save("key", "")]).await;
        let mut other = commit("1", vec![save("key", "")]);
        other.invocation.origin = crate::domain::id::Origin::Http;
        assert_eq!(fixture.store.commit(other).await.unwrap(), Committed::Done);
    }
}
