//! What gets old goes, a little at a time: between two batches, when nobody waits for an answer.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, params};

use super::audit::{self, AuditKept};
use super::columns::At;
use super::{Store, outcomes};
use crate::domain::id::{ChannelId, ChatterId};
use crate::domain::ports::Moment;

/// Between two purges.
const PURGE_EVERY: Duration = Duration::from_secs(600);
/// Whoever has not been seen in a channel for so long is not known there by name any more.
const SEEN_FOR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Chatters looked at in one go.
const MOST_CHATTERS: usize = 100;

/// How much of what is too old is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purged {
    All,
    Some,
}

/// When what is looked at next.
pub(super) struct Purge {
    due_at: Instant,
    audit: Arc<OnceLock<AuditKept>>,
    /// The last chatter looked at: those before are gone, or hold an account and stay.
    looked_at: (i64, ChannelId, ChatterId),
}

impl Store {
    /// From now on lines of the audit that are older go. Without, they stay for ever. Counts once.
    pub fn limit_audit(&self, kept: AuditKept) {
        self.audit_kept.get_or_init(|| kept);
    }
}

impl Purge {
    pub(super) fn new(due_at: Instant, audit: Arc<OnceLock<AuditKept>>) -> Purge {
        Purge { due_at, audit, looked_at: (i64::MIN, ChannelId(0), ChatterId(0)) }
    }

    /// What is left over is seen to after the next batch.
    pub(super) fn run(&mut self, connection: &Connection, now: Moment) {
        if now.instant < self.due_at {
            return;
        }
        match self.purge(connection, now.wall) {
            Ok(Purged::Some) => {}
            Ok(Purged::All) => self.due_at = now.instant + PURGE_EVERY,
            Err(error) => {
                tracing::warn!(%error, "what is too old cannot be deleted");
                self.due_at = now.instant + PURGE_EVERY;
            }
        }
    }

    fn purge(&mut self, connection: &Connection, now: SystemTime) -> rusqlite::Result<Purged> {
        let mut all = vec![outcomes::purge(connection, now)?, self.purge_chatters(connection, now)?];
        if let Some(kept) = self.audit.get() {
            all.push(audit::purge(connection, kept, now)?);
        }
        Ok(if all.contains(&Purged::Some) { Purged::Some } else { Purged::All })
    }

    /// Whoever holds an account stays: what is on it is theirs, and shown under their name.
    fn purge_chatters(&mut self, connection: &Connection, now: SystemTime) -> rusqlite::Result<Purged> {
        let transaction = connection.unchecked_transaction()?;
        let old = list_old(&transaction, self.looked_at, now)?;
        for (_, channel, chatter) in &old {
            transaction
                .prepare_cached(
                    "DELETE FROM seen_chatters WHERE channel_id = ?1 AND chatter_id = ?2 AND NOT EXISTS
                     (SELECT 1 FROM accounts WHERE channel_id = ?1 AND kind = 'chatter' AND chatter_id = ?2)",
                )?
                .execute(params![channel, chatter])?;
        }
        transaction.commit()?;
        if let Some(last) = old.last() {
            self.looked_at = *last;
        }
        Ok(if old.len() < MOST_CHATTERS { Purged::All } else { Purged::Some })
    }
}

fn list_old(
    connection: &Connection,
    (at, channel, chatter): (i64, ChannelId, ChatterId),
    now: SystemTime,
) -> rusqlite::Result<Vec<(i64, ChannelId, ChatterId)>> {
    connection
        .prepare_cached(
            "SELECT seen_at, channel_id, chatter_id FROM seen_chatters
             WHERE (seen_at, channel_id, chatter_id) > (?1, ?2, ?3) AND seen_at < ?4
             ORDER BY seen_at, channel_id, chatter_id LIMIT ?5",
        )?
        .query_map(params![at, channel, chatter, At(now - SEEN_FOR), MOST_CHATTERS as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::Holder;
    use crate::domain::ports::Clock;
    use crate::store::chatters::KnownChatter;
    use crate::store::fixture::{ALICE, CHANNEL, Fixture, commit, in_memory, login, save, transfer};

    fn chatter(id: u64) -> KnownChatter {
        let name = format!("chatter_{id}");
        KnownChatter { id: ChatterId(id), login: login(&name), display_name: name.into() }
    }

    /// One batch and the purge after it, seen by the next.
    async fn purge(fixture: &Fixture, id: &str) {
        for id in [id.to_owned(), format!("{id} again"), format!("{id} and again")] {
            let at = fixture.clock.now().wall;
            let commit = crate::domain::effect::Commit { at, ..commit(&id, vec![save("key", "")]) };
            fixture.store.commit(commit).await.unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_was_not_seen_for_a_year_is_forgotten_but_not_what_they_own() {
        let fixture = Fixture::with_channel().await;
        let (store, begun) = (&fixture.store, fixture.clock.now().wall);
        let many = (1..=2 * MOST_CHATTERS as u64).map(chatter).collect();
        store.save_seen(CHANNEL, many, begun).await.unwrap();
        fixture.commit("paid", vec![transfer(Holder::Mint, ALICE, "5")]).await;
        fixture.clock.advance(SEEN_FOR);
        store.save_seen(CHANNEL, vec![chatter(3)], fixture.clock.now().wall).await.unwrap();
        let find = |id| store.find_chatter_by_id(CHANNEL, ChatterId(id)).unwrap().map(|found| found.id.0);
        purge(&fixture, "on the day").await;
        assert_eq!([find(1), find(2), find(3)], [Some(1), Some(2), Some(3)]);
        fixture.clock.advance(Duration::from_secs(3600));
        purge(&fixture, "a day after").await;
        assert_eq!(ALICE, Holder::Chatter(ChatterId(1)));
        assert_eq!([find(1), find(2), find(3), find(200)], [Some(1), None, Some(3), None]);
    }

    #[test]
    fn old_chatters_are_found_without_sorting() {
        let connection = in_memory();
        let sql = "EXPLAIN QUERY PLAN SELECT seen_at, channel_id, chatter_id FROM seen_chatters
             WHERE (seen_at, channel_id, chatter_id) > (?1, ?2, ?3) AND seen_at < ?4
             ORDER BY seen_at, channel_id, chatter_id LIMIT ?5";
        let mut statement = connection.prepare(sql).unwrap();
        let lines = statement.query_map(params![0, 0, 0, 1, 1], |row| row.get::<_, String>(3)).unwrap();
        let plan: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(plan.len() == 1 && plan[0].contains("COVERING INDEX seen_chatters_by_age "), "{plan:?}");
    }
}
