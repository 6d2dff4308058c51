//! Capability `words`: command words besides the declared ones.

use super::{Fault, HostCallError, Transaction};
use crate::domain::manifest::{Capability, Command};
use crate::setup::words::WordError;

impl Transaction {
    /// Adds a word, or replaces this module's own of that name.
    pub fn claim_word(&mut self, word: Command) -> Result<(), HostCallError<WordError>> {
        self.require(Capability::Words)?;
        let setup = self.setup()?;
        let effect = setup.check_claim(self.role(), self.module(), word).map_err(HostCallError::Told)?;
        self.change_setup(&setup, effect);
        Ok(())
    }

    /// Whether it was there, and the chatter may release it.
    pub fn release_word(&mut self, name: &str) -> Result<bool, Fault> {
        self.require(Capability::Words)?;
        let setup = self.setup()?;
        let effect = setup.check_release(self.role(), self.module(), name);
        Ok(effect.map(|effect| self.change_setup(&setup, effect)).is_some())
    }

    /// This module's own.
    pub fn list_claimed(&mut self) -> Result<Vec<Command>, Fault> {
        self.require(Capability::Words)?;
        let setup = self.setup()?;
        let claimed = setup.find_module(self.module()).map(|module| module.claimed.as_slice()).unwrap_or_default();
        Ok(claimed.iter().map(|word| (**word).clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Bench, SHOP, Terms, told};
    use super::*;
    use crate::domain::effect::Committed;
    use crate::setup::sample::command;

    #[test]
    fn a_claimed_word_answers_after_the_commit_until_it_is_released() {
        let bench = Bench::new(Terms::default());
        let answers = || bench.world.setup.find_channel(SHOP).unwrap().find_word("hello").is_some();
        let mut claiming = bench.run("shop", "");
        claiming.claim_word(command("Hello")).unwrap();
        assert_eq!(claiming.list_claimed().unwrap(), [command("hello")]);
        assert_eq!(told(claiming.claim_word(command("extra"))), WordError::Taken("extra".to_owned()));
        assert!(!answers());
        assert_eq!(bench.commit(claiming), Committed::Done);
        assert!(answers());
        assert!(!bench.run("alice", "").release_word("hello").unwrap(), "only who may change the set-up releases");
        let mut releasing = bench.run("shop", "");
        assert!(releasing.release_word("HELLO").unwrap() && !releasing.release_word("hello").unwrap());
        assert_eq!(bench.commit(releasing), Committed::Done);
        assert!(!answers());
    }
}
