//! Makes one host call, and then never returns.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, clock};

pub struct LoopsAfterHostCall;

impl Module for LoopsAfterHostCall {
    fn info() -> ModuleInfo {
        ModuleInfo::new("loops-after-host-call", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("loops-after-host-call", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        let mut latest = clock::now();
        loop {
            latest = std::hint::black_box(latest);
        }
    }
}

twitchy_sdk::export!(LoopsAfterHostCall);
