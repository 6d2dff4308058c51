//! Panics.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies};

pub struct Traps;

impl Module for Traps {
    fn info() -> ModuleInfo {
        ModuleInfo::new("traps", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("traps", "does what it is named after").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        panic!("this guest panics on purpose, called by {}", invocation.chatter.login);
    }
}

twitchy_sdk::export!(Traps);
