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
        Ok(setup.find_module(self.module()).map(|module| module.claimed.clone()).unwrap_or_default())
    }
}
