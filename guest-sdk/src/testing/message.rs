//! Splits a chat message into the command word and its arguments, as the host does.

/// A message that calls a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) word: String,
    pub(super) arguments: Vec<String>,
    /// The text after the word, as typed.
    pub(super) text: String,
}

/// Parses `!word ...` with the channel's prefix, or `@bot word ...`; `None` for talk.
pub(super) fn parse_message(message: &str, prefix: &str, bot: &str) -> Option<Message> {
    let message = message.trim();
    let call = message.strip_prefix(prefix).or_else(|| {
        let (name, rest) = message.strip_prefix('@')?.split_once([' ', ',', ':'])?;
        let rest = rest.trim_start();
        name.eq_ignore_ascii_case(bot).then(|| rest.strip_prefix(prefix).unwrap_or(rest))
    })?;
    let (word, text) = call.split_once(char::is_whitespace).unwrap_or((call, ""));
    let text = text.trim().to_owned();
    (!word.is_empty()).then(|| Message { word: word.to_lowercase(), arguments: split_arguments(&text), text })
}

/// A quotation mark opens only at the start of an argument and closes only at the end of one; any other is an ordinary
/// character.
fn split_arguments(text: &str) -> Vec<String> {
    let (mut arguments, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (argument, after) =
            split_quoted(rest).unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        arguments.push(argument.to_owned());
        rest = after.trim_start();
    }
    arguments
}

fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let closing: &[char] = match text.chars().next()? {
        '"' => &['"'],
        '\u{201C}' | '\u{201D}' => &['\u{201C}', '\u{201D}'],
        '\u{201E}' => &['\u{201D}', '\u{201C}'],
        '«' => &['»'],
        '»' => &['«', '»'],
        '「' => &['」'],
        '『' => &['』'],
        '\u{FF02}' => &['\u{FF02}'],
        _ => return None,
    };
    let quoted = text.get(text.chars().next()?.len_utf8()..)?;
    quoted.match_indices(closing).find_map(|(end, mark)| {
        let after = &quoted[end + mark.len()..];
        (after.is_empty() || after.starts_with(char::is_whitespace)).then(|| (&quoted[..end], after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_or_a_mention_of_the_bot_calls() {
        let call = |message| parse_message(message, "!", "twitchy");
        let hug =
            Message { word: "hug".into(), arguments: vec!["a b".into(), "c\"d".into()], text: "\"a b\"  c\"d".into() };
        assert_eq!(call("  !HUG \"a b\"  c\"d "), Some(hug));
        assert_eq!(call("@Twitchy, hug").map(|message| message.word), Some("hug".to_owned()));
        assert_eq!(call("!say \"a b").unwrap().arguments, ["\"a", "b"]);
        for talk in ["hug", "!", "! hug", "@alice hug", ""] {
            assert_eq!(call(talk), None, "{talk}");
        }
    }
}
