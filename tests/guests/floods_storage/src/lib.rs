//! Saves a hundred thousand values of 1,000 bytes; answers only if no save failed.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct FloodsStorage;

impl Module for FloodsStorage {
    fn info() -> ModuleInfo {
        ModuleInfo::new("floods-storage", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("floods-storage", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        for number in 0..100_000 {
            storage::save(&number.to_string(), [b'x'; 1_000])?;
        }
        Ok(answer("saved it all"))
    }
}

twitchy_sdk::export!(FloodsStorage);
