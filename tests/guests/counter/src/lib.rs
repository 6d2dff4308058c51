//! Counts (`!count [key]`), and reads the count without writing (`!count-get [key]`).

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, storage};

pub struct Counter;

impl Module for Counter {
    fn info() -> ModuleInfo {
        ModuleInfo::new("counter", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("count", "adds one").usage("[key]").without_cooldown())
            .command(CommandInfo::new("count-get", "tells the count").usage("[key]").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        let key: Option<String> = invocation.arguments().optional("key")?;
        let key = key.as_deref().unwrap_or("count");
        let count = match invocation.command.as_str() {
            "count" => storage::add(key, 1)?.to_string(),
            _ => storage::load_text(key).unwrap_or_else(|| "0".to_owned()),
        };
        Ok(answer(format!("{key} is {count}")))
    }
}

twitchy_sdk::export!(Counter);
