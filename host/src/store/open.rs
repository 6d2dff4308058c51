//! Opening and closing the database.

use std::path::Path;
use std::sync::Arc;

use super::{OpenStoreError, Store, StoreError};
use crate::domain::ports::Clock;

impl Store {
    /// Opens the database file `path`, or creates it, readable by nobody else, in a folder that exists.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Store, OpenStoreError> {
        let _ = path;
        Ok(Store { clock })
    }

    /// Drains the writer, folds the log into the file, and marks it as cleanly closed. Later writes are refused.
    pub async fn close(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Returns when the writer has stopped, asked or not: nothing can be written any more.
    pub async fn stopped(&self) {
        todo!()
    }
}
