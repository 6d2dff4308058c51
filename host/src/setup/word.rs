//! What may be a command word, and what is said of it. Pure.

use std::time::Duration;

use crate::domain::manifest::Command;
use crate::domain::prefix::is_invisible;

/// Characters.
pub(super) const LONGEST_WORD: usize = 32;
/// In characters of a usage or a summary.
const LONGEST_TEXT: usize = 200;
/// A longer cooldown would in effect switch the command off.
pub(super) const LONGEST_COOLDOWN: Duration = Duration::from_secs(24 * 60 * 60);

/// The word in lower case, each alias once; the error says what a word may be.
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

/// Whether the text is one line of at most `longest` characters, without line ends and characters that change the
/// reading direction. Other invisible characters are parts of emoji.
pub(crate) fn is_line(text: &str, longest: usize) -> bool {
    let misleads = |character: char| matches!(character, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().count() <= longest && !text.chars().any(|character| character.is_control() || misleads(character))
}

pub(super) fn check_text_of_word(text: &str) -> Result<Box<str>, String> {
    // Lower-casing may lengthen a text, so it precedes the check of the length.
    let word = text.to_lowercase();
    let is_visible =
        |character: char| !character.is_whitespace() && !character.is_control() && !is_invisible(character);
    let is_word = (1..=LONGEST_WORD).contains(&word.chars().count()) && word.chars().all(is_visible);
    is_word
        .then(|| word.into_boxed_str())
        .ok_or_else(|| format!("a command word is 1 to {LONGEST_WORD} visible characters without spaces"))
}
