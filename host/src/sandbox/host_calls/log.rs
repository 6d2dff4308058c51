//! `log`: the one capability without a door. What goes beyond the bounds is dropped, so nobody is hurt by calling it.

use crate::sandbox::bindings::twitchy::command::log::{Host, Level};
use crate::sandbox::guest_log;
use crate::sandbox::run::Run;

impl Host for Run {
    fn write(&mut self, level: Level, line: String) -> wasmtime::Result<()> {
        self.log.write(level.into(), &line);
        Ok(())
    }
}

impl From<Level> for guest_log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => guest_log::Level::Debug,
            Level::Info => guest_log::Level::Info,
            Level::Warn => guest_log::Level::Warn,
            Level::Error => guest_log::Level::Error,
        }
    }
}
