//! How Twitch changes the text of a message, as pure functions.

/// Characters (code points, not bytes) that a message keeps; IRC cuts off the rest without a NOTICE. Source: the
/// documentation of Send Chat Message, and pajlada's tmi-rate-limits for the cutting.
pub(crate) const MAX_CHARS: usize = 500;

/// A few of the global emotes, with their ids: enough for the `emotes` tag and for emote-only mode.
const GLOBAL_EMOTES: [(&str, &str); 5] =
    [("Kappa", "25"), ("LUL", "425618"), ("HeyGuys", "30259"), ("SeemsGood", "64138"), ("NotLikeThis", "58765")];

/// A message classified by its first characters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Leading<'a> {
    Plain(&'a str),
    /// `/me text`, `.me text` or the CTCP form that IRC clients send for them.
    Action(&'a str),
    /// `.foo bar`: Twitch drops the first word and delivers the rest (twitchdev/issues#1019).
    Eaten(&'a str),
    /// A withdrawn command, or only a word after the `/`: refused with `unrecognized_cmd`.
    Unrecognized(&'a str),
}

/// The chat commands that Twitch withdrew from IRC in February 2023 (the documentation's irc/chat-commands).
const WITHDRAWN: &str = " announce ban block clear color commercial delete disconnect emoteonly emoteonlyoff followers \
    followersoff help host marker mod mods raid slow slowoff subscribers subscribersoff timeout unban unblock \
    uniquechat uniquechatoff unhost unmod unraid untimeout unvip vip vips w ";

/// The first 500 code points of `text`.
pub(crate) fn cut(text: &str) -> &str {
    text.char_indices().nth(MAX_CHARS).map_or(text, |(end, _)| &text[..end])
}

/// Removes characters of the Unicode block of tags, as Twitch does: texts that differ only in those are duplicates
/// (Chatterino/chatterino2#6417).
pub(crate) fn without_tags(text: &str) -> String {
    text.chars().filter(|character| !matches!(character, '\u{E0000}'..='\u{E0FFF}')).collect()
}

/// The form in which two messages are compared: without outer spaces, and with single inner ones.
pub(crate) fn collapse(text: &str) -> String {
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Classifies a text by its first characters.
pub(crate) fn parse_leading(text: &str) -> Leading<'_> {
    if let Some(action) = text.strip_prefix("\u{1}ACTION ") {
        return Leading::Action(action.strip_suffix('\u{1}').unwrap_or(action));
    }
    let Some(command) = text.strip_prefix(['/', '.']) else { return Leading::Plain(text) };
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim_start_matches(' ');
    let withdrawn = WITHDRAWN.split(' ').any(|name| !name.is_empty() && name.eq_ignore_ascii_case(word));
    if rest.is_empty() || withdrawn {
        Leading::Unrecognized(word)
    } else if word.eq_ignore_ascii_case("me") {
        Leading::Action(rest)
    } else {
        Leading::Eaten(rest)
    }
}

/// Whether `text` has control characters, including NUL, which no chat message may have.
pub(crate) fn has_control_characters(text: &str) -> bool {
    text.chars().any(|c| c.is_control())
}

/// The `emotes` tag: `id:first-last,first-last/id:...`, in code points. `text` is the displayed text: with the mention
/// that begins a reply, without the wrapping of an action.
pub(crate) fn emotes_tag(text: &str) -> String {
    let mut ranges: Vec<(&str, Vec<String>)> = Vec::new();
    for (start, word) in words(text) {
        let Some(id) = emote_id(word) else { continue };
        let range = format!("{start}-{}", start + word.chars().count() - 1);
        match ranges.iter_mut().find(|(known, _)| *known == id) {
            Some((_, places)) => places.push(range),
            None => ranges.push((id, vec![range])),
        }
    }
    ranges.iter().map(|(id, places)| format!("{id}:{}", places.join(","))).collect::<Vec<_>>().join("/")
}

/// Whether `text` may pass in emote-only mode.
pub(crate) fn is_emotes_only(text: &str) -> bool {
    words(text).all(|(_, word)| emote_id(word).is_some())
}

fn emote_id(word: &str) -> Option<&'static str> {
    GLOBAL_EMOTES.iter().find(|(name, _)| *name == word).map(|(_, id)| *id)
}

/// The words of `text`, each with the number of code points before it.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut before = 0;
    text.split(' ').filter_map(move |word| {
        let start = before;
        before += word.chars().count() + 1;
        (!word.is_empty()).then_some((start, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_500_code_points_and_not_at_bytes() {
        let long = "ü".repeat(501);
        assert_eq!(cut(&long).chars().count(), 500);
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn spaces_are_collapsed_before_two_messages_are_compared() {
        assert_eq!(collapse("  a   b "), "a b");
        assert_ne!(collapse("a b"), collapse("a b \u{e0000}"));
    }

    #[test]
    fn leading_characters_are_read_as_twitch_reads_them() {
        assert_eq!(parse_leading("hello"), Leading::Plain("hello"));
        assert_eq!(parse_leading(" /ban alice"), Leading::Plain(" /ban alice"));
        assert_eq!(parse_leading("/me waves"), Leading::Action("waves"));
        assert_eq!(parse_leading(".me waves"), Leading::Action("waves"));
        assert_eq!(parse_leading("\u{1}ACTION waves\u{1}"), Leading::Action("waves"));
        assert_eq!(parse_leading("/me"), Leading::Unrecognized("me"));
        assert_eq!(parse_leading(".foo bar"), Leading::Eaten("bar"));
        assert_eq!(parse_leading(". bar"), Leading::Eaten("bar"));
        assert_eq!(parse_leading(".foo"), Leading::Unrecognized("foo"));
        assert_eq!(parse_leading("/ban alice"), Leading::Unrecognized("ban"));
        assert_eq!(parse_leading("/W alice hi"), Leading::Unrecognized("W"));
    }

    #[test]
    fn emotes_are_placed_by_code_points() {
        assert_eq!(emotes_tag("Kappa für Kappa LUL"), "25:0-4,10-14/425618:16-18");
        assert_eq!(emotes_tag("nothing here"), "");
        assert!(is_emotes_only("Kappa  LUL"));
        assert!(!is_emotes_only("Kappa !balance"));
    }
}
