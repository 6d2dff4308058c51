//! `chatters`: who has been seen.

use crate::domain::manifest::Capability;
use crate::sandbox::bindings::twitchy::command::chatters::{Host, KnownChatter};
use crate::sandbox::run::door::{Run, answered};
use crate::store::channel::chatters;

impl Host for Run {
    fn find(&mut self, chatter: String) -> wasmtime::Result<Option<KnownChatter>> {
        let found = answered(self.enter(Capability::Chatters)?.find_chatter(&chatter))?;
        Ok(found.map(KnownChatter::from))
    }
}

impl From<chatters::KnownChatter> for KnownChatter {
    fn from(chatter: chatters::KnownChatter) -> Self {
        KnownChatter {
            id: chatter.id.to_string(),
            login: chatter.login.to_string(),
            display_name: chatter.display_name.into(),
        }
    }
}
