//! `words`: command words besides the declared ones.

use std::time::Duration;

use crate::domain::manifest::{Capability, Command};
use crate::sandbox::bindings::twitchy::command::words::{Host, Word, WordError};
use crate::sandbox::run::door::{Run, answered, told};
use crate::sandbox::translate::cooldown_millis;
use crate::setup::words;

impl Host for Run {
    fn claim(&mut self, word: Word) -> wasmtime::Result<Result<(), WordError>> {
        told(self.enter(Capability::Words)?.claim_word(word.into()))
    }

    fn release(&mut self, name: String) -> wasmtime::Result<bool> {
        answered(self.enter(Capability::Words)?.release_word(&name))
    }

    fn list_claimed(&mut self) -> wasmtime::Result<Vec<Word>> {
        let claimed = answered(self.enter(Capability::Words)?.list_claimed())?;
        Ok(claimed.into_iter().map(Word::from).collect())
    }
}

impl From<Word> for Command {
    fn from(word: Word) -> Self {
        Command {
            name: word.name.into(),
            aliases: word.aliases.into_iter().map(Into::into).collect(),
            usage: word.usage,
            summary: word.summary,
            role: word.role.into(),
            channel_cooldown: Duration::from_millis(word.channel_cooldown_ms.into()),
            chatter_cooldown: Duration::from_millis(word.chatter_cooldown_ms.into()),
        }
    }
}

impl From<Command> for Word {
    fn from(command: Command) -> Self {
        Word {
            name: command.name.into(),
            aliases: command.aliases.into_iter().map(String::from).collect(),
            usage: command.usage,
            summary: command.summary,
            role: command.role.into(),
            channel_cooldown_ms: cooldown_millis(command.channel_cooldown),
            chatter_cooldown_ms: cooldown_millis(command.chatter_cooldown),
        }
    }
}

impl From<words::WordError> for WordError {
    fn from(error: words::WordError) -> Self {
        match error {
            words::WordError::Invalid(what) => WordError::Invalid(what),
            words::WordError::Taken(module) => WordError::Taken(module),
            words::WordError::Full => WordError::Full,
            words::WordError::NotAllowed(why) => WordError::NotAllowed(why),
        }
    }
}
