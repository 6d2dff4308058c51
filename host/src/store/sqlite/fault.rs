//! SQLite's errors, as the store reports them.

use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::store::error::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        // All that a caller can name and that may not exist is a channel.
        if code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
            return StoreError::UnknownChannel;
        }
        StoreError::Database(Arc::new(error))
    }
}

/// What is wrong with the machine or the file: no change, whatever it is, can be kept until that is mended.
pub(super) fn describe_machine_fault(error: &StoreError) -> Option<String> {
    let StoreError::Database(error) = error else { return None };
    let code = error.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()?;
    let is_machines = matches!(
        code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::FileLockingProtocolFailed
    );
    is_machines.then(|| error.to_string())
}
