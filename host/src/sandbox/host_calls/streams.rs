//! `streams`: this host does not watch live streams yet.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::streams::{Host, LiveStream, StreamError};
use crate::sandbox::run::door::Run;

impl Host for Run {
    fn current(&mut self) -> wasmtime::Result<Result<Option<LiveStream>, StreamError>> {
        self.enter(Capability::Streams)?;
        Ok(Err(StreamError::Unavailable("this host does not watch live streams yet".to_owned())))
    }
}
