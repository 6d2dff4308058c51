//! Capability `streams`: the channel's live stream.

use std::time::SystemTime;

use crate::bindings::twitchy::command::streams;
pub use crate::bindings::twitchy::command::streams::{LiveStream, StreamError};
use crate::{CommandError, clock};

/// None while the channel is offline.
///
/// # Errors
/// Where the host does not know.
pub fn find_current() -> Result<Option<LiveStream>, StreamError> {
    streams::current()
}

impl LiveStream {
    pub fn started_at(&self) -> SystemTime {
        clock::from_millis(self.started_at)
    }
}

impl From<StreamError> for CommandError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Unavailable(why) => Self::unavailable(why),
        }
    }
}
