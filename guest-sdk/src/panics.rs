//! Logs panics. A panic ends the call as a trap, which says neither what happened nor where.

use std::panic::{self, PanicHookInfo};

use crate::log;

/// Sets the panic hook. Called at the start of every call.
pub fn report() {
    panic::set_hook(Box::new(|info| log::error(&describe(info))));
}

fn describe(info: &PanicHookInfo) -> String {
    let message = info.payload_as_str().unwrap_or("no message");
    match info.location() {
        Some(place) => format!("panicked: {message} ({}:{})", place.file(), place.line()),
        None => format!("panicked: {message}"),
    }
}
