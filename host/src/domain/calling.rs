//! What makes a text a call of a command. Asked of each line of chat, most of which are none: cheap, and pure.

use super::id::Login;
use super::prefix::{Prefix, is_invisible};

/// The call in `text`: the command's word and what follows it, without filler at the end; never empty. Invisible marks
/// before the prefix, the mention and the word are passed over: dictation and right-to-left keyboards put them there.
///
/// `!word ...` under the channel's prefix, or `@bot word ...` under any. The word follows the prefix at once: `! no way`
/// is talk. After a mention there is a space, a comma or a colon, and the prefix may be typed too. In a threaded reply
/// (`is_reply`) clients put `@someone ` before what was typed, and so the text after it may be the call.
pub fn find_call<'a>(text: &'a str, prefix: &Prefix, bot: &Login, is_reply: bool) -> Option<&'a str> {
    let text = skip_filler(text);
    // Nearly all talk ends here.
    if !text.starts_with('@') && !text.starts_with(prefix.as_str()) {
        return None;
    }
    let text = trim_filler(text);
    let typed = if is_reply { skip_mention(text) } else { None };
    // A reply to the bot itself starts with its mention either way: "@bot @bot settings" is tried before "@bot settings".
    typed.and_then(|typed| strip_calling(typed, prefix, bot)).or_else(|| strip_calling(text, prefix, bot))
}

/// What follows the prefix or the mention; never empty, and starts with the word.
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

/// What follows `@bot` and the space, comma or colon that ends the mention.
fn strip_mention<'a>(text: &'a str, bot: &Login) -> Option<&'a str> {
    let mention = skip_marks(text.strip_prefix('@')?);
    let (name, rest) = mention.split_at_checked(bot.as_str().len())?;
    let rest = skip_marks(rest);
    let ends_mention = |c: char| c.is_whitespace() || matches!(c, ',' | ':');
    let is_mention = name.eq_ignore_ascii_case(bot.as_str()) && rest.starts_with(ends_mention);
    is_mention.then(|| skip_filler(rest.strip_prefix([',', ':']).unwrap_or(rest)))
}

/// What follows a leading mention of anybody.
fn skip_mention(text: &str) -> Option<&str> {
    let (_, rest) = text.strip_prefix('@')?.split_once(char::is_whitespace)?;
    Some(skip_filler(rest))
}

/// What follows the white space and the invisible marks at the start.
pub fn skip_filler(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// What follows the invisible marks at the start.
pub fn skip_marks(text: &str) -> &str {
    text.trim_start_matches(is_invisible)
}

/// Clients append invisible characters, so that Twitch does not take a text for a repetition of the last one.
pub fn trim_filler(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_whitespace() || is_invisible(c) && !may_end_emoji(c))
}

/// A variation selector or a tag belongs to the emoji before it: without them the heart is black and Scotland's flag
/// is a black one.
fn may_end_emoji(character: char) -> bool {
    matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}
