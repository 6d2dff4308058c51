//! `commands`: what may be typed here.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::commands::{Host, Listing};
use crate::sandbox::run::door::{Run, answered};
use crate::setup::listing;

impl Host for Run {
    fn list_available(&mut self) -> wasmtime::Result<Vec<Listing>> {
        let listings = answered(self.enter(Capability::Commands)?.list_available())?;
        Ok(listings.into_iter().map(Listing::from).collect())
    }

    fn find(&mut self, word: String) -> wasmtime::Result<Option<Listing>> {
        Ok(answered(self.enter(Capability::Commands)?.find_command(&word))?.map(Listing::from))
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
