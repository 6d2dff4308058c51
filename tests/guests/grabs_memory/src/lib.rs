//! Allocates memory until an allocation fails.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies};

pub struct GrabsMemory;

impl Module for GrabsMemory {
    fn info() -> ModuleInfo {
        ModuleInfo::new("grabs-memory", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("grabs-memory", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        let mut taken: Vec<Vec<u8>> = Vec::new();
        loop {
            taken.push(std::hint::black_box(vec![1; 1024 * 1024]));
        }
    }
}

twitchy_sdk::export!(GrabsMemory);
