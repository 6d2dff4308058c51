//! Uploads with bytes on disk but no version in the database yet: after a crash, the next start deletes these bytes.
//!
//! Only components recorded here are ever deleted. A database that was lost, or restored from an older copy, does not
//! know the components beside it, and must not take them for left-overs.

use rusqlite::{Connection, params};

use crate::domain::id::ModuleDigest;
use crate::store::sqlite::sql::{execute, list_rows};

pub(crate) fn begin(connection: &Connection, digest: ModuleDigest) -> rusqlite::Result<()> {
    let sql = "INSERT INTO begun_uploads (digest) VALUES (?1) ON CONFLICT DO NOTHING";
    execute(connection, sql, params![digest]).map(drop)
}

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<ModuleDigest>> {
    list_rows(connection, "SELECT digest FROM begun_uploads ORDER BY digest", [], |row| row.get(0))
}

/// Does nothing if there is no such row.
pub(crate) fn end(connection: &Connection, digest: ModuleDigest) -> rusqlite::Result<()> {
    execute(connection, "DELETE FROM begun_uploads WHERE digest = ?1", params![digest]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::Fixture;

    #[tokio::test]
    async fn an_upload_is_noted_until_it_has_ended() {
        let Fixture { store, folder: _folder, .. } = Fixture::empty();
        let [one, other] = [ModuleDigest([1; 32]), ModuleDigest([2; 32])];
        for digest in [other, one, one] {
            store.host.begin_upload(digest).await.unwrap();
        }
        assert_eq!(store.host.list_begun_uploads().await.unwrap(), [one, other]);
        store.host.end_upload(one).await.unwrap();
        store.host.end_upload(one).await.unwrap();
        assert_eq!(store.host.list_begun_uploads().await.unwrap(), [other]);
    }
}
