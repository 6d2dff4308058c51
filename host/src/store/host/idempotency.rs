//! Answers to requests with an Idempotency-Key, kept for a day.

use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};

use crate::domain::principal::CallerId;
use crate::store::sqlite::columns::At;
use crate::store::sqlite::sql::{execute, find_row};

/// How long an answer is repeated.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Most answers kept of one caller; the oldest are deleted.
const MOST_OF_A_CALLER: i64 = 1000;

/// An answer that is repeated for the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// SHA-256 of the request.
    pub fingerprint: [u8; 32],
    pub status: u16,
    pub content_type: Option<Box<str>>,
    /// The `Location` header, for what the request created.
    pub location: Option<Box<str>>,
    pub body: Box<[u8]>,
}

pub(crate) fn find(
    connection: &Connection,
    caller: &CallerId,
    key: &str,
    now: SystemTime,
) -> rusqlite::Result<Option<KeptAnswer>> {
    let sql = "SELECT fingerprint, status, content_type, location, body FROM idempotent_answers
         WHERE caller = ?1 AND idempotency_key = ?2 AND at > ?3";
    find_row(connection, sql, params![caller, key, At(now - KEPT_FOR)], |row| {
        Ok(KeptAnswer {
            fingerprint: row.get(0)?,
            status: row.get(1)?,
            content_type: row.get(2)?,
            location: row.get(3)?,
            body: row.get::<_, Vec<u8>>(4)?.into(),
        })
    })
}

pub(crate) fn save(
    connection: &Connection,
    caller: &CallerId,
    key: &str,
    kept: &KeptAnswer,
    now: SystemTime,
) -> rusqlite::Result<()> {
    execute(connection, "DELETE FROM idempotent_answers WHERE at <= ?1", [At(now - KEPT_FOR)])?;
    let sql = "INSERT OR REPLACE INTO idempotent_answers
         (caller, idempotency_key, fingerprint, status, content_type, body, at, location)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let KeptAnswer { fingerprint, status, content_type, location, body } = kept;
    execute(
        connection,
        sql,
        params![caller, key, fingerprint, status, content_type, body.as_ref(), At(now), location],
    )?;
    let sql = "DELETE FROM idempotent_answers WHERE number IN (SELECT number FROM idempotent_answers
         WHERE caller = ?1 ORDER BY number DESC LIMIT -1 OFFSET ?2)";
    execute(connection, sql, params![caller, MOST_OF_A_CALLER]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::Clock;
    use crate::store::fixture::Fixture;

    fn answer(status: u16) -> KeptAnswer {
        KeptAnswer {
            fingerprint: [1; 32],
            status,
            content_type: Some("application/json".into()),
            location: (status == 201).then(|| "/made/1".into()),
            body: b"{}".to_vec().into(),
        }
    }

    fn caller(id: &str) -> CallerId {
        id.parse().unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_a_day_for_its_caller_alone() {
        let fixture = Fixture::empty();
        let (store, now) = (&fixture.store, fixture.clock.now().wall);
        let (ours, other) = (caller("aaaaaaaaaaaa"), caller("bbbbbbbbbbbb"));
        store.host.save_answer(ours.clone(), "k".into(), answer(201), now).await.unwrap();
        let almost = now + KEPT_FOR - Duration::from_secs(1);
        assert_eq!(store.host.find_answer(&ours, "k", almost).await.unwrap(), Some(answer(201)));
        assert_eq!(store.host.find_answer(&ours, "k", now + KEPT_FOR).await.unwrap(), None);
        assert_eq!(store.host.find_answer(&other, "k", now).await.unwrap(), None);
        assert_eq!(store.host.find_answer(&ours, "l", now).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_oldest_answers_of_a_caller_go() {
        let fixture = Fixture::empty();
        let (store, now) = (&fixture.store, fixture.clock.now().wall);
        let (ours, other) = (caller("aaaaaaaaaaaa"), caller("bbbbbbbbbbbb"));
        store.host.save_answer(other.clone(), "0".into(), answer(200), now).await.unwrap();
        for number in 0..=MOST_OF_A_CALLER {
            store.host.save_answer(ours.clone(), number.to_string().into(), answer(200), now).await.unwrap();
        }
        assert_eq!(store.host.find_answer(&ours, "0", now).await.unwrap(), None);
        assert!(store.host.find_answer(&ours, "1", now).await.unwrap().is_some());
        assert!(store.host.find_answer(&other, "0", now).await.unwrap().is_some());
    }
}
