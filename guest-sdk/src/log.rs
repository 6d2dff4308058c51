//! Capability `log`: lines for the module's author and the operator. Needs no grant.

pub use crate::bindings::twitchy::command::log::{Level, write};

pub fn debug(line: &str) {
    write(Level::Debug, line);
}

pub fn info(line: &str) {
    write(Level::Info, line);
}

pub fn warn(line: &str) {
    write(Level::Warn, line);
}

pub fn error(line: &str) {
    write(Level::Error, line);
}
