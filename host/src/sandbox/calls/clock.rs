//! Capability `clock`: the invocation's one moment, whatever the machine's clock says by now.

use super::door::Run;
use super::vocabulary::unix_millis;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::clock::Host;

impl Host for Run {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(unix_millis(self.enter(Capability::Clock)?.invocation().now))
    }
}
