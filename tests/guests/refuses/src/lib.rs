//! Returns each kind of error.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies};

pub struct Refuses;

impl Module for Refuses {
    fn info() -> ModuleInfo {
        ModuleInfo::new("refuses", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("refuse", "refuses").without_cooldown())
            .command(
                CommandInfo::new("usage", "complains about the arguments").usage("SOMETHING ELSE").without_cooldown(),
            )
            .command(CommandInfo::new("unavailable", "says that something is down").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        Err(match invocation.command.as_str() {
            "refuse" => CommandError::refused("not today"),
            "usage" => CommandError::usage("that is not how it is typed"),
            _ => CommandError::unavailable("the oracle sleeps"),
        })
    }
}

twitchy_sdk::export!(Refuses);
