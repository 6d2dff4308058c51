//! Capability `streams`: the channel's live stream.
//!
//! The creator of a channel grants it. This host does not watch streams yet: every answer is
//! [`StreamError::Unavailable`], which `?` turns into an apology in chat.
//!
//! ```no_run
//! use twitchy_sdk::{CommandError, Replies, answer, streams};
//!
//! fn tell_title() -> Result<Replies, CommandError> {
//!     Ok(answer(match streams::find_current()? {
//!         Some(stream) => stream.title,
//!         None => "nobody is streaming".to_owned(),
//!     }))
//! }
//! ```

use std::time::SystemTime;

pub use crate::bindings::twitchy::command::streams::{LiveStream, StreamError};
use crate::host::streams;
use crate::{CommandError, clock};

/// The current live stream; `None` while the channel is offline.
///
/// # Errors
/// If the host does not know.
pub fn find_current() -> Result<Option<LiveStream>, StreamError> {
    streams::current()
}

impl LiveStream {
    /// When the stream began.
    ///
    /// ```
    /// use std::time::Duration;
    /// use twitchy_sdk::{clock, streams::LiveStream};
    ///
    /// fn uptime(stream: &LiveStream) -> Duration {
    ///     clock::now().duration_since(stream.started_at()).unwrap_or_default()
    /// }
    /// ```
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
