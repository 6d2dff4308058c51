//! One read and one answer: the smallest useful call, for the benches.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct ReadsStorage;

impl Module for ReadsStorage {
    fn info() -> ModuleInfo {
        ModuleInfo::new("reads-storage", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("reads-storage", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer(storage::load_text("value").unwrap_or_else(|| "nothing".to_owned())))
    }
}

twitchy_sdk::export!(ReadsStorage);
