//! Maps SQLite's errors to the store's.

use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::store::error::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        // The only row that a caller can refer to and that may be missing is a channel.
        if code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) {
            return StoreError::UnknownChannel;
        }
        StoreError::Database(Arc::new(error))
    }
}

/// The reason, if the machine or the file is at fault, so that no write can succeed until that is mended.
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
