//! Answers with a thousand replies.
//!
//! The SDK cannot build such an answer, so the guest exports the functions of the contract itself.

use twitchy_sdk::bindings::exports::twitchy::command::module::Guest;
use twitchy_sdk::{CommandError, CommandInfo, Invocation, ModuleInfo, Reply};

pub struct FloodsReplies;

impl Guest for FloodsReplies {
    fn info() -> ModuleInfo {
        ModuleInfo::new("floods-replies", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("floods-replies", "does what it is named after").without_cooldown())
    }

    fn respond(_: Invocation) -> Result<Vec<Reply>, CommandError> {
        Ok((0..1000).map(|number| Reply::Say(number.to_string())).collect())
    }
}

// A build for this machine exports nothing: its linker does not accept the names of the exports.
#[cfg(target_arch = "wasm32")]
twitchy_sdk::bindings::export_module! { FloodsReplies with_types_in twitchy_sdk::bindings }
