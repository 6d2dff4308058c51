//! Uploads between the first byte on disk and the version in the database: what may be deleted after a crash.
//!
//! Only what was noted here is ever deleted. A database that was lost, or restored from an older copy, knows nothing of the
//! components beside it, and must not take them for left-overs.

use rusqlite::{Connection, params};

use crate::domain::id::ModuleDigest;
use crate::store::sqlite::sql::execute;
use crate::store::{Store, StoreError};

impl Store {
    /// To be called before a component's bytes are saved, unless they are on disk already. The note goes with the version
    /// that is published, or with [`Store::end_upload`].
    pub async fn begin_upload(&self, digest: ModuleDigest) -> Result<(), StoreError> {
        let insert = "INSERT INTO begun_uploads (digest) VALUES (?1) ON CONFLICT DO NOTHING";
        self.writer.write(move |connection| Ok(execute(connection, insert, params![digest]).map(drop)?)).await
    }

    /// The component has been deleted.
    pub async fn end_upload(&self, digest: ModuleDigest) -> Result<(), StoreError> {
        self.writer.write(move |connection| Ok(forget(connection, digest)?)).await
    }

    pub fn list_begun_uploads(&self) -> Result<Vec<ModuleDigest>, StoreError> {
        self.readers.list_rows("SELECT digest FROM begun_uploads ORDER BY digest", [], |row| row.get(0))
    }
}

/// Nothing happens where there is no note.
pub(in crate::store) fn forget(connection: &Connection, digest: ModuleDigest) -> rusqlite::Result<()> {
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
            store.begin_upload(digest).await.unwrap();
        }
        assert_eq!(store.list_begun_uploads().unwrap(), [one, other]);
        store.end_upload(one).await.unwrap();
        store.end_upload(one).await.unwrap();
        assert_eq!(store.list_begun_uploads().unwrap(), [other]);
    }
}
