//! The channels that the bot accounts shall join.
//!
//! A channel is known by its id, and logins get recycled. So a channel's row replaces the row of the channel that had
//! the same login before, which can no longer be joined under that login.

use std::time::SystemTime;

use rusqlite::{Connection, Row, params};

use super::audit;
use super::bots;
use crate::domain::account::BotAccount;
use crate::domain::audit::{Actor, AuditValue, Change, Stamp};
use crate::domain::effect::{Effect, PresenceEffect, Scope};
use crate::domain::id::{ChannelId, Login};
use crate::domain::message::{Channel, WantedChannel};
use crate::store::channel::setup;
use crate::store::sqlite::columns::{At, BotKey};
use crate::store::sqlite::scopes;
use crate::store::sqlite::sql::{execute, find_row, list_rows};

/// Changes that a receiver may lag behind. A receiver that lags further misses some, and must check every account.
pub(crate) const WANTED_CHANGES: usize = 1024;

const LIST_WANTED: &str = "SELECT wanted.channel_id, wanted.login, bots.login, twitch_id
     FROM wanted JOIN bots USING (bot) LEFT JOIN channels USING (channel_id)";
/// Busiest first; channels of equal or unknown busyness by login.
const BUSIEST_FIRST: &str = "ORDER BY coalesce(busyness, 0) DESC, wanted.login";
/// The rows of the account with login `?1` and id `?2`, by the rule of [`BotAccount::is`].
const ROWS_OF_ACCOUNT: &str = "SELECT bot FROM bots WHERE twitch_id = ?2
     UNION SELECT bot FROM bots WHERE login = ?1 AND twitch_id IS NULL
     UNION SELECT bot FROM bots WHERE ?2 IS NULL AND login = ?1";

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<WantedChannel>> {
    list_rows(connection, &format!("{LIST_WANTED} WHERE wanted {BUSIEST_FIRST}"), [], read_wanted)
}

pub(crate) fn list_of(connection: &Connection, account: &Login) -> rusqlite::Result<Vec<WantedChannel>> {
    let sql = format!("{LIST_WANTED} WHERE wanted AND bots.login = ?1 {BUSIEST_FIRST}");
    list_rows(connection, &sql, params![account], read_wanted)
}

pub(crate) fn count(connection: &Connection, account: &BotAccount) -> rusqlite::Result<usize> {
    let sql = format!("SELECT count(*) FROM wanted WHERE wanted AND bot IN ({ROWS_OF_ACCOUNT})");
    let count: Option<u32> = find_row(connection, &sql, params![account.login, account.id], |row| row.get(0))?;
    Ok(count.unwrap_or_default() as usize)
}

pub(crate) fn is_wanted(connection: &Connection, channel: ChannelId, login: &Login) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM wanted WHERE channel_id = ?1 AND wanted
         UNION ALL SELECT 1 FROM wanted WHERE login = ?2 AND channel_id IS NULL AND wanted";
    let found = find_row(connection, sql, params![channel, login], |row| row.get::<_, i64>(0))?;
    Ok(found.is_some())
}

pub(crate) fn list_channels_of(connection: &Connection, account: &BotAccount) -> rusqlite::Result<Vec<ChannelId>> {
    let sql = format!("SELECT channel_id FROM channels WHERE bot IN ({ROWS_OF_ACCOUNT})");
    list_rows(connection, &sql, params![account.login, account.id], |row| row.get(0))
}

fn read_wanted(row: &Row<'_>) -> rusqlite::Result<WantedChannel> {
    Ok(WantedChannel { id: row.get(0)?, login: row.get(1)?, account: bots::read_bot(row, 2, 3)? })
}

/// A channel's login and id, as far as known.
pub(crate) type ChannelRef<'a> = (Option<&'a Login>, Option<ChannelId>);

/// The channel that an effect wants or no longer wants.
pub(crate) fn find_channel(effect: &Effect) -> Option<ChannelRef<'_>> {
    let Effect::Presence(effect) = effect else { return None };
    Some(match effect {
        PresenceEffect::Want { channel, .. } => (Some(&channel.login), Some(channel.id)),
        PresenceEffect::Unwant { channel } => (None, Some(*channel)),
    })
}

/// The logins of the accounts that the rows of these channels name.
pub(crate) fn list_accounts_of(connection: &Connection, channels: &[ChannelRef<'_>]) -> rusqlite::Result<Vec<Login>> {
    let mut logins = Vec::new();
    for (login, channel) in channels {
        let sql = "SELECT bots.login FROM wanted JOIN bots USING (bot) WHERE wanted.login = ?1
             UNION SELECT bots.login FROM wanted JOIN bots USING (bot) WHERE channel_id = ?2";
        logins.extend(list_rows::<Login, Vec<_>>(connection, sql, params![login, channel], |row| row.get(0))?);
    }
    Ok(logins)
}

/// Returns whether anything changed.
pub(crate) fn save_channel_id(
    connection: &Connection,
    login: &Login,
    channel: ChannelId,
    at: SystemTime,
) -> rusqlite::Result<bool> {
    let sql = "SELECT bot FROM wanted WHERE login = ?1 AND channel_id IS NULL";
    let bot: Option<BotKey> = find_row(connection, sql, params![login], |row| row.get(0))?;
    let Some(bot) = bot else { return Ok(false) };
    let before = find_presence(connection, channel)?;
    let sql = "DELETE FROM wanted WHERE channel_id = ?1 RETURNING wanted";
    let older: Option<bool> = find_row(connection, sql, params![channel], |row| row.get(0))?;
    let sql = "UPDATE wanted SET channel_id = ?2, wanted = ?3, changed_at = ?4 WHERE login = ?1";
    execute(connection, sql, params![login, channel, older.unwrap_or(true), At(at)])?;
    // Twitch reports a room's id without its display name.
    let channel = Channel { id: channel, login: login.clone(), display_name: login.as_str().into() };
    // A new channel is covered by the seed's own line. This channel was known: it has another login now, or was left.
    if before.is_some() {
        let after = find_presence(connection, channel.id)?;
        let renamed = Change::new("rename-channel", login.as_str());
        let change = Change { channel: Some(channel.id), before, after, ..renamed };
        audit::record(connection, &by_host(at), &change)?;
    }
    scopes::raise_revision(connection, &Scope::Setup { channel: channel.id })?;
    setup::save_channel(connection, &channel, bot)?;
    Ok(true)
}

/// Whether the channel is wanted or was left; `None` if neither was ever decided.
pub(crate) fn find_presence(connection: &Connection, channel: ChannelId) -> rusqlite::Result<Option<AuditValue>> {
    let read = |row: &Row<'_>| {
        let (login, account) = (row.get(0)?, row.get(1)?);
        Ok(if row.get(2)? { AuditValue::Joined { login, account } } else { AuditValue::Left { login } })
    };
    let sql = "SELECT wanted.login, bots.login, wanted FROM wanted JOIN bots USING (bot) WHERE channel_id = ?1";
    find_row(connection, sql, params![channel], read)
}

pub(crate) fn apply(connection: &Connection, effect: &PresenceEffect, at: SystemTime) -> rusqlite::Result<()> {
    match effect {
        PresenceEffect::Want { channel, account } => want(connection, channel, account, at),
        PresenceEffect::Unwant { channel } => unwant(connection, *channel, at),
    }
}

fn want(connection: &Connection, channel: &Channel, account: &BotAccount, at: SystemTime) -> rusqlite::Result<()> {
    let bot = bots::key_of(connection, account)?;
    let sql = "DELETE FROM wanted WHERE login = ?1 OR channel_id = ?2";
    execute(connection, sql, params![channel.login, channel.id])?;
    let sql = "INSERT INTO wanted (login, channel_id, bot, wanted, changed_at) VALUES (?1, ?2, ?3, 1, ?4)";
    execute(connection, sql, params![channel.login, channel.id, bot, At(at)])?;
    setup::save_channel(connection, channel, bot)
}

/// Returns whether anything changed.
pub(crate) fn save_seed(
    connection: &Connection,
    login: &Login,
    account: &Login,
    at: SystemTime,
) -> rusqlite::Result<bool> {
    let bot = bots::key_of_login(connection, account)?;
    let sql = "SELECT channel_id, bots.login FROM wanted JOIN bots USING (bot) WHERE wanted.login = ?1";
    let before: Option<(Option<ChannelId>, Login)> =
        find_row(connection, sql, params![login], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "INSERT INTO wanted (login, bot, wanted, changed_at) VALUES (?1, ?2, 1, ?3)
         ON CONFLICT (login) DO UPDATE SET bot = ?2, changed_at = ?3 WHERE wanted AND bot <> ?2";
    let changed = execute(connection, sql, params![login, bot, At(at)])?;
    let sql = "UPDATE channels SET bot = ?2, revision = revision + 1
         WHERE bot <> ?2 AND channel_id = (SELECT channel_id FROM wanted WHERE login = ?1 AND wanted)";
    execute(connection, sql, params![login, bot])?;
    if changed > 0 {
        let (channel, before) = before.unzip();
        let (before, after) = (before.map(AuditValue::Account), Some(AuditValue::Account(account.clone())));
        let seeded = Change::new("seed-channel", login.as_str());
        let change = Change { channel: channel.flatten(), before, after, ..seeded };
        audit::record(connection, &by_host(at), &change)?;
    }
    Ok(changed > 0)
}

/// The configuration and Twitch's reports about a channel are attributed to the host, since nobody requested them.
fn by_host(at: SystemTime) -> Stamp {
    Stamp { by: Actor::Host, at, address: None }
}

/// Keeps the row, so that the configuration's seed does not want the channel again.
fn unwant(connection: &Connection, channel: ChannelId, at: SystemTime) -> rusqlite::Result<()> {
    let sql = "UPDATE wanted SET wanted = 0, changed_at = ?2 WHERE channel_id = ?1";
    execute(connection, sql, params![channel, At(at)]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::{Commit, Committed, Revision};
    use crate::domain::id::AccountId;
    use crate::store::Store;
    use crate::store::fixture::{CHANNEL, Fixture, channel, commit, save};
    use crate::testing::{at_once, bot, login};

    fn want(id: u64, name: &str) -> Effect {
        Effect::Presence(PresenceEffect::Want { channel: channel(id, name), account: bot("bot") })
    }

    fn unwant(id: u64) -> Effect {
        Effect::Presence(PresenceEffect::Unwant { channel: ChannelId(id) })
    }

    fn wanted(store: &Store) -> Vec<(Option<u64>, String)> {
        let wanted = at_once(store.host.list_wanted()).unwrap();
        wanted.into_iter().map(|wanted| (wanted.id.map(|id| id.0), wanted.login.to_string())).collect()
    }

    fn named_all(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn named(id: impl Into<Option<u64>>, name: &str) -> (Option<u64>, String) {
        (id.into(), name.into())
    }

    #[tokio::test]
    async fn a_stored_leave_wins_over_the_seed() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        assert_eq!(wanted(store), [named(7, "shop")]);
        fixture.commit("1", vec![unwant(7)]).await;
        store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        assert_eq!(wanted(store), []);
        fixture.commit("2", vec![want(7, "shop")]).await;
        assert_eq!(wanted(store), [named(7, "shop")]);
    }

    #[tokio::test]
    async fn a_channel_goes_to_the_account_that_is_configured_now() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        store.host.save_seed(login("shop"), login("other_bot")).await.unwrap();
        assert_eq!(store.host.list_wanted().await.unwrap()[0].account, bot("other_bot"));
        let record = store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert_eq!((record.bot, record.revision), (bot("other_bot"), Revision(2)));
        fixture.commit("1", vec![unwant(7)]).await;
        store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        assert_eq!(
            (wanted(store), store.load_channel(CHANNEL).await.unwrap().unwrap().bot),
            (vec![], bot("other_bot"))
        );
    }

    #[tokio::test]
    async fn seeds_and_learnt_leaves_are_in_the_audit() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        store.host.save_seed(login("shop"), login("other_bot")).await.unwrap();
        fixture.commit("1", vec![unwant(7), unwant(7), unwant(8)]).await;
        store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        store.host.save_seed(login("store"), login("bot")).await.unwrap();
        store.host.save_channel_id(login("store"), CHANNEL).await.unwrap();
        fixture.commit("2", vec![want(7, "store")]).await;
        assert_eq!(
            fixture.audited(),
            [
                "seed-channel - shop: - -> bot",
                "seed-channel 7 shop: bot -> other_bot",
                "unwant-channel 7 : #shop with other_bot -> left #shop",
                "seed-channel - store: - -> bot",
                "rename-channel 7 store: left #shop -> left #store",
                "want-channel 7 : left #store -> #store with bot",
            ]
        );
    }

    #[tokio::test]
    async fn a_leave_wins_over_a_seed_of_the_channels_new_login() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![unwant(7)]).await;
        fixture.store.host.save_seed(login("store"), login("bot")).await.unwrap();
        assert_eq!(wanted(&fixture.store), [named(None, "store")], "nobody knows yet whose login that is");
        fixture.store.host.save_channel_id(login("store"), CHANNEL).await.unwrap();
        assert_eq!(wanted(&fixture.store), []);
    }

    #[tokio::test]
    async fn the_first_id_of_a_login_stays() {
        let fixture = Fixture::with_channel().await;
        fixture.store.host.save_channel_id(login("shop"), ChannelId(8)).await.unwrap();
        fixture
            .store
            .host
            .save_channel_id(login("never-seeded".replace('-', "_").as_str()), ChannelId(9))
            .await
            .unwrap();
        assert_eq!(wanted(&fixture.store), [named(7, "shop")]);
        assert_eq!(fixture.list_known_ids(), [CHANNEL]);
    }

    #[tokio::test]
    async fn a_recycled_login_goes_to_its_present_bearer() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![want(8, "shop")]).await;
        assert_eq!(wanted(&fixture.store), [named(8, "shop")]);
        let old = fixture.store.load_channel(CHANNEL).await.unwrap();
        assert!(old.is_some(), "what was stored of the other channel is kept");
    }

    #[tokio::test]
    async fn a_renamed_channel_is_wanted_under_its_new_login_only() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![want(7, "store")]).await;
        assert_eq!(wanted(&fixture.store), [named(7, "store")]);
        let record = fixture.store.load_channel(CHANNEL).await.unwrap().unwrap();
        assert_eq!((record.channel, record.revision), (channel(7, "store"), Revision(2)));
    }

    #[tokio::test]
    async fn a_wanted_channel_is_known_at_once() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![want(8, "alice")]).await;
        let record = fixture.store.load_channel(ChannelId(8)).await.unwrap().unwrap();
        assert_eq!((record.channel, record.bot, record.revision), (channel(8, "alice"), bot("bot"), Revision(1)));
    }

    #[tokio::test]
    async fn each_change_is_reported_to_the_accounts_that_it_concerns_and_to_no_other() {
        let fixture = Fixture::with_channel().await;
        let mut changes = fixture.store.host.wanted_changes();
        let mut reported =
            || std::iter::from_fn(|| changes.try_recv().ok()).map(|login| login.to_string()).collect::<Vec<_>>();
        fixture.commit("1", vec![save("key", "")]).await;
        fixture.store.host.save_seed(login("shop"), login("bot")).await.unwrap();
        fixture.store.host.save_channel_id(login("shop"), CHANNEL).await.unwrap();
        let conflict =
            Commit { noted: vec![(Scope::Setup { channel: CHANNEL }, Revision(9))], ..commit("2", vec![unwant(7)]) };
        assert_eq!(fixture.store.commit(conflict).await.unwrap(), Committed::Conflict);
        assert_eq!(reported(), [""; 0]);
        fixture.commit("2", vec![unwant(7)]).await;
        assert_eq!(reported(), ["bot"]);
        fixture.commit("3", vec![save("key", ""), want(7, "shop")]).await;
        assert_eq!(reported(), ["bot"]);
        fixture.store.host.save_seed(login("other"), login("other_bot")).await.unwrap();
        assert_eq!(reported(), ["other_bot"]);
        fixture.store.host.save_channel_id(login("other"), ChannelId(8)).await.unwrap();
        assert_eq!(reported(), ["other_bot"]);
        fixture.store.host.save_seed(login("other"), login("bot")).await.unwrap();
        assert_eq!(reported(), ["bot", "other_bot"], "the account that has to leave, too");
        fixture.store.host.learn_bot(login("better_bot"), AccountId(1)).await.unwrap();
        assert_eq!(reported(), [""; 0]);
        fixture.store.host.learn_bot(login("bot"), AccountId(2)).await.unwrap();
        assert_eq!(reported(), ["bot"]);
        fixture.store.host.learn_bot(login("best_bot"), AccountId(2)).await.unwrap();
        assert_eq!(reported(), ["best_bot", "bot"], "renamed");
    }

    #[tokio::test]
    async fn what_is_wanted_of_one_account_or_channel_is_asked_for_without_the_others() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        store.host.save_seed(login("other"), login("other_bot")).await.unwrap();
        store.host.save_seed(login("market"), login("bot")).await.unwrap();
        let list = |account: &str| {
            let wanted = at_once(store.host.list_wanted_of(&login(account))).unwrap();
            wanted.into_iter().map(|channel| channel.login.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((list("bot"), list("other_bot")), (named_all(&["market", "shop"]), named_all(&["other"])));
        let is_wanted = |id, name: &str| at_once(store.host.is_wanted(ChannelId(id), &login(name))).unwrap();
        assert_eq!([is_wanted(7, "renamed"), is_wanted(8, "shop"), is_wanted(8, "market")], [true, false, true]);
        let id = |id, name: &str| BotAccount { id: Some(AccountId(id)), ..bot(name) };
        let counts =
            |accounts: [BotAccount; 3]| accounts.map(|account| at_once(store.host.count_wanted(&account)).unwrap());
        assert_eq!(counts([bot("bot"), bot("other_bot"), id(1, "bot")]), [2, 1, 2], "nobody has logged in");
        store.host.learn_bot(login("bot"), AccountId(1)).await.unwrap();
        assert_eq!(counts([bot("bot"), id(2, "bot"), id(1, "renamed")]), [2, 0, 2]);
        assert_eq!(store.host.list_channels_of(&id(1, "bot")).await.unwrap(), [CHANNEL]);
        assert_eq!(store.host.list_channels_of(&id(2, "bot")).await.unwrap(), []);
        fixture.commit("1", vec![unwant(7)]).await;
        assert_eq!((is_wanted(7, "shop"), counts([bot("bot"), bot("other_bot"), bot("third")])), (false, [1, 1, 0]));
    }
}
