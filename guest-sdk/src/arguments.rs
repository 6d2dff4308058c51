//! Typed arguments, with errors that a chatter understands.

use std::fmt;
use std::time::Duration;

use crate::{Chatter, CommandError, spans};

/// The words after a command, taken from the front.
///
/// ```
/// use twitchy_sdk::{Amount, Arguments, CommandError, Mention};
///
/// let words = ["@Bob", "2.50", "thank", "you"].map(str::to_owned);
/// let mut arguments = Arguments::new(&words);
/// assert_eq!(arguments.required::<Mention>("chatter")?.as_str(), "bob");
/// assert_eq!(arguments.optional::<Amount>("amount")?.map(|amount| amount.to_string()).as_deref(), Some("2.50"));
/// assert_eq!(arguments.rest("text")?, "thank you");
/// arguments.end()?;
/// assert_eq!(arguments.required::<u32>("sides"), Err(CommandError::usage("sides is missing")));
/// # Ok::<(), CommandError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Arguments<'a> {
    words: &'a [String],
}

impl<'a> Arguments<'a> {
    /// Arguments made of any words, for example in a test. A call's own are [`crate::Invocation::arguments`].
    pub fn new(words: &'a [String]) -> Self {
        Self { words }
    }

    /// The next word as a `T`. `name` is its name in the usage line.
    ///
    /// # Errors
    /// [`CommandError::Usage`] if the word is missing or is no `T`.
    pub fn required<T: Argument>(&mut self, name: &str) -> Result<T, CommandError> {
        self.optional(name)?.ok_or_else(|| missing(name))
    }

    /// Like [`Arguments::required`], for a word that may be left out.
    ///
    /// # Errors
    /// [`CommandError::Usage`] if there is a word that is no `T`.
    pub fn optional<T: Argument>(&mut self, name: &str) -> Result<Option<T>, CommandError> {
        let Some((word, rest)) = self.words.split_first() else { return Ok(None) };
        self.words = rest;
        let parsed = T::parse(word)
            .ok_or_else(|| CommandError::usage([name, " should be ", T::EXPECTED, ", not ", &quote(word)].concat()))?;
        Ok(Some(parsed))
    }

    /// All remaining words, at least one, joined with blanks.
    ///
    /// # Errors
    /// [`CommandError::Usage`] if no word is left.
    pub fn rest(&mut self, name: &str) -> Result<String, CommandError> {
        let words = std::mem::take(&mut self.words);
        if words.is_empty() { Err(missing(name)) } else { Ok(words.join(" ")) }
    }

    /// Checks that no word is left.
    ///
    /// # Errors
    /// [`CommandError::Usage`] if a word is left.
    pub fn end(&self) -> Result<(), CommandError> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(CommandError::usage(["I don't know what to do with ", &quote(word)].concat())),
        }
    }
}

fn missing(name: &str) -> CommandError {
    CommandError::usage([name, " is missing"].concat())
}

/// A chatter's word in double quotation marks, cut if it is long. A word with such a mark gets single ones.
///
/// ```
/// assert_eq!(twitchy_sdk::arguments::quote("dnace"), "\"dnace\"");
/// ```
pub fn quote(word: &str) -> String {
    const LONGEST: usize = 30;
    let (shown, more) = word.char_indices().nth(LONGEST).map_or((word, ""), |(end, _)| (&word[..end], "..."));
    let mark = if shown.contains('"') { "'" } else { "\"" };
    [mark, shown, more, mark].concat()
}

/// A type that one word of a command can be parsed into.
///
/// ```
/// use twitchy_sdk::{Argument, Arguments, CommandError};
///
/// #[derive(Debug, PartialEq)]
/// enum Side {
///     Heads,
///     Tails,
/// }
///
/// impl Argument for Side {
///     const EXPECTED: &'static str = "heads or tails";
///
///     fn parse(word: &str) -> Option<Self> {
///         match word {
///             "heads" => Some(Side::Heads),
///             "tails" => Some(Side::Tails),
///             _ => None,
///         }
///     }
/// }
///
/// let words = ["edge".to_owned()];
/// let wrong = CommandError::usage("side should be heads or tails, not \"edge\"");
/// assert_eq!(Arguments::new(&words).required::<Side>("side"), Err(wrong));
/// ```
pub trait Argument: Sized {
    /// Completes "amount should be ...".
    const EXPECTED: &'static str;

    /// `None` if the word is not a value of this type.
    fn parse(word: &str) -> Option<Self>;
}

impl Argument for String {
    const EXPECTED: &'static str = "a word";

    fn parse(word: &str) -> Option<Self> {
        Some(word.to_owned())
    }
}

macro_rules! whole_numbers {
    ($($number:ty)*) => {$(
        impl Argument for $number {
            const EXPECTED: &'static str = "a whole number";

            fn parse(word: &str) -> Option<Self> {
                word.parse().ok()
            }
        }
    )*};
}

whole_numbers! { i32 i64 u32 u64 usize }

impl Argument for bool {
    const EXPECTED: &'static str = "on or off";

    fn parse(word: &str) -> Option<Self> {
        let is_one_of = |words: [&str; 3]| words.iter().any(|other| word.eq_ignore_ascii_case(other));
        if is_one_of(["on", "true", "yes"]) { Some(true) } else { is_one_of(["off", "false", "no"]).then_some(false) }
    }
}

impl Argument for Duration {
    const EXPECTED: &'static str = "a time like 90s, 5m or 1h30m";

    fn parse(word: &str) -> Option<Self> {
        spans::parse_span(word)
    }
}

/// An amount of a currency: an exact decimal number, kept as the text that the contract uses.
///
/// ```
/// use twitchy_sdk::{Amount, Argument};
///
/// assert_eq!(Amount::parse("2.50").unwrap().as_str(), "2.50");
/// assert_eq!(Amount::parse("much"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount(String);

impl Amount {
    /// The text as the chatter typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Argument for Amount {
    const EXPECTED: &'static str = "a number like 5 or 2.5";

    /// As in the contract, `"-"? digits ("." digits)?`, of at most 40 characters.
    fn parse(word: &str) -> Option<Self> {
        let number = word.strip_prefix('-').unwrap_or(word);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (word.len() <= 40 && is_digits(whole) && is_digits(fraction)).then(|| Self(word.to_owned()))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chatter's name in a message: "@Bob", "bob", "@アリス". Stored without the "@": a login in lower case, a display name
/// in other letters with its ASCII letters in lower case.
///
/// Only the spelling is checked; capabilities find the chatter. They accept a display name too if only one chatter in
/// the channel has it. If several have it, the host replies with their logins instead.
///
/// ```
/// use twitchy_sdk::{Argument, Invocation, Mention};
///
/// assert_eq!(Mention::parse("@Bob,").unwrap().as_str(), "bob");
///
/// fn is_own_name(mention: &Mention, invocation: &Invocation) -> bool {
///     mention.means(&invocation.chatter)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention(String);

impl Mention {
    /// The login, or the display name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is this chatter's login or display name.
    pub fn means(&self, chatter: &Chatter) -> bool {
        self.0 == chatter.login || self.0.to_lowercase() == chatter.display_name.to_lowercase()
    }
}

impl Argument for Mention {
    const EXPECTED: &'static str = "a name like @bob";

    /// A Twitch login has at most 25 letters, digits and underscores; a display name may have letters beyond ASCII.
    fn parse(word: &str) -> Option<Self> {
        let name = word.strip_prefix('@').unwrap_or(word);
        // Some clients complete a name with a comma after it.
        let name = name.strip_suffix(',').unwrap_or(name);
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
        let is_name = (1..=25).contains(&name.chars().count()) && name.chars().all(is_part);
        is_name.then(|| Self(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn refusal<T: Argument + fmt::Debug>(text: &str) -> CommandError {
        Arguments::new(&words(text)).required::<T>("it").unwrap_err()
    }

    #[test]
    fn words_are_taken_in_order() {
        let words = words("@Bob 2.50 thank you so much");
        let mut arguments = Arguments::new(&words);
        assert_eq!(arguments.required::<Mention>("chatter").unwrap().as_str(), "bob");
        assert_eq!(arguments.required::<Amount>("amount").unwrap().as_str(), "2.50");
        assert_eq!(arguments.rest("text").unwrap(), "thank you so much");
        assert_eq!(arguments.optional::<String>("more"), Ok(None));
        assert_eq!(arguments.end(), Ok(()));
    }

    #[test]
    fn a_wrong_word_is_explained() {
        assert_eq!(refusal::<Amount>(""), CommandError::usage("it is missing"));
        assert_eq!(refusal::<Amount>("much"), CommandError::usage("it should be a number like 5 or 2.5, not \"much\""));
        assert_eq!(refusal::<i64>("2.5"), CommandError::usage("it should be a whole number, not \"2.5\""));
        assert_eq!(refusal::<bool>("maybe"), CommandError::usage("it should be on or off, not \"maybe\""));
        assert_eq!(refusal::<Mention>("@b.b"), CommandError::usage("it should be a name like @bob, not \"@b.b\""));
    }

    #[test]
    fn a_word_with_a_quotation_mark_is_told_between_others() {
        let said = "it should be a name like @bob, not '\"alice'";
        assert_eq!(refusal::<Mention>("\"alice"), CommandError::usage(said));
        assert_eq!(refusal::<u64>("5\""), CommandError::usage("it should be a whole number, not '5\"'"));
    }

    #[test]
    fn a_word_too_many_is_refused() {
        let words = words("one two");
        let mut arguments = Arguments::new(&words);
        assert_eq!(arguments.required::<String>("it"), Ok("one".to_owned()));
        assert_eq!(arguments.end(), Err(CommandError::usage("I don't know what to do with \"two\"")));
    }

    #[test]
    fn a_long_word_is_cut_between_characters() {
        let text = "ü".repeat(400);
        let Err(CommandError::Usage(said)) = Arguments::new(&[text]).end() else { panic!("it was accepted") };
        assert_eq!(said, format!("I don't know what to do with \"{}...\"", "ü".repeat(30)));
    }

    #[test]
    fn amounts_are_exact_decimals_and_nothing_else() {
        for good in ["0", "5", "-5", "2.50", "007", "123456789012345678901234567890.5"] {
            assert_eq!(Amount::parse(good).unwrap().as_str(), good);
        }
        let long = "1".repeat(41);
        for bad in ["", "-", ".5", "5.", "1e3", "1,5", "+5", "5..1", "--5", "\u{0665}", "NaN", &long] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_mention_is_a_login_or_a_display_name() {
        for (text, login) in [("@Bob", "bob"), ("bob_2", "bob_2"), ("@bob,", "bob"), ("bob,", "bob")] {
            assert_eq!(Mention::parse(text).unwrap().as_str(), login);
        }
        for (text, name) in [("@アリス", "アリス"), ("аня,", "аня"), ("@Böb", "böb")] {
            assert_eq!(Mention::parse(text).unwrap().as_str(), name);
        }
        for bad in ["", "@", ",", "b b", "@@bob", "@b.b", "ア/", "id:1", &"b".repeat(26), &"ア".repeat(26)] {
            assert_eq!(Mention::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn switches_have_several_words() {
        assert_eq!(["on", "TRUE", "yes"].map(bool::parse), [Some(true); 3]);
        assert_eq!(["off", "false", "No"].map(bool::parse), [Some(false); 3]);
        assert_eq!(bool::parse("1"), None);
    }
}
