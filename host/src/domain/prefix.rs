//! The prefix that a chatter types before a command word.

use std::str::FromStr;

use super::id::text;

/// 1 to 5 visible characters, none of them a letter, a digit, `@`, `/` or `.`: letters would turn talk into commands,
/// `@` begins a mention, and Twitch uses `/` and `.` itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Box<str>);

text!(Prefix);

impl Default for Prefix {
    fn default() -> Self {
        Self("!".into())
    }
}

/// The text cannot be a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is 1 to 5 visible characters without letters, digits, @, / or .")]
pub struct ParsePrefixError;

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let is_prefix = (1..=5).contains(&text.chars().count()) && text.chars().all(may_stand_in_prefix);
        is_prefix.then(|| Self(text.into())).ok_or(ParsePrefixError)
    }
}

fn may_stand_in_prefix(character: char) -> bool {
    let is_drawn = !is_invisible(character) && !is_combining(character);
    let is_visible = is_drawn && !character.is_whitespace() && !character.is_control();
    is_visible && !character.is_alphanumeric() && !matches!(character, '@' | '/' | '.')
}

/// Accents that are drawn upon the preceding character: a lone one can be neither seen nor typed.
pub fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Characters that are not drawn: clients append some of them, and a prefix of them could not be seen.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_short_visible_and_no_letter() {
        for good in ["!", "?", "$$", "~>", "!!!!!", "«", "🎲"] {
            assert!(good.parse::<Prefix>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "a",
            "é",
            "1",
            "@",
            "/",
            ".",
            "! ",
            "!!!!!!",
            "\u{200b}",
            "!\u{e0000}",
            "!\n",
            "!.",
            "٣",
            "\u{301}",
            "!\u{20e3}",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad:?}");
        }
    }
}
