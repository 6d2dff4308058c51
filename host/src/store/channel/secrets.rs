//! The modules' secret settings, as the vault sealed them: what they say is not known here.

use std::time::SystemTime;

use rusqlite::{Connection, params};

use crate::domain::effect::SecretEffect;
use crate::domain::id::{ChannelId, ModuleName};
use crate::store::sqlite::columns::At;
use crate::store::sqlite::sql::execute;
use crate::store::{Store, StoreError};

impl Store {
    /// None where nobody entered it.
    pub fn load_secret(
        &self,
        channel: ChannelId,
        module: &ModuleName,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT sealed FROM secrets WHERE channel_id = ?1 AND module = ?2 AND key = ?3";
        self.readers.find_row(sql, params![channel, module, key], |row| row.get(0))
    }

    /// The keys that have a secret, in order.
    pub fn list_secret_keys(&self, channel: ChannelId, module: &ModuleName) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT key FROM secrets WHERE channel_id = ?1 AND module = ?2 ORDER BY key";
        self.readers.list_rows(sql, params![channel, module], |row| row.get(0))
    }

    /// The first bytes of the secrets of all channels, each once: so many of each secret as tell by which key it was sealed.
    pub fn list_secret_marks(&self, length: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT DISTINCT substr(sealed, 1, ?1) FROM secrets ORDER BY 1";
        self.readers.list_rows(sql, [length], |row| row.get(0))
    }
}

pub(in crate::store) fn apply(
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
    use crate::store::fixture::{CHANNEL, Fixture, module};

    fn change(key: &str, sealed: Option<&[u8]>) -> Effect {
        Effect::Secret(module("weather"), SecretEffect::Change { key: key.to_owned(), sealed: sealed.map(Into::into) })
    }

    #[tokio::test]
    async fn a_secret_is_kept_replaced_and_forgotten() {
        let fixture = Fixture::with_channel().await;
        let store = &fixture.store;
        let load = |key| store.load_secret(CHANNEL, &module("weather"), key).unwrap();
        let marks = |length| store.list_secret_marks(length).unwrap();
        assert_eq!(marks(1), Vec::<Vec<u8>>::new());
        fixture.commit("1", vec![change("token", Some(b"1")), change("key", Some(b"2"))]).await;
        assert_eq!((load("token"), load("key"), load("other")), (Some(b"1".to_vec()), Some(b"2".to_vec()), None));
        fixture.commit("2", vec![change("token", Some(b"3"))]).await;
        assert_eq!(load("token"), Some(b"3".to_vec()));
        assert_eq!(store.list_secret_keys(CHANNEL, &module("weather")).unwrap(), ["key", "token"]);
        fixture.commit("mark", vec![change("key", Some(b"34"))]).await;
        assert_eq!((marks(1), marks(2)), (vec![b"3".to_vec()], vec![b"3".to_vec(), b"34".to_vec()]));
        fixture.commit("3", vec![change("token", None), change("never-there", None)]).await;
        assert_eq!(store.list_secret_keys(CHANNEL, &module("weather")).unwrap(), ["key"]);
    }

    #[tokio::test]
    async fn a_secret_is_of_one_module_in_one_channel() {
        let fixture = Fixture::with_channel().await;
        fixture.commit("1", vec![change("token", Some(b"1"))]).await;
        assert_eq!(fixture.store.load_secret(CHANNEL, &module("other"), "token").unwrap(), None);
        assert_eq!(fixture.store.load_secret(ChannelId(8), &module("weather"), "token").unwrap(), None);
        assert_eq!(fixture.store.list_secret_keys(CHANNEL, &module("other")).unwrap(), Vec::<String>::new());
    }
}
