//! Answers with its version, and the number of calls of all its versions in this channel.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct TellsVersion;

impl Module for TellsVersion {
    fn info() -> ModuleInfo {
        ModuleInfo::new("tells-version", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("tells-version", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        let calls = storage::add("calls", 1)?;
        Ok(answer(format!(concat!("version ", env!("CARGO_PKG_VERSION"), " answers call {}"), calls)))
    }
}

twitchy_sdk::export!(TellsVersion);
