//! Saves a value, and then never returns: the value must not be kept.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct WritesThenLoops;

impl Module for WritesThenLoops {
    fn info() -> ModuleInfo {
        ModuleInfo::new("writes-then-loops", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("writes-then-loops", "does what it is named after").without_cooldown())
            .command(CommandInfo::new("writes-then-loops-count", "tells how often it was saved").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        if invocation.command == "writes-then-loops-count" {
            return Ok(answer(storage::add("writes", 0)?.to_string()));
        }
        let sum = storage::add("writes", 1)?;
        loop {
            std::hint::black_box(sum);
        }
    }
}

twitchy_sdk::export!(WritesThenLoops);
