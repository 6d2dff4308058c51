//! The modules' secret settings, as the vault sealed them: this file cannot read them.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use crate::domain::effect::SecretEffect;
use crate::domain::id::{ChannelId, ModuleName};
use crate::store::sqlite::columns::At;
use crate::store::sqlite::sql::{execute, find_row, list_rows};

pub(crate) fn find_secret(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    key: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT sealed FROM secrets WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
    find_row(connection, sql, params![channel, module, key], |row| row.get(0))
}

pub(crate) fn list_keys(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT key FROM secrets WHERE channel_id = ?1 AND module = ?2 ORDER BY key";
    list_rows(connection, sql, params![channel, module], |row| row.get(0))
}

pub(crate) fn list_marks(connection: &Connection, length: u32) -> rusqlite::Result<Vec<Vec<u8>>> {
    let sql = "SELECT DISTINCT substr(sealed, 1, ?1) FROM secrets ORDER BY 1";
    list_rows(connection, sql, [length], |row| row.get(0))
}

pub(crate) fn apply(
    connection: &Connection,
    channel: ChannelId,
    module: &ModuleName,
    effect: &SecretEffect,
    at: SystemTime,
) -> rusqlite::Result<()> {
    let SecretEffect::Change { key, sealed } = effect;
    let Some(sealed) = sealed.as_deref() else {
        let sql = "DELETE FROM secrets WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
        return execute(connection, sql, params![channel, module, key]).map(drop);
    };
    let sql =
        "INSERT OR REPLACE INTO secrets (channel_id, module, key, sealed, changed_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    execute(connection, sql, params![channel, module, key, sealed, At(at)]).map(drop)
}

#[cfg(test)]
mod tests {
    use crate::domain::effect::{Effect, SecretEffect};
    use crate::domain::id::ChannelId;
    use crate::store::fixture::{CHANNEL, Fixture};
    use crate::testing::{at_once, name};

    fn change(key: &str, sealed: Option<&[u8]>) -> Effect {
        Effect::Secret(name("weather"), SecretEffect::Change { key: key.to_owned(), sealed: sealed.map(Into::into) })
    }

    #[tokio::test]
    async fn a_secret_is_kept_replaced_and_forgotten() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        let load = |key| at_once(store.load_secret(CHANNEL, &name("weather"), key)).unwrap();
        let marks = |length| at_once(store.list_secret_marks(length)).unwrap();
        assert_eq!(marks(1), Vec::<Vec<u8>>::new());
        fixture.commit("1", vec![change("token", Some(b"1")), change("key", Some(b"2"))]).await;
        assert_eq!((load("token"), load("key"), load("other")), (Some(b"1".to_vec()), Some(b"2".to_vec()), None));
        fixture.commit("2", vec![change("token", Some(b"3"))]).await;
        assert_eq!(load("token"), Some(b"3".to_vec()));
        assert_eq!(store.list_secret_keys(CHANNEL, &name("weather")).await.unwrap(), ["key", "token"]);
        fixture.commit("mark", vec![change("key", Some(b"34"))]).await;
        assert_eq!((marks(1), marks(2)), (vec![b"3".to_vec()], vec![b"3".to_vec(), b"34".to_vec()]));
        fixture.commit("3", vec![change("token", None), change("never-there", None)]).await;
        assert_eq!(store.list_secret_keys(CHANNEL, &name("weather")).await.unwrap(), ["key"]);
    }

    #[tokio::test]
    async fn a_secret_is_of_one_module_in_one_channel() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![change("token", Some(b"1"))]).await;
        assert_eq!(fixture.store.load_secret(CHANNEL, &name("other"), "token").await.unwrap(), None);
        assert_eq!(fixture.store.load_secret(ChannelId(8), &name("weather"), "token").await.unwrap(), None);
        assert_eq!(fixture.store.list_secret_keys(CHANNEL, &name("other")).await.unwrap(), Vec::<String>::new());
    }
}
