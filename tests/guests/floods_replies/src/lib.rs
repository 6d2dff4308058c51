//! Answers with a thousand replies.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, Reply};

pub struct FloodsReplies;

impl Module for FloodsReplies {
    fn info() -> ModuleInfo {
        ModuleInfo::new("floods-replies", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("floods-replies", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        Ok((0..1000).map(|number| Reply::Say(number.to_string())).collect::<Vec<_>>().into())
    }
}

twitchy_sdk::export!(FloodsReplies);
