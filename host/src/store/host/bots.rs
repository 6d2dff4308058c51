//! The bot accounts: one row each, to which other tables refer.
//!
//! A row is found by its Twitch id. While the id is unknown, the row is found by login: of several accounts that have
//! had a login, the one that was seen last has it now.

use rusqlite::{Connection, Row, params};

use crate::domain::account::BotAccount;
use crate::domain::id::{AccountId, Login};
use crate::store::sqlite::columns::BotKey;
use crate::store::sqlite::sql::{execute, find_row};

pub(crate) fn find_bot(connection: &Connection, login: &Login) -> rusqlite::Result<BotAccount> {
    let sql = "SELECT twitch_id FROM bots WHERE login = ?1 ORDER BY seen DESC, bot DESC";
    let id = find_row(connection, sql, params![login], |row| row.get(0))?;
    Ok(BotAccount { login: login.clone(), id: id.flatten() })
}

/// The logins whose accounts a log-in may change: the login it names, and the login that the id had before.
pub(crate) fn list_logins(connection: &Connection, login: &Login, id: AccountId) -> rusqlite::Result<Vec<Login>> {
    let sql = "SELECT login FROM bots WHERE twitch_id = ?1";
    let known = find_row(connection, sql, params![id], |row| row.get(0))?;
    Ok(known.into_iter().chain([login.clone()]).collect())
}

/// What a log-in changed.
pub(crate) struct LogInChange {
    /// The account has another login or id than before.
    pub(crate) is_changed: bool,
    /// The account that had this login before, if channels of its are still wanted.
    pub(crate) former: Option<AccountId>,
}

pub(crate) fn learn(connection: &Connection, login: &Login, id: AccountId) -> rusqlite::Result<LogInChange> {
    let sql = "SELECT bot, login FROM bots WHERE twitch_id = ?1";
    let known: Option<(BotKey, Login)> = find_row(connection, sql, params![id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "SELECT bot FROM bots WHERE login = ?1 AND twitch_id IS NULL";
    let unidentified = find_row(connection, sql, params![login], |row| row.get(0))?;
    let is_changed = unidentified.is_some() || known.as_ref().is_some_and(|(_, known)| known != login);
    let key = match (known, unidentified) {
        (Some((known, _)), Some(unidentified)) => {
            merge(connection, unidentified, known)?;
            known
        }
        (Some((known, _)), None) => known,
        (None, Some(unidentified)) => unidentified,
        (None, None) => insert(connection, login, None)?,
    };
    let seen = "(SELECT coalesce(max(seen), 0) + 1 FROM bots)";
    let sql = format!("UPDATE bots SET login = ?2, twitch_id = ?3, seen = {seen} WHERE bot = ?1");
    execute(connection, &sql, params![key, login, id])?;
    if is_changed {
        // The account is part of its channels' set-ups, so these have changed.
        execute(connection, "UPDATE channels SET revision = revision + 1 WHERE bot = ?1", [key])?;
    }
    let sql = "SELECT twitch_id FROM bots WHERE login = ?1 AND twitch_id <> ?2
         AND EXISTS (SELECT 1 FROM wanted WHERE wanted.bot = bots.bot AND wanted)";
    let former = find_row(connection, sql, params![login, id], |row| row.get(0))?;
    Ok(LogInChange { is_changed, former })
}

/// Merges the row of a renamed account's new login, made before the account logged in, into the account's own row.
fn merge(connection: &Connection, from: BotKey, into: BotKey) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE wanted SET bot = ?2 WHERE bot = ?1",
        "UPDATE channels SET bot = ?2 WHERE bot = ?1",
        "UPDATE OR REPLACE used_limits SET bot = ?2 WHERE bot = ?1",
    ] {
        execute(connection, sql, params![from, into])?;
    }
    execute(connection, "DELETE FROM bots WHERE bot = ?1", [from]).map(drop)
}

/// The key of an account's row; creates the row if it is missing.
pub(crate) fn key_of(connection: &Connection, account: &BotAccount) -> rusqlite::Result<BotKey> {
    let Some(id) = account.id else { return key_of_login(connection, &account.login) };
    let sql = "SELECT bot FROM bots WHERE twitch_id = ?1";
    match find_row(connection, sql, params![id], |row| row.get(0))? {
        Some(key) => Ok(key),
        None => insert(connection, &account.login, Some(id)),
    }
}

/// The key of the row of the account that has the login now; creates the row if it is missing.
pub(crate) fn key_of_login(connection: &Connection, login: &Login) -> rusqlite::Result<BotKey> {
    let sql = "SELECT bot FROM bots WHERE login = ?1 ORDER BY seen DESC, bot DESC";
    match find_row(connection, sql, params![login], |row| row.get(0))? {
        Some(key) => Ok(key),
        None => insert(connection, login, None),
    }
}

fn insert(connection: &Connection, login: &Login, id: Option<AccountId>) -> rusqlite::Result<BotKey> {
    let sql = "INSERT INTO bots (login, twitch_id) VALUES (?1, ?2) RETURNING bot";
    connection.prepare_cached(sql)?.query_row(params![login, id], |row| row.get(0))
}

/// Reads an account from the columns with these numbers.
pub(crate) fn read_bot(row: &Row<'_>, login: usize, id: usize) -> rusqlite::Result<BotAccount> {
    Ok(BotAccount { login: row.get(login)?, id: row.get(id)? })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;
    use crate::bench::quick_folder;
    use crate::domain::effect::{Effect, PresenceEffect, Revision};
    use crate::domain::id::ChannelId;
    use crate::domain::message::WantedChannel;
    use crate::domain::ports::{SoleProcess, SystemClock};
    use crate::domain::used_limits::UsedLimits;
    use crate::store::Store;
    use crate::store::fixture::{CHANNEL, Fixture, channel};
    use crate::store::host::used_limits::LastUse;
    use crate::store::sqlite::migrate::migrate_until;
    use crate::testing::{at_once, bot, login};

    const ID: AccountId = AccountId(1000);

    fn known(name: &str, id: AccountId) -> BotAccount {
        BotAccount { id: Some(id), ..bot(name) }
    }

    /// `bot` is in `#shop`, left `#cafe`, and is to join `#bakery`, whose id is unknown; `other` is in `#market`.
    fn make_older_file(path: &Path) {
        let connection = Connection::open(path).unwrap();
        migrate_until(&connection, "CREATE TABLE bots");
        let rows = "INSERT INTO channels (channel_id, login, display_name, bot) VALUES
             (7, 'shop', 'Shop', 'BOT'), (8, 'cafe', 'Cafe', 'bot'), (9, 'market', 'Market', 'other');
             INSERT INTO settings VALUES (7, 'dice', 'sides', '6');
             INSERT INTO wanted VALUES
             ('shop', 7, 'bot', 1, 0), ('cafe', 8, 'bot', 0, 0), ('bakery', NULL, 'Bot', 1, 0), ('market', 9, 'other', 1, 0);
             INSERT INTO used_limits VALUES ('bot', 5, 2, 0), ('other', NULL, NULL, 0);";
        connection.execute_batch(rows).unwrap();
    }

    fn open(path: &Path) -> Store {
        Store::open(path, Arc::new(SystemClock), Arc::new(SoleProcess)).unwrap()
    }

    /// A copy of the database's current files, as a killed process would leave them.
    fn as_if_killed(folder: &Path) -> TempDir {
        let copy = quick_folder();
        for file in ["db", "db-wal"] {
            std::fs::copy(folder.join(file), copy.path().join(file)).unwrap();
        }
        copy
    }

    fn wanted(store: &Store) -> Vec<(String, BotAccount)> {
        let mut wanted = at_once(store.host.list_wanted()).unwrap();
        wanted.sort_by(|one, other| one.login.cmp(&other.login));
        wanted.into_iter().map(|WantedChannel { login, account, .. }| (login.to_string(), account)).collect()
    }

    fn bot_of(store: &Store, channel: u64) -> BotAccount {
        at_once(store.load_channel(ChannelId(channel))).unwrap().unwrap().bot
    }

    #[tokio::test]
    async fn channels_accounts_and_used_limits_outlive_the_step_that_gives_accounts_their_ids() {
        let mut folder = quick_folder();
        make_older_file(&folder.path().join("db"));
        // Each of these processes is killed before an account logs in.
        for _ in 0..3 {
            let store = open(&folder.path().join("db"));
            let expected = [("bakery", "bot"), ("market", "other"), ("shop", "bot")];
            assert_eq!(wanted(&store), expected.map(|(channel, name)| (channel.to_owned(), bot(name))));
            assert_eq!([7, 8, 9].map(|channel| bot_of(&store, channel)), [bot("bot"), bot("bot"), bot("other")]);
            assert_eq!(store.host.find_bot(&login("bot")).await.unwrap(), bot("bot"));
            store.host.save_seed(login("bakery"), login("bot")).await.unwrap();
            let killed = as_if_killed(folder.path());
            store.close().await.unwrap();
            folder = killed;
        }
        let path = folder.path().join("db");
        let store = open(&path);
        let LastUse::Known(used) = store.host.begin_use(login("bot")).await.unwrap() else { panic!("it is known") };
        assert_eq!((used.messages, used.joins), (5, 2));
        assert_eq!(store.host.begin_use(login("other")).await.unwrap(), LastUse::Unknown);
        let mut changes = store.host.wanted_changes();
        assert_eq!(store.host.learn_bot(login("bot"), ID).await.unwrap(), None);
        assert_eq!(changes.try_recv(), Ok(login("bot")));
        let expected = [("bakery", known("bot", ID)), ("market", bot("other")), ("shop", known("bot", ID))];
        assert_eq!(wanted(&store), expected.map(|(channel, account)| (channel.to_owned(), account)));
        assert_eq!(
            [7, 8, 9].map(|channel| bot_of(&store, channel)),
            [known("bot", ID), known("bot", ID), bot("other")]
        );
        let revision = |channel| at_once(store.load_channel(ChannelId(channel))).unwrap().unwrap().revision;
        assert_eq!(
            [7, 9].map(revision),
            [Revision(2), Revision(1)],
            "changes that were planned before are planned again"
        );
        store.host.save_use(known("bot", ID), UsedLimits { messages: 3, ..UsedLimits::default() }).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let store = open(&path);
        assert_eq!(store.host.find_bot(&login("bot")).await.unwrap(), known("bot", ID));
        assert!(
            matches!(store.host.begin_use(login("bot")).await.unwrap(), LastUse::Known(used) if used.messages == 3)
        );
        let mut changes = store.host.wanted_changes();
        assert_eq!(store.host.learn_bot(login("bot"), ID).await.unwrap(), None);
        assert!(changes.try_recv().is_err(), "nothing new");
    }

    #[tokio::test]
    async fn a_recycled_login_inherits_nothing_and_both_accounts_are_kept() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        store.host.learn_bot(login("bot"), ID).await.unwrap();
        assert_eq!(store.host.learn_bot(login("bot"), AccountId(2000)).await.unwrap(), Some(ID));
        assert_eq!((wanted(store), bot_of(store, 7)), (vec![("shop".to_owned(), known("bot", ID))], known("bot", ID)));
        assert_eq!(
            store.host.find_bot(&login("bot")).await.unwrap(),
            known("bot", AccountId(2000)),
            "the login is this one's now"
        );
        // Only the operator's configuration moves a channel to the other account.
        store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        assert_eq!(bot_of(store, CHANNEL.0), known("bot", AccountId(2000)));
        assert_eq!(store.host.learn_bot(login("bot"), AccountId(2000)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_renamed_account_keeps_its_channels_and_gets_those_of_its_new_login() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        store.host.learn_bot(login("bot"), ID).await.unwrap();
        store.host.save_seed(login("cafe"), login("better_bot")).await.unwrap();
        store.host.save_channel_id(login("cafe"), ChannelId(8)).await.unwrap();
        store.host.begin_use(login("bot")).await.unwrap();
        store.host.begin_use(login("better_bot")).await.unwrap();
        assert_eq!(store.host.learn_bot(login("better_bot"), ID).await.unwrap(), None);
        assert_eq!([7, 8].map(|channel| bot_of(store, channel)), [0; 2].map(|_| known("better_bot", ID)));
        let account = known("better_bot", ID);
        fixture
            .commit("1", vec![Effect::Presence(PresenceEffect::Want { channel: channel(9, "market"), account })])
            .await;
        assert_eq!(wanted(store).len(), 3);
    }
}
