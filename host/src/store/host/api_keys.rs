//! The API keys of the HTTP API. A key's secret is not stored, only its digest.

use std::time::SystemTime;

use rusqlite::{Connection, Row, params};

use super::audit;
use crate::domain::audit::{AuditValue, Change, Stamp};
use crate::domain::principal::{KeyId, KeyScope};
use crate::domain::role::Role;
use crate::store::json_text::Text;
use crate::store::sqlite::columns::{At, Json};
use crate::store::sqlite::sql::{execute, find_row, list_rows};

/// An API key; it may be expired or revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: Box<str>,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    pub scopes: Box<[KeyScope]>,
    /// The role of chatters in commands called with this key; at most moderator.
    pub role: Option<Role>,
    pub created_at: SystemTime,
    pub expires_at: Option<SystemTime>,
    pub revoked_at: Option<SystemTime>,
    /// Accurate to the minute.
    pub last_used_at: Option<SystemTime>,
}

impl ApiKey {
    /// Whether the key is neither expired nor revoked at `now`.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// A key that must not be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyGuard {
    /// The only valid key with the scope `operator`: without it, nobody could create another key over the API.
    LastOperator,
    None,
}

/// The result of revoking a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The key as it is now. A key that was revoked before is unchanged.
    Done(Box<ApiKey>),
    Unknown,
    Refused,
}

const COLUMNS: &str = "id, name, digest, scopes, role, created_at, expires_at, revoked_at, last_used_at";

/// Keys created after the key `after`, oldest first.
pub(crate) fn list(connection: &Connection, after: Option<&KeyId>, limit: usize) -> rusqlite::Result<Vec<ApiKey>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_keys
         WHERE number > coalesce((SELECT number FROM api_keys WHERE id = ?1), ?2) ORDER BY number LIMIT ?3"
    );
    // No keys come after an unknown key.
    let otherwise = if after.is_some() { i64::MAX } else { 0 };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    list_rows(connection, &sql, params![after, otherwise, limit], read_key)
}

pub(crate) fn save(connection: &Connection, key: &ApiKey, stamp: &Stamp) -> rusqlite::Result<()> {
    let insert = format!("INSERT INTO api_keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    let parameters = params![
        key.id,
        key.name,
        key.digest,
        Json(key.scopes.iter().map(Text).collect::<Vec<_>>()),
        key.role,
        At(key.created_at),
        key.expires_at.map(At),
        key.revoked_at.map(At),
        key.last_used_at.map(At),
    ];
    execute(connection, &insert, parameters)?;
    let after = Some(describe(key));
    audit::record(connection, stamp, &Change { after, ..Change::new("create-key", key.id.as_str()) })
}

pub(crate) fn save_use(connection: &Connection, id: &KeyId, at: SystemTime) -> rusqlite::Result<()> {
    let sql = "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1";
    execute(connection, sql, params![id, At(at)]).map(drop)
}

pub(crate) fn revoke(connection: &Connection, id: &KeyId, guard: KeyGuard, stamp: &Stamp) -> rusqlite::Result<Revoked> {
    if guard == KeyGuard::LastOperator && is_last_operator(connection, id, stamp.at)? {
        return Ok(Revoked::Refused);
    }
    let sql = "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    let changed = execute(connection, sql, params![id, At(stamp.at)])?;
    let key = find(connection, id)?;
    if let Some(key) = key.as_ref().filter(|_| changed > 0) {
        let before = Some(describe(key));
        audit::record(connection, stamp, &Change { before, ..Change::new("revoke-key", id.as_str()) })?;
    }
    Ok(key.map_or(Revoked::Unknown, |key| Revoked::Done(Box::new(key))))
}

fn is_last_operator(connection: &Connection, id: &KeyId, now: SystemTime) -> rusqlite::Result<bool> {
    let query = format!("SELECT {COLUMNS} FROM api_keys WHERE revoked_at IS NULL");
    let keys: Vec<ApiKey> = list_rows(connection, &query, [], read_key)?;
    let mut operators = keys.iter().filter(|key| key.is_valid(now) && key.scopes.contains(&KeyScope::Operator));
    Ok(operators.next().is_some_and(|key| key.id == *id) && operators.next().is_none())
}

pub(crate) fn find(connection: &Connection, id: &KeyId) -> rusqlite::Result<Option<ApiKey>> {
    let query = format!("SELECT {COLUMNS} FROM api_keys WHERE id = ?1");
    find_row(connection, &query, [id], read_key)
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let Json::<Vec<Text<_>>>(scopes) = row.get(3)?;
    let at = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<At>>(index)?.map(|At(at)| at));
    Ok(ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        digest: row.get(2)?,
        scopes: scopes.into_iter().map(|Text(scope)| scope).collect(),
        role: row.get(4)?,
        created_at: row.get::<_, At>(5)?.0,
        expires_at: at(6)?,
        revoked_at: at(7)?,
        last_used_at: at(8)?,
    })
}

fn describe(key: &ApiKey) -> AuditValue {
    AuditValue::Key { name: key.name.clone(), scopes: key.scopes.clone(), role: key.role }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::audit::Actor;
    use crate::domain::id::ChannelId;
    use crate::domain::ports::Clock;
    use crate::store::fixture::Fixture;
    use crate::testing::at_once;

    fn key(fixture: &Fixture, id: &str) -> ApiKey {
        ApiKey {
            id: id.parse().unwrap(),
            name: "shop's site".into(),
            digest: [7; 32],
            scopes: [KeyScope::Channel(ChannelId(7)), KeyScope::Operator].into(),
            role: Some(Role::Moderator),
            created_at: fixture.clock.now().wall,
            expires_at: Some(fixture.clock.now().wall + Duration::from_secs(60)),
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn stamp(fixture: &Fixture) -> Stamp {
        Stamp { by: Actor::CommandLine { system_user: None }, at: fixture.clock.now().wall, address: None }
    }

    #[tokio::test]
    async fn a_key_is_read_as_it_was_written_and_revoked_once() {
        let fixture = Fixture::empty();
        let made = key(&fixture, "0123456789ab");
        fixture.store.host.save_api_key(made.clone(), stamp(&fixture)).await.unwrap();
        assert_eq!(fixture.store.host.find_api_key(&made.id).await.unwrap(), Some(made.clone()));
        assert!(made.is_valid(fixture.clock.now().wall));

        let revoke = async |id: &KeyId| {
            fixture.store.host.revoke_api_key(id.clone(), KeyGuard::None, stamp(&fixture)).await.unwrap()
        };
        let first = revoke(&made.id).await;
        fixture.clock.advance(Duration::from_secs(5));
        assert_eq!(first, revoke(&made.id).await);
        let Revoked::Done(revoked) = first else { panic!("{first:?}") };
        assert!(revoked.revoked_at.is_some() && !revoked.is_valid(made.created_at));
        assert_eq!(revoke(&"ffffffffffff".parse().unwrap()).await, Revoked::Unknown);
    }

    #[tokio::test]
    async fn the_last_valid_operator_key_is_spared() {
        let fixture = Fixture::empty();
        let [last, expired, channels] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"].map(|id| key(&fixture, id));
        let now = fixture.clock.now().wall;
        let keys = [
            ApiKey { expires_at: None, ..last.clone() },
            ApiKey { expires_at: Some(now), ..expired },
            ApiKey { scopes: [KeyScope::Channel(ChannelId(7))].into(), ..channels.clone() },
        ];
        for key in keys {
            fixture.store.host.save_api_key(key, stamp(&fixture)).await.unwrap();
        }
        let revoke = async |id: &KeyId, guard| {
            fixture.store.host.revoke_api_key(id.clone(), guard, stamp(&fixture)).await.unwrap()
        };
        assert_eq!(revoke(&last.id, KeyGuard::LastOperator).await, Revoked::Refused);
        assert!(matches!(revoke(&channels.id, KeyGuard::LastOperator).await, Revoked::Done(_)));
        fixture.store.host.save_api_key(key(&fixture, "dddddddddddd"), stamp(&fixture)).await.unwrap();
        assert!(matches!(revoke(&last.id, KeyGuard::LastOperator).await, Revoked::Done(_)));
        assert_eq!(revoke(&"dddddddddddd".parse().unwrap(), KeyGuard::LastOperator).await, Revoked::Refused);
        assert!(matches!(revoke(&"dddddddddddd".parse().unwrap(), KeyGuard::None).await, Revoked::Done(_)));
    }

    #[tokio::test]
    async fn keys_are_listed_page_by_page_in_the_order_they_were_made() {
        let fixture = Fixture::empty();
        let ids = ["cccccccccccc", "aaaaaaaaaaaa", "bbbbbbbbbbbb"];
        for id in ids {
            fixture.store.host.save_api_key(key(&fixture, id), stamp(&fixture)).await.unwrap();
        }
        let list = |after: Option<&str>, limit| {
            let after = after.map(|id| id.parse().unwrap());
            let keys = at_once(fixture.store.host.list_api_keys(after.as_ref(), limit)).unwrap();
            keys.iter().map(|key| key.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list(None, 2), ids[..2]);
        assert_eq!(list(Some("aaaaaaaaaaaa"), 2), ids[2..]);
        assert!(list(Some("dddddddddddd"), 2).is_empty());
    }

    #[tokio::test]
    async fn an_older_use_does_not_replace_a_later_one() {
        let fixture = Fixture::empty();
        let made = key(&fixture, "0123456789ab");
        fixture.store.host.save_api_key(made.clone(), stamp(&fixture)).await.unwrap();
        let later = made.created_at + Duration::from_secs(60);
        for at in [later, made.created_at] {
            fixture.store.host.save_key_use(made.id.clone(), at).await.unwrap();
        }
        assert_eq!(fixture.store.host.find_api_key(&made.id).await.unwrap().unwrap().last_used_at, Some(later));
    }
}
