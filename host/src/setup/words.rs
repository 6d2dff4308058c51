//! Which word calls what in a channel.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::module::ModuleSetup;
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Command, Manifest, ModuleSource};
use crate::modules::is_always_on;

/// What a word calls.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    pub module: &'a ModuleSetup,
    /// With the creator's role and cooldowns, not the author's.
    pub command: &'a Arc<Command>,
}

/// All words that call a command, in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(HashMap<Box<str>, Called>);

#[derive(Clone, Debug)]
struct Called {
    module: Arc<ModuleSetup>,
    command: Arc<Command>,
    /// Whether help shows the command under this word.
    is_first: bool,
}

impl Words {
    /// The words of running modules. If two modules claim one word (after an upgrade or a grant), the first in this
    /// order has it: always on, by trust in its source, declared before claimed, by name.
    pub(super) fn of(mut running: Vec<Arc<ModuleSetup>>) -> Words {
        running.sort_by(|one, other| order(one).cmp(&order(other)));
        let mut words = Words::default();
        for module in &running {
            module.manifest.commands.iter().for_each(|command| words.add(module, command));
        }
        for module in &running {
            module.claimed.iter().for_each(|command| words.add(module, command));
        }
        words
    }

    fn add(&mut self, module: &Arc<ModuleSetup>, command: &Arc<Command>) {
        let command = module.with_overrides(command);
        for (number, word) in module.words_here(&command).enumerate() {
            let called = || Called { module: module.clone(), command: command.clone(), is_first: number == 0 };
            self.0.entry(word.clone()).or_insert_with(called);
        }
    }

    /// The commands that answer to the word under which they are shown, in no order.
    pub(super) fn commands(&self) -> impl Iterator<Item = (&str, Target<'_>)> {
        let first = self.0.iter().filter(|(_, called)| called.is_first);
        first.map(|(word, called)| (&**word, called.target()))
    }

    pub(super) fn find(&self, word: &str) -> Option<Target<'_>> {
        self.0.get(word).map(Called::target)
    }
}

impl Called {
    fn target(&self) -> Target<'_> {
        Target { module: &self.module, command: &self.command }
    }
}

fn order(module: &ModuleSetup) -> (bool, Reverse<ModuleSource>, &ModuleName) {
    let Manifest { name, source, .. } = &*module.manifest;
    (!is_always_on(name), Reverse(*source), name)
}
