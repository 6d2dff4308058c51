//! Capability `streams`: always unavailable, because this host does not watch live streams yet.

use super::run::Run;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::streams::{Host, LiveStream, StreamError};

impl Host for Run {
    fn current(&mut self) -> wasmtime::Result<Result<Option<LiveStream>, StreamError>> {
        self.enter(Capability::Streams, "current")?;
        Ok(Err(StreamError::Unavailable("this host does not watch live streams yet".to_owned())))
    }
}
