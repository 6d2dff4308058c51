//! Capability `words`.

use super::settings::refuse_change;
use crate::bindings::twitchy::command::words::{Word, WordError};
use crate::testing::world::World;

/// In characters.
const LONGEST_WORD: usize = 32;
const LONGEST_TEXT: usize = 200;
/// Most claimed words of a channel, aliases included.
const MOST_WORDS: usize = 200;

pub(crate) fn claim(world: &mut World, word: &Word) -> Result<(), WordError> {
    if let Some(who) = refuse_change(world) {
        return Err(WordError::NotAllowed(who.to_owned()));
    }
    let word = check_word(word)?;
    for text in word.aliases.iter().chain([&word.name]) {
        let is_own = |name: &str| world.kept.words.iter().any(|own| own.name == name && name == word.name);
        if let Some((module, command)) = world.find_command(text)
            && !is_own(&command.name)
        {
            return Err(WordError::Taken(module));
        }
    }
    let others = world.kept.words.iter().filter(|other| other.name != word.name);
    let count: usize = others.map(|other| 1 + other.aliases.len()).sum();
    if count + 1 + word.aliases.len() > MOST_WORDS {
        return Err(WordError::Full);
    }
    world.kept.words.retain(|other| other.name != word.name);
    world.kept.words.push(word);
    world.kept.words.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(())
}

pub(crate) fn release(world: &mut World, name: &str) -> bool {
    let name = name.to_lowercase();
    let may_release = refuse_change(world).is_none();
    let count = world.kept.words.len();
    world.kept.words.retain(|word| !may_release || word.name != name);
    world.kept.words.len() < count
}

pub(crate) fn list_claimed(world: &mut World) -> Vec<Word> {
    world.kept.words.clone()
}

/// The word in lower case, each alias once.
fn check_word(word: &Word) -> Result<Word, WordError> {
    let check = |text: &String| {
        let text = text.to_lowercase();
        let is_visible = |c: char| !c.is_whitespace() && !c.is_control();
        let is_word = (1..=LONGEST_WORD).contains(&text.chars().count()) && text.chars().all(is_visible);
        let valid = "a command word is 1 to 32 visible characters without spaces";
        is_word.then_some(text).ok_or_else(|| WordError::Invalid(valid.to_owned()))
    };
    let name = check(&word.name)?;
    let mut aliases = Vec::new();
    for alias in &word.aliases {
        let alias = check(alias)?;
        if alias != name && !aliases.contains(&alias) {
            aliases.push(alias);
        }
    }
    let is_line = |text: &String| text.chars().count() <= LONGEST_TEXT && !text.contains(char::is_control);
    if !is_line(&word.usage) || !is_line(&word.summary) {
        let valid = "a usage or a summary is one line of at most 200 characters";
        return Err(WordError::Invalid(valid.to_owned()));
    }
    Ok(Word { name, aliases, ..word.clone() })
}
