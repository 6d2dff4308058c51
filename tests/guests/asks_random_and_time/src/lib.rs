//! Answers with random numbers and the time, which are the same when the call runs again.

use std::time::SystemTime;

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, clock, random};

pub struct AsksRandomAndTime;

impl Module for AsksRandomAndTime {
    fn info() -> ModuleInfo {
        ModuleInfo::new("asks-random-and-time", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("asks-random-and-time", "does what it is named after").without_cooldown())
    }

    fn respond(_: &Invocation) -> Result<Replies, CommandError> {
        let millis = clock::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let numbers = [random::number(1_000_000), random::number(1_000_000)];
        Ok(answer(format!("{} {} {millis}", numbers[0], numbers[1])))
    }
}

twitchy_sdk::export!(AsksRandomAndTime);
