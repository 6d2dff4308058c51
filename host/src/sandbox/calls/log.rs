//! Capability `log`: the only one without a grant check. Lines beyond the limits are dropped, so a call harms nobody.

use super::run::Run;
use crate::sandbox::bindings::twitchy::command::log::{Host, Level};
use crate::telemetry::lines::LineLevel;

impl Host for Run {
    fn write(&mut self, level: Level, line: String) -> wasmtime::Result<()> {
        self.log.write(level.into(), &line);
        Ok(())
    }
}

impl From<Level> for LineLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => LineLevel::Debug,
            Level::Info => LineLevel::Info,
            Level::Warn => LineLevel::Warn,
            Level::Error => LineLevel::Error,
        }
    }
}
