//! Deletes old data, a little at a time, between two batches.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, params};

use super::columns::At;
use super::sql::{Purged, execute, list_rows};
use crate::domain::id::{ChannelId, ChatterId};
use crate::domain::ports::Moment;
use crate::store::channel::outcomes;
use crate::store::host::audit::{self, AuditRetention};

/// Time between two purges.
const PURGE_EVERY: Duration = Duration::from_secs(600);
/// A chatter who was not seen in a channel for this long can no longer be found there by name.
const SEEN_FOR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Chatters examined per purge.
const MOST_CHATTERS: usize = 100;

/// For so long the wall clock must advance with the monotonic clock before it decides about deletions. A clock that
/// jumps years ahead, and back, would otherwise delete a year of the audit.
const STEADY_FOR: Duration = Duration::from_secs(3600);
/// Allows for the small corrections of a clock that is synchronised regularly.
const OFF_BY: Duration = Duration::from_secs(60);

/// Decides whether the wall clock is reliable enough for deletions. Pure.
#[derive(Clone, Copy, Debug)]
struct Steadiness {
    /// The moment since which both clocks have advanced together.
    since: Moment,
}

impl Steadiness {
    /// Must be called at each moment at which data may be deleted. Returns whether the clock is reliable.
    fn note(&mut self, now: Moment) -> bool {
        let passed = now.instant.saturating_duration_since(self.since.instant);
        let off_by = match now.wall.duration_since(self.since.wall) {
            Ok(walled) => walled.abs_diff(passed),
            Err(back) => back.duration() + passed,
        };
        if off_by > OFF_BY {
            self.since = now;
        }
        off_by <= OFF_BY && passed >= STEADY_FOR
    }
}

/// The progress of purging.
pub(super) struct Purge {
    due_at: Instant,
    steadiness: Steadiness,
    audit: Arc<OnceLock<AuditRetention>>,
    /// The last chatter examined: all before were deleted, or have an account and are kept.
    looked_at: (i64, ChannelId, ChatterId),
}

impl Purge {
    /// The first purge is due at once; most of it waits until the clock has proven steady.
    pub(super) fn new(begun_at: Moment, audit: Arc<OnceLock<AuditRetention>>) -> Purge {
        let steadiness = Steadiness { since: begun_at };
        Purge { due_at: begun_at.instant, steadiness, audit, looked_at: (i64::MIN, ChannelId(0), ChatterId(0)) }
    }

    /// Purges if due. If data is left to delete, the next call is due at once.
    pub(super) fn run(&mut self, connection: &Connection, now: Moment) {
        let is_steady = self.steadiness.note(now);
        if now.instant < self.due_at {
            return;
        }
        match self.purge(connection, now.wall, is_steady) {
            Ok(Purged::Some) => {}
            Ok(Purged::All) => self.due_at = now.instant + PURGE_EVERY,
            Err(error) => {
                tracing::warn!(%error, "what is too old cannot be deleted");
                self.due_at = now.instant + PURGE_EVERY;
            }
        }
    }

    fn purge(&mut self, connection: &Connection, now: SystemTime, is_steady: bool) -> rusqlite::Result<Purged> {
        // Outcomes grow fast and are kept for a day, so even a host that never runs for an hour purges them.
        let mut all = vec![outcomes::purge(connection, now)?];
        if is_steady {
            all.push(self.purge_chatters(connection, now)?);
            if let Some(kept) = self.audit.get() {
                all.push(audit::purge(connection, kept, now)?);
            }
        }
        Ok(if all.contains(&Purged::Some) { Purged::Some } else { Purged::All })
    }

    /// Chatters with an account are kept: the balance is theirs, and is shown under their name.
    fn purge_chatters(&mut self, connection: &Connection, now: SystemTime) -> rusqlite::Result<Purged> {
        let transaction = connection.unchecked_transaction()?;
        let old = list_old(&transaction, self.looked_at, now)?;
        for (_, channel, chatter) in &old {
            let sql = "DELETE FROM seen_chatters WHERE channel_id = ?1 AND chatter_id = ?2 AND NOT EXISTS
                 (SELECT 1 FROM accounts WHERE channel_id = ?1 AND kind = 'chatter' AND chatter_id = ?2)";
            execute(&transaction, sql, params![channel, chatter])?;
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
    let sql = "SELECT seen_at, channel_id, chatter_id FROM seen_chatters
         WHERE (seen_at, channel_id, chatter_id) > (?1, ?2, ?3) AND seen_at < ?4
         ORDER BY seen_at, channel_id, chatter_id LIMIT ?5";
    list_rows(connection, sql, params![at, channel, chatter, At(now - SEEN_FOR), MOST_CHATTERS as i64], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::effect::Holder;
    use crate::domain::message::KnownChatter;
    use crate::domain::ports::Clock;
    use crate::store::fixture::{ALICE, CHANNEL, Fixture, commit, in_memory, save, transfer};
    use crate::testing::{at_once, login};

    fn chatter(id: u64) -> KnownChatter {
        let name = format!("chatter_{id}");
        KnownChatter { id: ChatterId(id), login: login(&name), display_name: name.into() }
    }

    /// Runs a batch with a purge after it, and further ones, so that the purge is complete.
    async fn purge(fixture: &Fixture, id: &str) {
        for id in [id.to_owned(), format!("{id} again"), format!("{id} and again")] {
            let at = fixture.clock.now().wall;
            let commit = crate::domain::effect::Commit { at, ..commit(&id, vec![save("key", "")]) };
            fixture.store.commit(commit).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_chatter_not_seen_for_a_year_is_forgotten_but_not_what_they_own() {
        let fixture = Fixture::with_channel().await;
        let (store, begun) = (&fixture.store, fixture.clock.now().wall);
        let many = (1..=2 * MOST_CHATTERS as u64).map(chatter).collect();
        store.save_seen(CHANNEL, many, begun).await.unwrap();
        fixture.commit("paid", vec![transfer(Holder::Mint, ALICE, "5")]).await;
        fixture.clock.advance(SEEN_FOR);
        store.save_seen(CHANNEL, vec![chatter(3)], fixture.clock.now().wall).await.unwrap();
        let find = |id| at_once(store.find_chatter_by_id(CHANNEL, ChatterId(id))).unwrap().map(|found| found.id.0);
        purge(&fixture, "on the day").await;
        assert_eq!([find(1), find(2), find(3)], [Some(1), Some(2), Some(3)]);
        fixture.clock.advance(Duration::from_secs(3600));
        purge(&fixture, "a day after").await;
        assert_eq!(ALICE, Holder::Chatter(ChatterId(1)));
        assert_eq!([find(1), find(2), find(3), find(200)], [Some(1), None, Some(3), None]);
    }

    #[tokio::test]
    async fn a_clock_that_jumps_ahead_and_back_takes_nothing_along() {
        let fixture = Fixture::with_channel().await;
        let (store, begun) = (&fixture.store, fixture.clock.now().wall);
        store.save_seen(CHANNEL, vec![chatter(2)], begun).await.unwrap();
        let is_known = || at_once(store.find_chatter_by_id(CHANNEL, ChatterId(2))).unwrap().is_some();
        fixture.clock.advance(2 * STEADY_FOR);
        purge(&fixture, "before").await;
        fixture.clock.set_wall(begun + 3 * SEEN_FOR);
        fixture.clock.advance(PURGE_EVERY);
        purge(&fixture, "ahead").await;
        assert!(is_known());
        fixture.clock.set_wall(begun + 2 * STEADY_FOR + PURGE_EVERY);
        fixture.clock.advance(2 * STEADY_FOR);
        purge(&fixture, "back").await;
        assert!(is_known());
        // A clock that is set for good is believed after an hour.
        fixture.clock.set_wall(begun + 3 * SEEN_FOR);
        purge(&fixture, "set").await;
        fixture.clock.advance(STEADY_FOR);
        purge(&fixture, "an hour later").await;
        assert!(!is_known());
    }

    proptest! {
        /// Steps of the monotonic clock, each with the jump of the wall clock beside it, in seconds.
        #[test]
        fn nothing_is_deleted_within_an_hour_of_a_jump(
            steps in proptest::collection::vec((0_u64..3000, prop_oneof![4 => Just(0_i64), 1 => -90_000_i64..90_000]), 1..40),
        ) {
            let begun = Moment { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH + 2 * SEEN_FOR };
            let (mut now, mut steadiness, mut jumped_at) = (begun, Steadiness { since: begun }, begun.instant);
            for (seconds, jump) in steps {
                now.instant += Duration::from_secs(seconds);
                now.wall += Duration::from_secs(seconds);
                now.wall = match u64::try_from(jump) {
                    Ok(ahead) => now.wall + Duration::from_secs(ahead),
                    Err(_) => now.wall - Duration::from_secs(jump.unsigned_abs()),
                };
                // Smaller jumps do not matter. If they add up they count as a jump, which is the safe side.
                if jump.unsigned_abs() > 2 * OFF_BY.as_secs() {
                    jumped_at = now.instant;
                }
                let is_steady = steadiness.note(now);
                prop_assert!(!is_steady || now.instant - jumped_at >= STEADY_FOR);
                let has_never_jumped = jumped_at == begun.instant && jump == 0 && steadiness.since.instant == begun.instant;
                let is_old = now.instant - begun.instant >= STEADY_FOR;
                prop_assert!(!has_never_jumped || is_steady == is_old);
            }
        }
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
