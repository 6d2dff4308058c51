//! Saves a value, and then panics: the value must not be kept.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct WritesThenTraps;

impl Module for WritesThenTraps {
    fn info() -> ModuleInfo {
        ModuleInfo::new("writes-then-traps", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("writes-then-traps", "does what it is named after").without_cooldown())
            .command(CommandInfo::new("writes-then-traps-count", "tells how often it was saved").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        if invocation.command == "writes-then-traps-count" {
            return Ok(answer(storage::add("writes", 0)?.to_string()));
        }
        let sum = storage::add("writes", 1)?;
        panic!("this guest panics on purpose, after {sum} writes");
    }
}

twitchy_sdk::export!(WritesThenTraps);
