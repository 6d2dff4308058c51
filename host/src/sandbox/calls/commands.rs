//! Capability `commands`: lists the commands that the invoking chatter may use in this channel.

use super::error::EndRun;
use super::run::Run;
use super::transaction::Transaction;
use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::commands::{Host, Listing};
use crate::setup::listing;

impl Host for Run {
    fn list_available(&mut self) -> wasmtime::Result<Vec<Listing>> {
        let listings = list_available(self.enter(Capability::Commands, "list-available")?)?;
        Ok(listings.into_iter().map(Listing::from).collect())
    }

    fn find(&mut self, word: String) -> wasmtime::Result<Option<Listing>> {
        Ok(find(self.enter(Capability::Commands, "find")?, &word)?.map(Listing::from))
    }
}

impl From<listing::Listing> for Listing {
    fn from(listing: listing::Listing) -> Self {
        Listing {
            name: listing.name.into(),
            aliases: listing.aliases.into_iter().map(String::from).collect(),
            usage: listing.usage,
            summary: listing.summary,
            module: listing.module.to_string(),
            role: listing.role.into(),
        }
    }
}

/// The commands that the invoking chatter may use, sorted by name.
pub(super) fn list_available(run: &mut Transaction) -> Result<Vec<listing::Listing>, EndRun> {
    let now = run.invocation().now;
    Ok(listing::list_available(&run.setup()?, run.role(), now))
}

/// One of those commands, found by name or alias.
pub(super) fn find(run: &mut Transaction, word: &str) -> Result<Option<listing::Listing>, EndRun> {
    let now = run.invocation().now;
    Ok(listing::find_listing(&run.setup()?, run.role(), word, now))
}
