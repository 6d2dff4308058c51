//! Logs lines of 10,000 characters, with line feeds in them, and never ends.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, log};

pub struct FloodsLog;

impl Module for FloodsLog {
    fn info() -> ModuleInfo {
        ModuleInfo::new("floods-log", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("floods-log", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        let line = "line\n".repeat(2_000);
        loop {
            log::info(&line);
        }
    }
}

twitchy_sdk::export!(FloodsLog);
