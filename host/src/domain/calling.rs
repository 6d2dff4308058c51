//! Recognises whether a text calls a command. This runs for each chat line, most of which are talk: cheap, and pure.

use super::id::Login;
use super::prefix::{Prefix, is_invisible};

/// The call in `text`: the command word and the text after it, without filler at the end; never empty. Invisible marks
/// before the prefix, the mention and the word are ignored: dictation and right-to-left keyboards insert them.
///
/// A call is `!word ...` with the channel's prefix, or `@bot word ...` with any prefix. The word follows the prefix at
/// once: `! no way` is talk. A mention ends with a space, a comma or a colon; a prefix may follow. In a threaded reply
/// (`is_reply`) clients put `@someone ` before the typed text, so the text after that mention may be the call.
pub fn find_call<'a>(text: &'a str, prefix: &Prefix, bot: &Login, is_reply: bool) -> Option<&'a str> {
    let text = skip_filler(text);
    // Nearly all talk ends here.
    if !text.starts_with('@') && !text.starts_with(prefix.as_str()) {
        return None;
    }
    let text = trim_filler(text);
    let typed = if is_reply { skip_mention(text) } else { None };
    // A reply to the bot itself starts with the bot's mention in any case, so "@bot @bot settings" is tried first.
    typed.and_then(|typed| strip_calling(typed, prefix, bot)).or_else(|| strip_calling(text, prefix, bot))
}

/// The text after the prefix or the mention; never empty, and starts with the word.
fn strip_calling<'a>(text: &'a str, prefix: &Prefix, bot: &Login) -> Option<&'a str> {
    let call = match text.strip_prefix(prefix.as_str()) {
        Some(call) => call,
        None => {
            let call = strip_mention(text, bot)?;
            call.strip_prefix(prefix.as_str()).unwrap_or(call)
        }
    };
    let call = skip_marks(call);
    (!call.is_empty() && !call.starts_with(char::is_whitespace)).then_some(call)
}

/// The text after `@bot` and the space, comma or colon that ends the mention.
fn strip_mention<'a>(text: &'a str, bot: &Login) -> Option<&'a str> {
    let mention = skip_marks(text.strip_prefix('@')?);
    let (name, rest) = mention.split_at_checked(bot.as_str().len())?;
    let rest = skip_marks(rest);
    let ends_mention = |c: char| c.is_whitespace() || matches!(c, ',' | ':');
    let is_mention = name.eq_ignore_ascii_case(bot.as_str()) && rest.starts_with(ends_mention);
    is_mention.then(|| skip_filler(rest.strip_prefix([',', ':']).unwrap_or(rest)))
}

/// The text after a leading mention of anyone.
fn skip_mention(text: &str) -> Option<&str> {
    let (_, rest) = text.strip_prefix('@')?.split_once(char::is_whitespace)?;
    Some(skip_filler(rest))
}

/// The text without white space and invisible marks at the start.
pub fn skip_filler(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// The text without invisible marks at the start.
pub fn skip_marks(text: &str) -> &str {
    text.trim_start_matches(is_invisible)
}

/// The text without filler at the end: clients append invisible characters, lest Twitch drop a message as a repetition.
pub fn trim_filler(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_whitespace() || is_invisible(c) && !may_end_emoji(c))
}

/// A variation selector or a tag belongs to the emoji before it: without it, the red heart turns black, and Scotland's
/// flag becomes a plain black one.
fn may_end_emoji(character: char) -> bool {
    matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}
