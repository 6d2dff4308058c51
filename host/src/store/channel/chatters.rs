//! Chatters as they were last seen in a channel.

use std::time::SystemTime;

use rusqlite::{Connection, Row, params};

use crate::domain::id::{ChannelId, ChatterId, Login};
use crate::domain::message::KnownChatter;
use crate::store::sqlite::columns::At;
use crate::store::sqlite::sql::{execute, find_row, list_rows};

/// Chatters per write. A command's commit behind such a write waits for no more than these.
pub(crate) const CHATTERS_AT_ONCE: usize = 500;

pub(crate) fn find_by_login(
    connection: &Connection,
    channel: ChannelId,
    login: &Login,
) -> rusqlite::Result<Option<KnownChatter>> {
    let sql = "SELECT chatter_id, login, display_name FROM seen_chatters
         WHERE channel_id = ?1 AND login = ?2 ORDER BY seen_at DESC LIMIT 1";
    find_row(connection, sql, params![channel, login], read_chatter)
}

pub(crate) fn list_by_name(
    connection: &Connection,
    channel: ChannelId,
    display_name: &str,
    most: usize,
) -> rusqlite::Result<Vec<KnownChatter>> {
    let sql = "SELECT chatter_id, login, display_name FROM seen_chatters
         WHERE channel_id = ?1 AND name_key = ?2 ORDER BY seen_at DESC, chatter_id LIMIT ?3";
    list_rows(connection, sql, params![channel, display_name.to_lowercase(), most as i64], read_chatter)
}

pub(crate) fn find_by_id(
    connection: &Connection,
    channel: ChannelId,
    chatter: ChatterId,
) -> rusqlite::Result<Option<KnownChatter>> {
    let sql = "SELECT chatter_id, login, display_name FROM seen_chatters
         WHERE channel_id = ?1 AND chatter_id = ?2";
    find_row(connection, sql, params![channel, chatter], read_chatter)
}

pub(crate) fn save_seen(
    connection: &Connection,
    chatters: &[(ChannelId, KnownChatter)],
    at: SystemTime,
) -> rusqlite::Result<()> {
    chatters.iter().try_for_each(|(channel, chatter)| save_chatter(connection, *channel, chatter, at))
}

fn read_chatter(row: &Row<'_>) -> rusqlite::Result<KnownChatter> {
    Ok(KnownChatter { id: row.get(0)?, login: row.get(1)?, display_name: row.get(2)? })
}

fn save_chatter(
    connection: &Connection,
    channel: ChannelId,
    chatter: &KnownChatter,
    at: SystemTime,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO seen_chatters (channel_id, chatter_id, login, display_name, seen_at, name_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (channel_id, chatter_id) DO UPDATE
         SET login = excluded.login, display_name = excluded.display_name, seen_at = excluded.seen_at,
         name_key = excluded.name_key";
    let KnownChatter { id, login, display_name } = chatter;
    // The indexed form of the display name; `None` if it equals the login, which is searched first.
    let name_key = Some(display_name.to_lowercase()).filter(|name| *name != login.as_str());
    execute(connection, sql, params![channel, id, login, display_name, At(at), name_key]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::error::StoreError;
    use crate::store::fixture::{CHANNEL, Fixture};
    use crate::testing::{at_once, login};

    fn chatter(id: u64, name: &str) -> KnownChatter {
        KnownChatter { id: ChatterId(id), login: login(name), display_name: name.into() }
    }

    #[tokio::test]
    async fn a_login_belongs_to_its_last_bearer() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        let at = SystemTime::UNIX_EPOCH;
        store.save_seen(CHANNEL, vec![chatter(1, "alice"), chatter(2, "bob")], at).await.unwrap();
        store.save_seen(CHANNEL, vec![chatter(3, "alice")], at + Duration::from_secs(1)).await.unwrap();
        assert_eq!(store.find_chatter(CHANNEL, &login("alice")).await.unwrap(), Some(chatter(3, "alice")));
        assert_eq!(store.find_chatter_by_id(CHANNEL, ChatterId(1)).await.unwrap(), Some(chatter(1, "alice")));
        store.save_seen(CHANNEL, vec![chatter(1, "alicia")], at + Duration::from_secs(2)).await.unwrap();
        assert_eq!(store.find_chatter_by_id(CHANNEL, ChatterId(1)).await.unwrap(), Some(chatter(1, "alicia")));
    }

    #[tokio::test]
    async fn a_display_name_finds_all_who_bear_it_here() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let named = |id, login: &str, name: &str| KnownChatter { display_name: name.into(), ..chatter(id, login) };
        let find = |name: &str| {
            let found = at_once(store.list_chatters_by_name(CHANNEL, name, 2)).unwrap();
            found.into_iter().map(|chatter| chatter.id.0).collect::<Vec<_>>()
        };
        store.save_seen(CHANNEL, vec![named(1, "arisu", "アリス"), named(2, "emil", "Émil")], at(1)).await.unwrap();
        store.save_seen(CHANNEL, vec![named(3, "Bob", "Bob")], at(1)).await.unwrap();
        assert_eq!((find("アリス"), find("éMIL"), find("アリ")), (vec![1], vec![2], vec![]));
        assert_eq!(find("bob"), Vec::<u64>::new(), "the login finds him");
        store
            .save_seen(CHANNEL, vec![named(4, "alice4", "アリス"), named(5, "alice5", "アリス")], at(2))
            .await
            .unwrap();
        assert_eq!(find("アリス"), [4, 5], "no more than were asked for");
        store.save_seen(CHANNEL, vec![named(4, "alice4", "Alice4"), named(5, "alice5", "別名")], at(3)).await.unwrap();
        assert_eq!(find("アリス"), [1], "the others are called something else by now");
        assert_eq!(store.list_chatters_by_name(ChannelId(8), "アリス", 2).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_chatter_is_known_only_where_seen() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        store.save_seen(CHANNEL, vec![chatter(1, "alice")], SystemTime::UNIX_EPOCH).await.unwrap();
        assert_eq!(store.find_chatter(ChannelId(8), &login("alice")).await.unwrap(), None);
        assert_eq!(store.find_chatter_by_id(ChannelId(8), ChatterId(1)).await.unwrap(), None);
        let elsewhere = store.save_seen(ChannelId(8), vec![chatter(1, "alice")], SystemTime::UNIX_EPOCH).await;
        assert!(matches!(elsewhere, Err(StoreError::UnknownChannel)));
    }
}
