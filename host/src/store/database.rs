//! The database as the methods of the store see it, whichever backend keeps it.

use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::Connection;

use super::error::StoreError;
use super::sqlite::open::Sqlite;
use super::write::{Answer, Write};
use crate::domain::ports::Clock;

pub(super) struct Database {
    pub(super) sqlite: Sqlite,
    pub(super) clock: Arc<dyn Clock>,
}

impl Database {
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.sqlite.readers.read(read)
    }

    pub(super) async fn write<T>(&self, make: impl FnOnce(Answer<T>) -> Write) -> Result<T, StoreError> {
        self.sqlite.writer.write(make).await
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.now().wall
    }
}
