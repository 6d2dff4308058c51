//! `clock`: the invocation's one moment, whatever the machine's clock says by now.

use crate::sandbox::bindings::twitchy::command::clock::Host;
use crate::sandbox::run::door::Run;
use crate::sandbox::translate::unix_millis;

impl Host for Run {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(unix_millis(self.enter_clock()?.now))
    }
}
