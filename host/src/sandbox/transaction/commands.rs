//! Capability `commands`: what may be typed here.

use super::{Fault, Transaction};
use crate::domain::manifest::Capability;
use crate::setup::listing::Listing;

impl Transaction {
    /// The commands that the invoking chatter may use, by name.
    pub fn list_available(&mut self) -> Result<Vec<Listing>, Fault> {
        self.require(Capability::Commands)?;
        let now = self.invocation().now;
        Ok(self.setup()?.list_available(self.role(), now))
    }

    /// One of them, by name or alias.
    pub fn find_command(&mut self, word: &str) -> Result<Option<Listing>, Fault> {
        self.require(Capability::Commands)?;
        let now = self.invocation().now;
        Ok(self.setup()?.find_listing(self.role(), word, now))
    }
}
