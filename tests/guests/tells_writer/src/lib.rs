//! Answers with the version that wrote last, and writes.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct TellsWriter;

impl Module for TellsWriter {
    fn info() -> ModuleInfo {
        ModuleInfo::new("tells-writer", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("tells-writer", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        storage::add("calls", 1)?;
        Ok(answer(storage::written_by().unwrap_or_else(|| "nobody".to_owned())))
    }
}

twitchy_sdk::export!(TellsWriter);
