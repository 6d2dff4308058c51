//! Capability `words`: command words that a module claims besides those in its manifest.

use std::time::Duration;

use super::error::{EndRun, HostCallError, split};
use super::run::Run;
use super::transaction::Transaction;
use super::vocabulary::cooldown_millis;
use crate::domain::manifest::{Capability, Command};
use crate::sandbox::bindings::twitchy::command::words::{Host, Word, WordError};
use crate::setup::claims;

impl Host for Run {
    fn claim(&mut self, word: Word) -> wasmtime::Result<Result<(), WordError>> {
        Ok(split(claim(self.enter(Capability::Words, "claim")?, word.into()))?)
    }

    fn release(&mut self, name: String) -> wasmtime::Result<bool> {
        Ok(release(self.enter(Capability::Words, "release")?, &name)?)
    }

    fn list_claimed(&mut self) -> wasmtime::Result<Vec<Word>> {
        let claimed = list_claimed(self.enter(Capability::Words, "list-claimed")?)?;
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

impl From<claims::WordError> for HostCallError<WordError> {
    fn from(error: claims::WordError) -> Self {
        HostCallError::Returned(match error {
            claims::WordError::Invalid(what) => WordError::Invalid(what),
            claims::WordError::Taken(module) => WordError::Taken(module),
            claims::WordError::Full => WordError::Full,
            claims::WordError::NotAllowed(why) => WordError::NotAllowed(why),
        })
    }
}

/// Claims a word, or replaces the module's own word of that name.
pub(super) fn claim(run: &mut Transaction, word: Command) -> Result<(), HostCallError<WordError>> {
    let setup = run.setup()?;
    let effect = claims::check_claim(&setup, run.role(), run.module(), word)?;
    run.change_setup(&setup, effect);
    Ok(())
}

/// Returns whether the word existed and the chatter may release it.
pub(super) fn release(run: &mut Transaction, name: &str) -> Result<bool, EndRun> {
    let setup = run.setup()?;
    let effect = claims::check_release(&setup, run.role(), run.module(), name);
    Ok(effect.map(|effect| run.change_setup(&setup, effect)).is_some())
}

/// The words that this module has claimed.
fn list_claimed(run: &mut Transaction) -> Result<Vec<Command>, EndRun> {
    let setup = run.setup()?;
    let claimed = setup.find_module(run.module()).map(|module| module.claimed.as_slice()).unwrap_or_default();
    Ok(claimed.iter().map(|word| (**word).clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, SHOP, error_of};
    use super::*;
    use crate::bench::BenchOptions;
    use crate::domain::effect::Committed;
    use crate::testing::command;

    #[test]
    fn a_claimed_word_answers_after_the_commit_until_it_is_released() {
        let bench = Fixture::new(BenchOptions::default());
        let answers = || bench.world.setup.find_channel(SHOP).unwrap().find_word("hello").is_some();
        let mut claiming = bench.run("shop", "");
        claim(&mut claiming, command("Hello")).unwrap();
        assert_eq!(list_claimed(&mut claiming).unwrap(), [command("hello")]);
        assert_eq!(error_of(claim(&mut claiming, command("extra"))), WordError::Taken("extra".to_owned()));
        assert!(!answers());
        assert_eq!(bench.commit(claiming), Committed::Done);
        assert!(answers());
        assert!(!release(&mut bench.run("alice", ""), "hello").unwrap(), "only who may change the set-up releases");
        let mut releasing = bench.run("shop", "");
        assert!(release(&mut releasing, "HELLO").unwrap() && !release(&mut releasing, "hello").unwrap());
        assert_eq!(bench.commit(releasing), Committed::Done);
        assert!(!answers());
    }
}
