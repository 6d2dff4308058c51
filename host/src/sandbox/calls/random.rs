//! Capability `random`: numbers from the invocation's own generator.

pub(super) mod generator;

use super::error::EndRun;
use super::run::Run;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::random::Host;

impl Host for Run {
    fn number(&mut self, below: u64) -> wasmtime::Result<u64> {
        let run = self.enter(Capability::Random, "number")?;
        let rehearsed = match &run.world().rehearsal {
            Some(rehearsal) => rehearsal.next_number(below)?,
            None => None,
        };
        let number = rehearsed.or_else(|| run.random().number(below));
        Ok(number.ok_or_else(|| EndRun::Guest("asked for a random number below 0".to_owned()))?)
    }
}
