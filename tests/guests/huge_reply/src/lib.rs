//! Answers with 4 MiB of text.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer};

pub struct HugeReply;

impl Module for HugeReply {
    fn info() -> ModuleInfo {
        ModuleInfo::new("huge-reply", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("huge-reply", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer("x".repeat(4 * 1024 * 1024)))
    }
}

twitchy_sdk::export!(HugeReply);
