//! Adds one, and queries a balance between reading and writing, where a test's provider can delay it or write.

use std::time::SystemTime;

use twitchy_sdk::{
    CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, balances, clock, log, random, storage,
};

pub struct CountsSlowly;

impl Module for CountsSlowly {
    fn info() -> ModuleInfo {
        ModuleInfo::new("counts-slowly", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("counts-slowly", "adds one").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        log::info("counting");
        let count: u64 = storage::load_text("count").and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
        balances::find(&invocation.chatter.reference())?;
        storage::save("count", count.to_string())?;
        let millis = clock::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Ok(answer(format!("count {count}, number {}, time {millis}", random::number(1_000_000))))
    }
}

twitchy_sdk::export!(CountsSlowly);
