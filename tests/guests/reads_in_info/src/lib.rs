//! Reads its storage in `info`, where only the log may be called.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct ReadsInInfo;

impl Module for ReadsInInfo {
    fn info() -> ModuleInfo {
        let summary = storage::load_text("summary").unwrap_or_else(|| "a guest of the tests".to_owned());
        ModuleInfo::new("reads-in-info", env!("CARGO_PKG_VERSION"), &summary)
            .command(CommandInfo::new("reads-in-info", "does what it is named after"))
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer("never reached"))
    }
}

twitchy_sdk::export!(ReadsInInfo);
