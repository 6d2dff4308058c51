//! Answers with 4 MiB of text.
//!
//! The SDK cannot build such an answer, so the guest exports the functions of the contract itself.

use twitchy_sdk::bindings::exports::twitchy::command::module::Guest;
use twitchy_sdk::{CommandError, CommandInfo, Invocation, ModuleInfo, Reply};

pub struct HugeReply;

impl Guest for HugeReply {
    fn info() -> ModuleInfo {
        ModuleInfo::new("huge-reply", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("huge-reply", "does what it is named after").without_cooldown())
    }

    fn respond(_: Invocation) -> Result<Vec<Reply>, CommandError> {
        Ok(vec![Reply::Answer("x".repeat(4 * 1024 * 1024))])
    }
}

// A build for this machine exports nothing: its linker does not accept the names of the exports.
#[cfg(target_arch = "wasm32")]
twitchy_sdk::bindings::export_module! { HugeReply with_types_in twitchy_sdk::bindings }
