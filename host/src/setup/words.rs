//! Which word calls what in a channel, and which words a module may claim besides those it declares.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::change::{may_change, who_may_change};
use super::channel::{ChannelSetup, Target};
use super::module::ModuleSetup;
use super::overrides::LONGEST_COOLDOWN;
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::ModuleName;
use crate::domain::manifest::{Command, Manifest, ModuleSource};
use crate::domain::prefix::is_invisible;
use crate::domain::role::Role;
use crate::modules::is_always_on;

/// Claimed words of a channel, all modules and aliases together.
const MOST_WORDS: usize = 200;
/// Characters.
const LONGEST_WORD: usize = 32;
/// Characters of a usage or a summary.
const LONGEST_TEXT: usize = 200;

/// Why a word is not claimed. The cases are the contract's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    #[error("invalid: {0}")]
    Invalid(String),
    #[error("taken by {0}")]
    Taken(String),
    #[error("the channel has no room for more words")]
    Full,
    #[error("not allowed: {0}")]
    NotAllowed(String),
}

/// Every word that calls something, in lower case.
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
    /// The words of modules that run. Where two answer to one word (an upgrade may bring that about, or a grant), the
    /// first of this order has it: always on, by how much its source is trusted, declared before claimed, by name.
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

impl ChannelSetup {
    /// Whether `by` may add `word` for the module, or replace the module's own of that name.
    pub fn check_claim(&self, by: Role, module: &ModuleName, word: Command) -> Result<Effect, WordError> {
        if !may_change(self, by) {
            return Err(WordError::NotAllowed(who_may_change(self).to_owned()));
        }
        let word = check_word(word).map_err(WordError::Invalid)?;
        for text in word.words() {
            self.check_free(module, &word.name, text)?;
        }
        let others = self.touched().flat_map(|module| {
            let name = &module.manifest.name;
            module.claimed.iter().map(move |claimed| (name, claimed))
        });
        let kept = others.filter(|(claimer, claimed)| *claimer != module || claimed.name != word.name);
        let count: usize = kept.map(|(_, claimed)| 1 + claimed.aliases.len()).sum();
        if count + 1 + word.aliases.len() > MOST_WORDS {
            return Err(WordError::Full);
        }
        Ok(Effect::Module(module.clone(), ModuleEffect::ClaimWord { word }))
    }

    /// Free, or one of the claimed word `name` of this very module, which is replaced.
    fn check_free(&self, module: &ModuleName, name: &str, text: &str) -> Result<(), WordError> {
        match self.find_word(text) {
            None => Ok(()),
            Some(target) => {
                let answering = &target.module.manifest.name;
                let is_declared =
                    target.module.manifest.commands.iter().any(|command| command.name == target.command.name);
                let is_replaced = answering == module && !is_declared && &*target.command.name == name;
                if is_replaced { Ok(()) } else { Err(WordError::Taken(answering.to_string())) }
            }
        }
    }

    /// None where there is nothing that `by` may release.
    pub fn check_release(&self, by: Role, module: &ModuleName, name: &str) -> Option<Effect> {
        let name = name.to_lowercase();
        let claimed = &self.find_module(module)?.claimed;
        let is_there = claimed.iter().any(|command| *command.name == *name);
        (is_there && may_change(self, by))
            .then(|| Effect::Module(module.clone(), ModuleEffect::ReleaseWord { name: name.into_boxed_str() }))
    }
}

/// In lower case and with each word once; the error says what a word may be.
pub(crate) fn check_word(word: Command) -> Result<Command, String> {
    let name = check_text_of_word(&word.name)?;
    let mut aliases = Vec::with_capacity(word.aliases.len());
    for alias in &word.aliases {
        let alias = check_text_of_word(alias)?;
        if alias != name && !aliases.contains(&alias) {
            aliases.push(alias);
        }
    }
    for text in [&word.usage, &word.summary] {
        if !is_line(text, LONGEST_TEXT) {
            return Err(format!("a usage or a summary is one line of at most {LONGEST_TEXT} characters"));
        }
    }
    Ok(Command {
        name,
        aliases,
        channel_cooldown: word.channel_cooldown.min(LONGEST_COOLDOWN),
        chatter_cooldown: word.chatter_cooldown.min(LONGEST_COOLDOWN),
        ..word
    })
}

/// One line of at most so many characters, none of which ends a line or turns the order of those around it. Other invisible
/// ones are parts of emoji.
pub(crate) fn is_line(text: &str, longest: usize) -> bool {
    let misleads = |character: char| matches!(character, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().count() <= longest && !text.chars().any(|character| character.is_control() || misleads(character))
}

pub(super) fn check_text_of_word(text: &str) -> Result<Box<str>, String> {
    // Lowering may lengthen a text, so it comes first.
    let word = text.to_lowercase();
    let is_visible =
        |character: char| !character.is_whitespace() && !character.is_control() && !is_invisible(character);
    let is_word = (1..=LONGEST_WORD).contains(&word.chars().count()) && word.chars().all(is_visible);
    is_word
        .then(|| word.into_boxed_str())
        .ok_or_else(|| format!("a command word is 1 to {LONGEST_WORD} visible characters without spaces"))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{channel_setup, command, manifest, module, name, running, settings_module};
    use super::*;

    fn word(name: &str, aliases: &[&str]) -> Command {
        Command { aliases: aliases.iter().map(|alias| (*alias).into()).collect(), ..command(name) }
    }

    fn shop() -> ChannelSetup {
        channel_setup([settings_module(), module("dice", &["roll"]), module("texts", &["text"])])
    }

    fn claim(setup: &ChannelSetup, word: Command) -> Result<ChannelSetup, WordError> {
        setup.check_claim(Role::Broadcaster, &name("texts"), word).map(|effect| setup.apply(&effect))
    }

    #[test]
    fn a_claimed_word_calls_its_module() {
        let setup = claim(&shop(), word("Hello", &["HI", "hi", "hello", "héé"])).unwrap();
        for text in ["hello", "hi", "héé"] {
            let target = setup.find_word(text).unwrap();
            assert_eq!((target.module.manifest.name.as_str(), &*target.command.name), ("texts", "hello"));
        }
        assert_eq!(setup.find_word("hello").unwrap().command.aliases, ["hi".into(), "héé".into()]);
        let released = setup.check_release(Role::Broadcaster, &name("texts"), "HELLO").unwrap();
        assert!(setup.apply(&released).find_word("hi").is_none());
    }

    #[test]
    fn a_claim_replaces_the_word_of_that_name() {
        let first = claim(&shop(), word("hello", &["hi", "hey"])).unwrap();
        let second = claim(&first, word("hello", &["hey", "ho"])).unwrap();
        assert!(second.find_word("hi").is_none() && second.find_word("ho").is_some());
        assert_eq!(second.find_module(&name("texts")).unwrap().claimed.len(), 1);
    }

    #[test]
    fn a_word_is_claimed_once() {
        let setup = claim(&shop(), word("hello", &["hi"])).unwrap();
        for (taken, by) in [("roll", "dice"), ("text", "texts"), ("hi", "texts"), ("settings", "settings")] {
            assert_eq!(claim(&setup, word(taken, &[])).unwrap_err(), WordError::Taken(by.to_owned()), "{taken}");
            assert_eq!(claim(&setup, word("new", &[taken])).unwrap_err(), WordError::Taken(by.to_owned()), "{taken}");
        }
    }

    #[test]
    fn a_word_is_short_and_visible() {
        let longest = "é".repeat(LONGEST_WORD);
        assert!(claim(&shop(), word(&longest, &[])).is_ok());
        let too_long = "é".repeat(LONGEST_WORD + 1);
        for bad in ["", "two words", "tab\t", "\u{200b}", "a\u{202e}b", "a\n", &too_long] {
            assert!(matches!(claim(&shop(), word(bad, &[])), Err(WordError::Invalid(_))), "{bad:?}");
            assert!(matches!(claim(&shop(), word("fine", &[bad])), Err(WordError::Invalid(_))), "{bad:?}");
        }
        let summary = Command { summary: "two\nlines".to_owned(), ..command("fine") };
        assert!(matches!(claim(&shop(), summary), Err(WordError::Invalid(_))));
        let turned = Command { usage: "[\u{202e}amount]".to_owned(), ..command("fine") };
        assert!(matches!(claim(&shop(), turned), Err(WordError::Invalid(_))));
        let emoji = Command {
            summary: "from the \u{2764}\u{fe0f} of \u{1f468}\u{200d}\u{1f469}".to_owned(),
            ..command("fine")
        };
        assert!(claim(&shop(), emoji).is_ok());
    }

    #[test]
    fn a_channel_has_room_for_so_many_words() {
        let mut setup = shop();
        for number in 0..MOST_WORDS / 2 {
            setup = claim(&setup, word(&format!("w{number}"), &[&format!("a{number}")])).unwrap();
        }
        assert_eq!(claim(&setup, word("one-more", &[])).unwrap_err(), WordError::Full);
        // Replacing a word takes no more room.
        assert!(claim(&setup, word("w0", &["other"])).is_ok());
        assert_eq!(claim(&setup, word("w0", &["other", "another"])).unwrap_err(), WordError::Full);
    }

    #[test]
    fn chatters_claim_and_release_nothing() {
        let claimed = claim(&shop(), word("hello", &[])).unwrap();
        for role in [Role::Everyone, Role::Vip, Role::Moderator] {
            let refused = claimed.check_claim(role, &name("texts"), word("other", &[]));
            assert_eq!(refused, Err(WordError::NotAllowed("only the broadcaster can".to_owned())));
            assert_eq!(claimed.check_release(role, &name("texts"), "hello"), None);
        }
        assert_eq!(claimed.check_release(Role::Broadcaster, &name("dice"), "hello"), None);
    }

    #[test]
    fn a_word_that_two_answer_to_is_the_more_trusted_ones() {
        let uploaded = |name: &str, word: &str| {
            let manifest = manifest(name, vec![command(word)], Vec::new());
            running(Manifest { source: ModuleSource::Uploaded, ..manifest })
        };
        let mut claimer = module("aaa", &[]);
        claimer.claimed = ["settings", "roll", "own"].map(|word| Arc::new(command(word))).into();
        let setup = channel_setup([claimer, uploaded("bbb", "roll"), module("dice", &["roll"]), settings_module()]);
        let answering = |word| setup.find_word(word).unwrap().module.manifest.name.to_string();
        assert_eq!([answering("settings"), answering("roll"), answering("own")], ["settings", "dice", "aaa"]);
    }
}
