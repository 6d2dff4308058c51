//! Capability `clock`: returns the moment of the invocation, which is the same in each run.

use super::run::Run;
use super::vocabulary::unix_millis;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::clock::Host;

impl Host for Run {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(unix_millis(self.enter(Capability::Clock, "now")?.invocation().now))
    }
}
