//! `random`: the invocation's own randomness.

use crate::sandbox::bindings::twitchy::command::random::Host;
use crate::sandbox::run::door::{EndRun, Run};

impl Host for Run {
    fn number(&mut self, below: u64) -> wasmtime::Result<u64> {
        let number = self.enter_random()?.number(below);
        Ok(number.ok_or_else(|| EndRun::Guest("asked for a random number below 0".to_owned()))?)
    }
}
