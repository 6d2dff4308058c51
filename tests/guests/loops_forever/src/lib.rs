//! Never returns.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies};

pub struct LoopsForever;

impl Module for LoopsForever {
    fn info() -> ModuleInfo {
        ModuleInfo::new("loops-forever", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("loops-forever", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        loop {
            std::hint::spin_loop();
        }
    }
}

twitchy_sdk::export!(LoopsForever);
