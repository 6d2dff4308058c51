//! `channels`: calling the bot into one's own channel, and sending it away.

use crate::domain::manifest::Capability;
use crate::joining;
use crate::sandbox::bindings::twitchy::command::channels::{Host, JoinError};
use crate::sandbox::run::door::{Run, answered, told};

impl Host for Run {
    fn request_join(&mut self) -> wasmtime::Result<Result<(), JoinError>> {
        told(self.enter(Capability::Channels)?.request_join())
    }

    fn request_leave(&mut self) -> wasmtime::Result<bool> {
        answered(self.enter(Capability::Channels)?.request_leave())
    }
}

impl From<joining::JoinError> for JoinError {
    fn from(error: joining::JoinError) -> Self {
        match error {
            joining::JoinError::JoinedAlready => JoinError::JoinedAlready,
            joining::JoinError::NeedsConsent(address) => JoinError::NeedsConsent(address),
            joining::JoinError::Waiting(place) => JoinError::Waiting(place),
            joining::JoinError::Refused(why) => JoinError::Refused(why),
            joining::JoinError::Unavailable(why) => JoinError::Unavailable(why),
        }
    }
}
