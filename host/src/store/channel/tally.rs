//! How busy each channel is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

use crate::domain::id::ChannelId;
use crate::store::sqlite::sql::execute;

/// The age at which a message weighs half as much.
const HALF_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn raise_busyness(
    connection: &Connection,
    channels: &[(ChannelId, u64)],
    at: SystemTime,
) -> rusqlite::Result<()> {
    for (channel, messages) in channels {
        let before: f64 = connection
            .prepare_cached("SELECT busyness FROM channels WHERE channel_id = ?1")?
            .query_row(params![channel], |row| row.get(0))?;
        let sql = "UPDATE channels SET busyness = ?2 WHERE channel_id = ?1";
        execute(connection, sql, params![channel, add_messages(before, *messages, at)])?;
    }
    Ok(())
}

/// Instead of old messages losing weight, newer ones weigh more, so that a silent channel needs no write. The weights
/// themselves would overflow, so their logarithms are stored.
fn add_messages(before: f64, messages: u64, at: SystemTime) -> f64 {
    let age = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let added = (messages.max(1) as f64).log2() + age.as_secs_f64() / HALF_LIFE.as_secs_f64();
    let (more, less) = (before.max(added), before.min(added));
    more + (less - more).exp2().ln_1p() / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::id::ChatterId;
    use crate::domain::message::KnownChatter;
    use crate::domain::tally::Tally;
    use crate::domain::tally::TallyCounts;
    use crate::store::channel::chatters::CHATTERS_AT_ONCE;
    use crate::store::fixture::{CHANNEL, Fixture};
    use crate::testing::login;

    const DAY: Duration = HALF_LIFE;

    fn today() -> SystemTime {
        UNIX_EPOCH + 20_000 * DAY
    }

    fn noted(channel: ChannelId, names: &[&str]) -> Arc<TallyCounts> {
        let tally = Tally::default();
        for (id, name) in (1..).zip(names) {
            tally.lock().note(channel, ChatterId(id), name, || name.to_uppercase().into());
        }
        tally.begin_save()
    }

    #[test]
    fn a_message_weighs_half_as_much_a_day_later() {
        let many_yesterday = add_messages(0.0, 200, today() - DAY);
        let some_today = add_messages(0.0, 100, today());
        assert!((many_yesterday - some_today).abs() < 1e-9);
        let twice = add_messages(some_today, 100, today());
        assert!((twice - some_today - 1.0).abs() < 1e-9, "twice as many is one more");
        assert!(add_messages(some_today, 1, today() - 50 * DAY) >= some_today, "a clock that went back takes nothing");
    }

    #[tokio::test]
    async fn a_chatter_who_talked_is_known_by_name() {
        let fixture = Fixture::with_channel().await;
        fixture.store.save_tally(&noted(CHANNEL, &["alice", "bob"]), today()).await.unwrap();
        let bob = KnownChatter { id: ChatterId(2), login: login("bob"), display_name: "BOB".into() };
        assert_eq!(fixture.store.find_chatter(CHANNEL, &login("bob")).await.unwrap(), Some(bob));
    }

    #[tokio::test]
    async fn a_crowd_is_saved_whole() {
        let fixture = Fixture::with_channel().await;
        let names: Vec<String> = (0..2 * CHATTERS_AT_ONCE + 1).map(|number| format!("chatter_{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        fixture.store.save_tally(&noted(CHANNEL, &names), today()).await.unwrap();
        for name in names {
            assert!(fixture.store.find_chatter(CHANNEL, &login(name)).await.unwrap().is_some(), "{name}");
        }
    }

    #[tokio::test]
    async fn the_busiest_channel_is_wanted_first() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        for (name, id) in [("cafe", 8), ("tiny", 9)] {
            store.host.save_seed(login(name), login("bot")).await.unwrap();
            store.host.save_channel_id(login(name), ChannelId(id)).await.unwrap();
        }
        store.host.save_seed(login("new"), login("bot")).await.unwrap();
        store.save_tally(&noted(ChannelId(9), &["alice"; 30]), today()).await.unwrap();
        store.save_tally(&noted(CHANNEL, &["alice"; 50]), today() - DAY).await.unwrap();
        let wanted: Vec<String> =
            store.host.list_wanted().await.unwrap().iter().map(|wanted| wanted.login.to_string()).collect();
        assert_eq!(wanted, ["tiny", "shop", "cafe", "new"]);
    }
}
