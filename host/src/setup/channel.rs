//! One channel's set-up: an immutable snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use crate::domain::effect::Revision;
use crate::domain::id::{Login, ModuleName};
use crate::domain::manifest::{Command, Grants, Manifest};
use crate::domain::message::Channel;
use crate::domain::prefix::Prefix;

/// How a channel is set up.
#[derive(Clone, Debug)]
pub struct ChannelSetup {
    pub channel: Channel,
    /// The bot account that sits here.
    pub bot: Login,
    pub revision: Revision,
    pub prefix: Prefix,
    /// BCP 47.
    pub locale: Box<str>,
    pub muted_until: Option<SystemTime>,
    /// Every module that the host has, on or off.
    pub modules: BTreeMap<ModuleName, ModuleSetup>,
    /// Names and aliases of the modules that run here, in lower case.
    words: HashMap<Box<str>, (ModuleName, Arc<Command>)>,
}

/// How a module is set up in a channel.
#[derive(Clone, Debug)]
pub struct ModuleSetup {
    pub manifest: Arc<Manifest>,
    pub is_enabled: bool,
    pub grants: Grants,
    /// What differs from the defaults.
    pub settings: BTreeMap<String, String>,
    /// The words claimed here, besides the declared ones.
    pub claimed: Vec<Command>,
}

/// What a word calls.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    pub module: &'a ModuleSetup,
    /// With the creator's role and cooldowns, not the author's.
    pub command: &'a Arc<Command>,
}

impl ChannelSetup {
    /// What `word`, in lower case and without the prefix, calls here.
    pub fn find_word(&self, word: &str) -> Option<Target<'_>> {
        let (module, command) = self.words.get(word)?;
        Some(Target { module: self.modules.get(module)?, command })
    }
}
