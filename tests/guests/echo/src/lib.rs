//! Answers with its text: `!echo text`, and `!echo-args` with a bar between the arguments.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer};

pub struct Echo;

impl Module for Echo {
    fn info() -> ModuleInfo {
        ModuleInfo::new("echo", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("echo", "answers the text").without_cooldown())
            .command(CommandInfo::new("echo-args", "answers the arguments").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        Ok(answer(match invocation.command.as_str() {
            "echo" => invocation.text.clone(),
            _ => invocation.arguments.join("|"),
        }))
    }
}

twitchy_sdk::export!(Echo);
