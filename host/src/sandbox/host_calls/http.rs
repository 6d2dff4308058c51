//! `http`: this host sends no requests yet.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::http::{Host, HttpError, Request, Response};
use crate::sandbox::run::Run;

impl Host for Run {
    fn send(&mut self, _request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        self.enter(Capability::Http)?;
        Ok(Err(HttpError::Unreachable("this host sends no requests yet".to_owned())))
    }
}
