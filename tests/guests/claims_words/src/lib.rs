//! Claims a word (`!addword foo`), releases it (`!dropword foo`), and answers calls of it.

use twitchy_sdk::{CommandError, CommandInfo, Invocation, Module, ModuleInfo, Replies, answer, words};

pub struct ClaimsWords;

impl Module for ClaimsWords {
    fn info() -> ModuleInfo {
        ModuleInfo::new("claims-words", env!("CARGO_PKG_VERSION"), "a guest of the tests")
            .command(CommandInfo::new("addword", "claims a word").usage("WORD").without_cooldown())
            .command(CommandInfo::new("dropword", "releases a word").usage("WORD").without_cooldown())
    }

    fn respond(invocation: &Invocation) -> Result<Replies, CommandError> {
        match invocation.command.as_str() {
            "addword" => {
                let word: String = invocation.arguments().required("word")?;
                words::claim(CommandInfo::new(&word, "a claimed word"))?;
                Ok(answer(format!("{word} is claimed")))
            }
            "dropword" => {
                let word: String = invocation.arguments().required("word")?;
                Ok(answer(if words::release(&word) { "released" } else { "it was not there" }))
            }
            claimed => Ok(answer(format!("this is {claimed}"))),
        }
    }
}

twitchy_sdk::export!(ClaimsWords);
