//! Splits a text into the command word and its arguments. Pure.

use crate::domain::calling::{find_call, skip_filler, skip_marks, trim_filler};
use crate::domain::id::Login;
use crate::domain::prefix::Prefix;

/// A text that calls a command, provided that a module has its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// In lower case, without the prefix.
    pub word: Box<str>,
    /// The words after the command, quotes resolved.
    pub arguments: Vec<String>,
    /// Everything after the command as typed, without the filler that clients append.
    pub text: String,
}

/// Parses `text` as a call by the channel's prefix or by a mention of the bot (see [`find_call`]).
pub fn route(text: &str, prefix: &Prefix, bot: &Login, is_reply: bool) -> Option<Routed> {
    let call = find_call(text, prefix, bot, is_reply)?;
    let (word, rest) = call.split_once(char::is_whitespace).unwrap_or((call, ""));
    Some(route_rest(word, rest))
}

/// A call of `word`, followed by `rest`.
pub fn route_rest(word: &str, rest: &str) -> Routed {
    let text = skip_filler(rest);
    Routed { word: trim_filler(word).to_lowercase().into(), arguments: split_arguments(text), text: text.into() }
}

/// The arguments as a chatter would type them: in quotes where they would otherwise split.
pub fn join_arguments(arguments: &[String]) -> String {
    let quote = |argument: &String| if needs_quotes(argument) { format!("\"{argument}\"") } else { argument.clone() };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Whether the argument, without quotes, would split or lose its beginning or end.
fn needs_quotes(argument: &str) -> bool {
    let is_whole = skip_filler(argument) == argument && trim_filler(argument) == argument;
    let begins_quote = argument.chars().next().and_then(find_closing).is_some();
    argument.is_empty() || argument.contains(char::is_whitespace) || !is_whole || begins_quote
}

/// Splits at white space outside of quotes. A quote opens only at the start of an argument, and closes only at the end
/// of one. Every other quote is an ordinary character, like an apostrophe. Invisible marks around an argument are
/// dropped unless they are quoted.
fn split_arguments(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut rest = skip_filler(text);
    while !rest.is_empty() {
        let (argument, after) = split_quoted(rest).unwrap_or_else(|| {
            let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            (trim_filler(word), after)
        });
        arguments.push(argument.into());
        rest = skip_filler(after);
    }
    arguments
}

/// The text between a leading quote and its closing one, and the text after it.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let opening = text.chars().next()?;
    let closing = find_closing(opening)?;
    let quoted = &text[opening.len_utf8()..];
    quoted.match_indices(closing).find_map(|(end, quote)| {
        let after = skip_marks(&quoted[end + quote.len()..]);
        (after.is_empty() || after.starts_with(char::is_whitespace)).then(|| (&quoted[..end], after))
    })
}

/// The quotes that close `opening`: the straight one, and the forms that keyboards and languages use (Unicode's
/// Standard, chapter 6.2, "Language-based usage of quotation marks").
fn find_closing(opening: char) -> Option<&'static [char]> {
    Some(match opening {
        '"' => &['"'],
        // English; the opening one also closes in German; in Swedish the closing one is both.
        '\u{201C}' | '\u{201D}' => &['\u{201C}', '\u{201D}'],
        // Polish, and German.
        '\u{201E}' => &['\u{201D}', '\u{201C}'],
        '«' => &['»'],
        '»' => &['«', '»'],
        '「' => &['」'],
        '『' => &['』'],
        '\u{FF02}' => &['\u{FF02}'],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bot() -> Login {
        "twitchy".parse().unwrap()
    }

    fn route_under(prefix: &str, text: &str, is_reply: bool) -> Option<Routed> {
        route(text, &prefix.parse().unwrap(), &bot(), is_reply)
    }

    fn routed(word: &str, arguments: &[&str], text: &str) -> Option<Routed> {
        let arguments = arguments.iter().map(|&argument| argument.into()).collect();
        Some(Routed { word: word.into(), arguments, text: text.into() })
    }

    #[track_caller]
    fn check(text: &str, expected: Option<Routed>) {
        assert_eq!((text, route_under("!", text, false)), (text, expected));
    }

    #[track_caller]
    fn check_reply(text: &str, expected: Option<Routed>) {
        assert_eq!((text, route_under("!", text, true)), (text, expected));
    }

    #[test]
    fn a_word_right_after_the_prefix_is_a_call() {
        check("!balance", routed("balance", &[], ""));
        check("  !balance   @Bob  ", routed("balance", &["@Bob"], "@Bob"));
        check("balance", None);
        check("so !balance it is", None);
        check("!", None);
        check("! balance", None);
        check("!!balance", routed("!balance", &[], ""));
        check("", None);
    }

    #[test]
    fn each_channel_has_its_own_prefix() {
        assert_eq!(route_under("~>", "~>help", false), routed("help", &[], ""));
        assert_eq!(route_under("🎲", "🎲roll 2d6", false), routed("roll", &["2d6"], "2d6"));
        assert_eq!(route_under("?", "!help", false), None);
    }

    #[test]
    fn a_mention_of_the_bot_works_whatever_the_prefix() {
        for text in ["@twitchy help", "@Twitchy, help", "@TWITCHY: help", "@twitchy,help", "@twitchy ?help"] {
            assert_eq!(route_under("?", text, false), routed("help", &[], ""), "{text:?}");
        }
        for text in
            ["@twitchy", "@twitchybot help", "@twitchy_ help", "twitchy help", "@twitchy ? help", "@twitch help"]
        {
            assert_eq!(route_under("?", text, false), None, "{text:?}");
        }
    }

    #[test]
    fn the_mention_that_a_client_puts_before_a_reply_is_skipped() {
        check_reply("@alice !balance", routed("balance", &[], ""));
        check_reply("@アリス @twitchy balance", routed("balance", &[], ""));
        check_reply("@twitchy !balance", routed("balance", &[], ""));
        check_reply("@twitchy @twitchy balance", routed("balance", &[], ""));
        check_reply("@twitchy balance", routed("balance", &[], ""));
        check_reply("!balance @bob", routed("balance", &["@bob"], "@bob"));
        check_reply("@alice balance", None);
        check_reply("@alice @bob !balance", None);
        check("@alice !balance", None);
    }

    #[test]
    fn words_are_lowered_and_arguments_are_not() {
        check("!BaLance BOB", routed("balance", &["BOB"], "BOB"));
        check("!ÜBUNG", routed("übung", &[], ""));
        check("!ПОГОДА Москва", routed("погода", &["Москва"], "Москва"));
    }

    #[test]
    fn quotes_hold_an_argument_together() {
        check(r#"!set "a b" c"#, routed("set", &["a b", "c"], r#""a b" c"#));
        check(r#"!set """#, routed("set", &[""], r#""""#));
        check(r#"!set "a "b" c""#, routed("set", &[r#"a "b"#, r#"c""#], r#""a "b" c""#));
    }

    #[test]
    fn an_unbalanced_quote_is_taken_literally() {
        check(r#"!say "a b"#, routed("say", &["\"a", "b"], "\"a b"));
        check(r#"!say 5" tall"#, routed("say", &["5\"", "tall"], "5\" tall"));
        check(r#"!say a"b c"d"#, routed("say", &["a\"b", "c\"d"], "a\"b c\"d"));
        check(r#"!say ""#, routed("say", &["\""], "\""));
    }

    #[test]
    fn ids_decimals_and_apostrophes_stay_whole() {
        let id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        check(&format!("!redeem {id} 0.25"), routed("redeem", &[id, "0.25"], &format!("{id} 0.25")));
        check("!say it's 'so'", routed("say", &["it's", "'so'"], "it's 'so'"));
    }

    #[test]
    fn filler_goes_and_emoji_stay() {
        for filler in ["\u{E0000}", " \u{E0000}", " \u{34F}", "\u{200B} \u{2800}", " \u{3164}\u{FEFF}", "\u{200D}"] {
            check(&format!("!balance{filler}"), routed("balance", &[], ""));
            check(&format!("!balance bob{filler}"), routed("balance", &["bob"], "bob"));
        }
        for emoji in ["❤\u{FE0F}", "👩\u{200D}🚀", "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}"] {
            check(&format!("!say {emoji} \u{E0000}"), routed("say", &[emoji], emoji));
        }
    }

    #[test]
    fn quotes_as_keyboards_type_them_are_quotes() {
        for typed in ["“b c”", "„b c“", "„b c”", "”b c”", "«b c»", "»b c«", "「b c」", "『b c』", "＂b c＂", "“b c“"]
        {
            check(&format!("!echo-args a {typed} d"), routed("echo-args", &["a", "b c", "d"], &format!("a {typed} d")));
            let rest = format!("prefix {}", typed.replace("b c", "?"));
            check(&format!("!settings {rest}"), routed("settings", &["prefix", "?"], &rest));
        }
        // A quote on its own or within a word is an ordinary character.
        for (typed, arguments) in [
            ("a “b c", &["a", "“b", "c"][..]),
            ("prefix «", &["prefix", "«"]),
            ("5” tall”", &["5”", "tall”"]),
            ("it’s ‘so’", &["it’s", "‘so’"]),
            ("“say “no” now” x", &["say “no", "now”", "x"]),
        ] {
            check(&format!("!say {typed}"), routed("say", arguments, typed));
        }
    }

    #[test]
    fn invisible_marks_around_a_word_are_no_part_of_it() {
        for mark in ["\u{200E}", "\u{200F}", "\u{200B}", "\u{FEFF}", "\u{2068}", "\u{202B}", "\u{2060}", "\u{061C}"] {
            for text in [
                format!("{mark}!balance"),
                format!("!{mark}balance"),
                format!("!balance{mark}"),
                format!(" {mark} !balance"),
            ] {
                check(&text, routed("balance", &[], ""));
            }
            for text in [
                format!("@twitchy {mark}balance"),
                format!("{mark}@twitchy{mark} balance"),
                format!("@{mark}twitchy, {mark}!balance"),
            ] {
                check(&text, routed("balance", &[], ""));
            }
            let arguments = |text: &str| route_under("!", text, false).unwrap().arguments;
            assert_eq!(arguments(&format!("!balance {mark}@bob")), ["@bob"]);
            assert_eq!(arguments(&format!("!give{mark} {mark}@bob{mark} {mark}5 x")), ["@bob", "5", "x"]);
            assert_eq!(arguments(&format!("!say {mark}“a b”{mark} c")), ["a b", "c"]);
            // A mark inside an argument stays: the chatter may mean it.
            assert_eq!(arguments(&format!("!say a{mark}b \"{mark}c\"")), [format!("a{mark}b"), format!("{mark}c")]);
            check_reply(&format!("@alice {mark}!balance"), routed("balance", &[], ""));
            check(&format!("!{mark} balance"), None);
            check(&format!("bal{mark}!balance"), None);
        }
    }

    fn render_argument(argument: &str) -> String {
        if needs_quotes(argument) { format!("\"{argument}\"") } else { argument.into() }
    }

    proptest! {
        #[test]
        fn any_text_is_routed_without_a_panic(text in any::<String>(), lead in "(!|@twitchy|@)?[ ,:\"]{0,3}", reply: bool) {
            let text = format!("{lead}{text}");
            if let Some(routed) = route_under("!", &text, reply) {
                prop_assert!(!routed.word.is_empty() && !routed.word.contains(char::is_whitespace));
                prop_assert_eq!(&*routed.word.to_lowercase(), &*routed.word);
                prop_assert!(text.contains(&routed.text));
                prop_assert!(routed.arguments.iter().all(|argument| routed.text.contains(argument)));
            }
        }

        #[test]
        fn a_rendered_call_gives_back_its_arguments(
            word in "[a-zà-ö0-9-]{1,12}",
            arguments in proptest::collection::vec("[^\"]{0,12}", 0..6),
        ) {
            let typed: Vec<String> = arguments.iter().map(|argument| render_argument(argument)).collect();
            let call = format!("{word} {}", typed.join(" "));
            let expected = routed(&word, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), &typed.join(" "));

            prop_assert_eq!(&route_under("!", &format!("!{call} \u{E0000}"), false), &expected);
            prop_assert_eq!(&route_under("?", &format!("@Twitchy, {call}"), false), &expected);
        }

        #[test]
        fn joined_arguments_are_split_again(arguments in proptest::collection::vec("[^\"]{0,12}", 0..6)) {
            prop_assert_eq!(route_rest("Say", &join_arguments(&arguments)).arguments, arguments);
        }

        #[test]
        fn text_without_prefix_or_mention_is_talk(text in "[^!@]{0,40}", reply: bool) {
            prop_assert_eq!(route_under("!", &text, reply), None);
        }
    }
}
