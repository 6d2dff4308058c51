//! Turns a reply into the texts that are sent. Pure.
//!
//! A module may reply anything, and often repeats what a chatter told it. So each piece, after splitting, is made
//! harmless: it is one line, it reads in the direction in which it was written, Twitch takes it for a message and not
//! for a command, and no other bot takes it for a call.

use std::collections::VecDeque;

use unicode_segmentation::GraphemeCursor;

use crate::domain::message::Reply;
use crate::domain::prefix::{is_combining, is_invisible};

/// Characters per message, as code points, not bytes. Twitch silently cuts off the rest (tmi-rate-limits; the reference
/// of Send Chat Message).
const MAX_CHARS: usize = 500;
/// More than a module's longest reply needs; the rest of a longer text is not sent.
const MAX_PIECES: usize = 6;
/// The frame of an action is sent too, and Twitch does not document whether it counts.
const ACTION_CHARS: usize = "\u{1}ACTION \u{1}".len();
/// Put before a text that would be a command. It is visible on purpose: Twitch or the other bot could strip an
/// invisible character, which would restore the command.
const MARK: char = '·';
/// Each calls some bot, and begins no word of a sentence.
const BOT_PREFIXES: [char; 16] = ['!', '$', '?', '%', '&', '*', '+', '-', '=', '~', '^', '|', '\\', ';', ',', '>'];
/// Each calls a bot only before a letter: "#1", "<3", ":)" and "£5" are talk. Quotes and brackets are in neither list,
/// because a sentence may begin with one.
const BOT_PREFIXES_BEFORE_LETTERS: [char; 13] = ['#', '<', ':', '_', '`', '§', '£', '€', '¥', '¢', '¬', '¦', '°'];
/// Distance from an ASCII character to its full-width form, which East Asian keyboards type instead.
const TO_FULL_WIDTH: u32 = '！' as u32 - '!' as u32;
/// COMBINING GRAPHEME JOINER, which is drawn as nothing. Twitch keeps it. Twitch drops the block that begins with
/// U+E0000, so a text varied with that block is a duplicate again (Chatterino/chatterino2#6417).
const JOINER: char = '\u{34F}';
/// BRAILLE PATTERN BLANK: a symbol drawn as a space, so that a server which drops joiners or trims spaces keeps it.
const BLANK: char = '\u{2800}';
/// Replacements for a space.
const WIDE_SPACES: [char; 3] = ['\u{A0}', '\u{2002}', '\u{2003}'];

/// The number of ways to send one text. Successive ones vary it by different means: a server may undo one of them.
pub(super) const VARIANTS: usize = 1 + WIDE_SPACES.len();

/// One message, complete except for its variation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_action: bool,
}

/// Cleans, splits and defuses a reply. Pieces that end up empty are left out.
pub(super) fn render(reply: &Reply, may_call_bots: bool) -> VecDeque<Piece> {
    let (text, is_action) = match reply {
        Reply::Say(text) | Reply::Answer(text) => (text, false),
        Reply::Action(text) => (text, true),
    };
    let room = if is_action { MAX_CHARS - ACTION_CHARS } else { MAX_CHARS };
    let texts = split(&clean(text), room, may_call_bots);
    texts.into_iter().map(|text| Piece { text, is_action }).collect()
}

impl Piece {
    /// The text in one of its [`VARIANTS`], which look the same but differ; 0 is the plain text.
    pub(super) fn vary(&self, variant: usize) -> String {
        let Some(change) = variant.checked_sub(1) else { return self.text.clone() };
        let wide = WIDE_SPACES[change % WIDE_SPACES.len()];
        let varied = match (change, self.text.rsplit_once(' ')) {
            (0, _) => format!("{} {JOINER}", self.text),
            (1, Some((before, after))) => format!("{before}  {after}"),
            (1, None) => format!("{} {BLANK}", self.text),
            (_, Some(_)) => self.with_wide_space(wide),
            (_, None) => format!("{} {JOINER}{JOINER}", self.text),
        };
        let frame = if self.is_action { ACTION_CHARS } else { 0 };
        if varied.chars().count() + frame > MAX_CHARS { self.with_wide_space(wide) } else { varied }
    }

    /// A single word that fills the message stays unchanged: losing its repetition does no harm.
    fn with_wide_space(&self, wide: char) -> String {
        match self.text.rsplit_once(' ') {
            Some((before, after)) => format!("{before}{wide}{after}"),
            None => self.text.clone(),
        }
    }
}

/// Line ends and indentation become a single space. Other control characters are removed, and so are characters that
/// override the direction of writing. Mere direction marks stay: Arabic and Hebrew need them.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' | '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' if clean.ends_with(' ') => {}
            ' ' | '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push(' '),
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {}
            _ if character.is_control() => {}
            _ => clean.push(character),
        }
    }
    clean
}

fn split(text: &str, room: usize, may_call_bots: bool) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = skip_unseen(text);
    while !rest.is_empty() && pieces.len() < MAX_PIECES {
        let mark = needs_mark(rest, may_call_bots).then_some(MARK);
        let (head, tail) = cut(rest, room - usize::from(mark.is_some()));
        pieces.push(mark.into_iter().chain(head.trim_end().chars()).collect());
        rest = skip_unseen(tail);
    }
    pieces
}

/// Removes invisible characters from the start: they would hide the next character from us, but not from other bots.
/// Leading accents go too, because they would be drawn on the text before the message.
fn skip_unseen(text: &str) -> &str {
    text.trim_start_matches(|character: char| {
        character.is_whitespace() || is_invisible(character) || is_combining(character)
    })
}

/// Twitch takes a leading `/` or `.` for itself in every channel, whatever follows (`.foo bar` is delivered as `bar`,
/// twitchdev/issues#1019).
fn needs_mark(text: &str, may_call_bots: bool) -> bool {
    let mut characters = text.chars().map(to_ascii_width);
    let (first, second) = (characters.next(), characters.next());
    let calls_bot = |first: char| {
        let is_before_letter = second.is_some_and(char::is_alphabetic);
        BOT_PREFIXES.contains(&first) || is_before_letter && BOT_PREFIXES_BEFORE_LETTERS.contains(&first)
    };
    text.starts_with(['/', '.']) || !may_call_bots && first.is_some_and(calls_bot)
}

/// The ASCII form of a full-width character; other characters stay.
fn to_ascii_width(character: char) -> char {
    match character {
        '！'..='～' => char::from_u32(character as u32 - TO_FULL_WIDTH).unwrap_or(character),
        _ => character,
    }
}

/// Splits so that the head has at most `room` characters. Prefers a place between words, but not between a name and
/// what follows it; else one between grapheme clusters (an emoji, or a letter with its accents); and only if a single
/// cluster is longer than a message, one within it.
fn cut(text: &str, room: usize) -> (&str, &str) {
    let Some((end, _)) = text.char_indices().nth(room) else { return (text, "") };
    let (head, tail) = match find_boundary(text, end) {
        // The rest of such a cluster is accents or joins on: it would be drawn on the next piece.
        0 => (&text[..end], &text[find_next_boundary(text, end)..]),
        boundary => text.split_at(find_gap(text, boundary).unwrap_or(boundary)),
    };
    // A joiner at the end joins nothing.
    (head.trim_end_matches(|character: char| character.is_whitespace() || character == '\u{200D}'), tail)
}

/// The last boundary between grapheme clusters at or before `end`.
fn find_boundary(text: &str, end: usize) -> usize {
    let mut cursor = GraphemeCursor::new(end, text.len(), true);
    let is_boundary = cursor.is_boundary(text, 0).unwrap_or(true);
    if is_boundary { end } else { cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0) }
}

fn find_next_boundary(text: &str, after: usize) -> usize {
    let next = GraphemeCursor::new(after, text.len(), true).next_boundary(text, 0).ok().flatten();
    next.unwrap_or(text.len())
}

/// The last space in reach, or the space before a name (`@bob`) ahead of it. `None` if the head would be only a name.
fn find_gap(text: &str, end: usize) -> Option<usize> {
    let reach = text[end..].chars().next().map_or(end, |next| end + next.len_utf8());
    let is_whole = |&at: &usize| at > 0 && find_boundary(text, at + 1) == at + 1;
    let last = text[..reach].rmatch_indices(' ').map(|(at, _)| at).find(is_whole)?;
    let word_begins = |end: usize| text[..end].rfind(' ').map(|space| space + 1);
    let begins_with_name = |at: usize| text[at..].starts_with('@');
    match word_begins(last) {
        None => Some(last).filter(|_| !begins_with_name(0)),
        Some(name) if begins_with_name(name) => {
            let before = name - 1;
            let is_list = begins_with_name(word_begins(before).unwrap_or(0));
            Some(if is_list || before == 0 { last } else { before })
        }
        Some(_) => Some(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn say(text: &str) -> Vec<String> {
        render(&Reply::Say(text.into()), false).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn line_ends_become_spaces_and_other_control_characters_go() {
        assert_eq!(say("a\r\nPRIVMSG #b :c\n\nd\te\u{2028}f"), ["a PRIVMSG #b :c d e f"]);
        assert_eq!(say("a\0b\u{1}c\u{7f}d\u{9b}e"), ["abcde"]);
        assert_eq!(say("safe\u{202e}txt\u{2066}.exe\u{2069}"), ["safetxt.exe"]);
        assert_eq!(say("👩\u{200d}👧 שלום\u{200f}!"), ["👩\u{200d}👧 שלום\u{200f}!"]);
    }

    #[test]
    fn nothing_is_left_of_nothing() {
        for empty in ["", "  ", "\r\n", "\u{200b}\u{e0000}", "\u{202e}\0"] {
            assert_eq!(say(empty), [""; 0], "{empty:?}");
        }
    }

    #[test]
    fn a_leading_command_is_marked() {
        for (text, marked) in [
            ("/ban alice", "·/ban alice"),
            (".me waves", "·.me waves"),
            ("  /w bob hi", "·/w bob hi"),
            ("\u{200b}\u{e0000} /w bob hi", "·/w bob hi"),
            ("\u{202e}!give", "·!give"),
            ("!give bob 5", "·!give bob 5"),
            ("$buy", "·$buy"),
            ("?help", "·?help"),
            ("...", "·..."),
            ("#clear", "·#clear"),
            ("<song", "·<song"),
            (":wave", "·:wave"),
            ("_play", "·_play"),
            ("`bal", "·`bal"),
            ("£daily", "·£daily"),
            ("！give", "·！give"),
            ("／ban", "／ban"),
            ("#1 is alice", "#1 is alice"),
            ("<3 alice", "<3 alice"),
            (":) hi", ":) hi"),
            ("£5 left", "£5 left"),
            ("\"so\" he said", "\"so\" he said"),
            ("@bob !give", "@bob !give"),
            ("(psst)", "(psst)"),
        ] {
            assert_eq!(say(text), [marked], "{text:?}");
        }
    }

    #[test]
    fn a_channel_may_allow_calls_of_other_bots_but_never_of_twitch() {
        let allowed = |text: &str| render(&Reply::Say(text.into()), true)[0].text.clone();
        assert_eq!(allowed("!give bob 5"), "!give bob 5");
        assert_eq!(allowed("/ban alice"), "·/ban alice");
        assert_eq!(allowed(".ban alice"), "·.ban alice");
        assert_eq!(allowed("#clear"), "#clear");
    }

    #[test]
    fn each_piece_is_defused_after_splitting() {
        let text = format!("{} /ban alice", "a".repeat(499));
        assert_eq!(say(&text), ["a".repeat(499), "·/ban alice".to_owned()]);
    }

    #[test]
    fn five_hundred_characters_are_one_piece_and_one_more_is_two() {
        assert_eq!(say(&"ü".repeat(500)).len(), 1);
        assert_eq!(say(&"ü".repeat(501)), ["ü".repeat(500), "ü".to_owned()]);
        assert_eq!(say(&format!("!{}", "ü".repeat(499)))[1], "ü");
        let words = format!("{} {} end", "a".repeat(250), "b".repeat(249));
        assert_eq!(say(&words), [words.trim_end_matches(" end").to_owned(), "end".to_owned()]);
        assert_eq!(render(&Reply::Action("x".repeat(491)), false).len(), 1);
        assert_eq!(render(&Reply::Action("x".repeat(492)), false).len(), 2);
    }

    #[test]
    fn a_text_without_end_has_one() {
        assert_eq!(say(&"word ".repeat(10_000)).len(), MAX_PIECES);
    }

    #[test]
    fn what_people_see_as_one_character_is_never_cut() {
        for character in [
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "e\u{301}",
            "🇩🇪",
            "👍🏽",
            "नि",
            "1\u{fe0f}\u{20e3}",
            "\u{1100}\u{1161}\u{11a8}",
        ] {
            for (before, after) in [("", ""), ("x", ""), ("@dora ", "")] {
                let text = format!("{before}{}{after}", character.repeat(700));
                for piece in &say(&text)[..2] {
                    let ends_whole = piece.ends_with(character);
                    let begins_whole = piece.trim_start_matches(before).starts_with(character);
                    let is_even = piece.trim_start_matches(before).chars().count() % character.chars().count() == 0;
                    assert!(ends_whole && begins_whole && is_even, "{piece:?}");
                    assert!((491..=MAX_CHARS).contains(&piece.chars().count()), "{piece:?}");
                }
            }
        }
        let accented = format!("{} \u{301}x {}", "a".repeat(498), "b".repeat(30));
        assert!(say(&accented).iter().all(|piece| !piece.starts_with('\u{301}')), "the accent is on the space");
    }

    #[test]
    fn a_character_longer_than_a_message_ends() {
        let piled = |count| format!("a{}b", "\u{301}".repeat(count));
        assert_eq!(say(&piled(900)), [piled(499).trim_end_matches('b'), "b"]);
        let chain = "👩\u{200d}".repeat(400) + "👩 end";
        assert_eq!(say(&chain), ["👩\u{200d}".repeat(250).trim_end_matches('\u{200d}'), "end"]);
    }

    #[test]
    fn a_name_stays_with_what_follows_it() {
        let long = "x".repeat(600);
        assert_eq!(say(&format!("@dora {long}")), [format!("@dora {}", "x".repeat(494)), "x".repeat(106)]);
        let sentence = format!("{} for @dora {}", "a".repeat(480), "b".repeat(20));
        assert_eq!(say(&sentence), [format!("{} for", "a".repeat(480)), format!("@dora {}", "b".repeat(20))]);
        let names = (0..100).map(|n| format!("@name{n}")).collect::<Vec<_>>().join(" ");
        let pieces = say(&names);
        assert!(pieces.len() == 2 && pieces.join(" ") == names && pieces[0].chars().count() > 490, "{pieces:?}");
    }

    #[test]
    fn the_variants_of_a_text_differ_and_none_is_too_long() {
        for text in [
            "hi".to_owned(),
            "hi you".to_owned(),
            format!("{} {}", "a".repeat(250), "b".repeat(249)),
            "a b".repeat(166),
        ] {
            let piece = Piece { text, is_action: false };
            let variants: Vec<_> = (0..VARIANTS).map(|n| piece.vary(n)).collect();
            let distinct: std::collections::HashSet<_> = variants.iter().collect();
            assert_eq!(distinct.len(), VARIANTS);
            assert!(variants.iter().all(|text| text.chars().count() <= MAX_CHARS));
        }
    }

    /// Twitch compares texts without invisible tags and repeated spaces; a stricter server might also drop the joiner.
    #[test]
    fn variants_that_follow_each_other_differ_even_if_one_means_is_undone() {
        let single_spaced = |text: &str| text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let without_joiner = |text: &str| text.replace(JOINER, "").trim().to_owned();
        for text in ["hi", "hi you"] {
            let piece = Piece { text: text.to_owned(), is_action: false };
            let variant = |n: usize| piece.vary(n % VARIANTS);
            for n in 0..VARIANTS {
                assert_ne!(single_spaced(&variant(n)), single_spaced(&variant(n + 1)), "{n}");
            }
            assert_ne!(without_joiner(&variant(1)), without_joiner(&variant(2)), "the second attempt passes there");
        }
    }

    proptest! {
        #[test]
        fn every_piece_of_every_text_is_harmless(
            text in prop::collection::vec(prop_oneof![Just(' '), Just('/'), Just('!'), Just('\n'), any::<char>()], 0..1500),
            is_action in any::<bool>(),
        ) {
            let text: String = text.into_iter().collect();
            let reply = if is_action { Reply::Action(text) } else { Reply::Say(text) };
            for piece in render(&reply, false) {
                for variant in 0..VARIANTS {
                    let text = piece.vary(variant);
                    prop_assert!(text.chars().count() <= MAX_CHARS);
                    prop_assert!(!text.chars().any(|c| c.is_control()));
                    let turns = |c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
                    prop_assert!(!text.contains(turns));
                    let seen = skip_unseen(&text);
                    prop_assert!(!seen.is_empty());
                    prop_assert!(!seen.starts_with(['/', '.', '!']));
                }
            }
        }

        #[test]
        fn no_piece_of_any_text_begins_or_ends_within_a_character(
            text in prop::collection::vec(
                prop::sample::select(vec!["a", " ", "e\u{301}", "\u{301}", "👨\u{200d}👩", "\u{200d}", "🇩", "🇪", "@b", "\u{200b}", "नि"]),
                0..1_500,
            ),
        ) {
            let text = text.concat();
            for piece in say(&text) {
                prop_assert!(piece.chars().count() <= MAX_CHARS);
                prop_assert!(!piece.starts_with(['\u{301}', '\u{200d}', 'ि']), "{:?}", piece);
            }
            for piece in say(&text).iter().rev().skip(1) {
                prop_assert!(!piece.ends_with('\u{200d}'), "{:?}", piece);
            }
        }

        #[test]
        fn splitting_loses_no_word(words in prop::collection::vec("[a-z]{1,30}", 1..80)) {
            let text = words.join(" ");
            prop_assert_eq!(say(&text).join(" "), text);
        }
    }
}
