//! Which words a module may claim in a channel besides those that it declares. Pure.

use super::change::{describe_changers, may_change};
use super::channel::ChannelSetup;
use super::word::check_word;
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::ModuleName;
use crate::domain::manifest::Command;
use crate::domain::role::Role;

/// Most claimed words of a channel, of all modules, aliases included.
const MOST_WORDS: usize = 200;

/// Why a word cannot be claimed. The variants are the contract's.
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

/// Whether `by` may add `word` for the module, or replace the module's own word of that name.
pub fn check_claim(setup: &ChannelSetup, by: Role, module: &ModuleName, word: Command) -> Result<Effect, WordError> {
    if !may_change(setup, by) {
        return Err(WordError::NotAllowed(describe_changers(setup).to_owned()));
    }
    let word = check_word(word).map_err(WordError::Invalid)?;
    for text in word.words() {
        check_free(setup, module, &word.name, text)?;
    }
    let others = setup.touched().flat_map(|module| {
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

/// The word is free, or belongs to the claimed word `name` of this very module, which is replaced.
fn check_free(setup: &ChannelSetup, module: &ModuleName, name: &str, text: &str) -> Result<(), WordError> {
    match setup.find_word(text) {
        None => Ok(()),
        Some(target) => {
            let answering = &target.module.manifest.name;
            let is_declared = target.module.manifest.commands.iter().any(|command| command.name == target.command.name);
            let is_replaced = answering == module && !is_declared && &*target.command.name == name;
            if is_replaced { Ok(()) } else { Err(WordError::Taken(answering.to_string())) }
        }
    }
}

/// `None` if there is nothing that `by` may release.
pub fn check_release(setup: &ChannelSetup, by: Role, module: &ModuleName, name: &str) -> Option<Effect> {
    let name = name.to_lowercase();
    let claimed = &setup.find_module(module)?.claimed;
    let is_there = claimed.iter().any(|command| *command.name == *name);
    (is_there && may_change(setup, by))
        .then(|| Effect::Module(module.clone(), ModuleEffect::ReleaseWord { name: name.into_boxed_str() }))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{channel_setup, module, running, settings_module};
    use super::super::word::LONGEST_WORD;
    use super::*;
    use crate::domain::manifest::{Manifest, ModuleSource};
    use crate::testing::{command, manifest, name};
    use std::sync::Arc;

    fn word(name: &str, aliases: &[&str]) -> Command {
        Command { aliases: aliases.iter().map(|alias| (*alias).into()).collect(), ..command(name) }
    }

    fn shop() -> ChannelSetup {
        channel_setup([settings_module(), module("dice", &["roll"]), module("texts", &["text"])])
    }

    fn claim(setup: &ChannelSetup, word: Command) -> Result<ChannelSetup, WordError> {
        check_claim(setup, Role::Broadcaster, &name("texts"), word).map(|effect| setup.apply(&effect))
    }

    #[test]
    fn a_claimed_word_calls_its_module() {
        let setup = claim(&shop(), word("Hello", &["HI", "hi", "hello", "héé"])).unwrap();
        for text in ["hello", "hi", "héé"] {
            let target = setup.find_word(text).unwrap();
            assert_eq!((target.module.manifest.name.as_str(), &*target.command.name), ("texts", "hello"));
        }
        assert_eq!(setup.find_word("hello").unwrap().command.aliases, ["hi".into(), "héé".into()]);
        let released = check_release(&setup, Role::Broadcaster, &name("texts"), "HELLO").unwrap();
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
            let refused = check_claim(&claimed, role, &name("texts"), word("other", &[]));
            assert_eq!(refused, Err(WordError::NotAllowed("only the broadcaster can".to_owned())));
            assert_eq!(check_release(&claimed, role, &name("texts"), "hello"), None);
        }
        assert_eq!(check_release(&claimed, Role::Broadcaster, &name("dice"), "hello"), None);
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
