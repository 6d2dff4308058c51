//! From a reply to the texts that go onto the wire. Pure.
//!
//! A module may say anything, and what it says is often what a chatter told it to say. So each piece, after splitting,
//! is made harmless here: it is one line, it reads in the direction in which it was written, Twitch takes it for talk
//! and not for a command, and no other bot feels called.

use std::collections::VecDeque;

use crate::domain::message::Reply;
use crate::domain::prefix::is_invisible;

/// Characters of a message; Twitch cuts off the rest without a word (tmi-rate-limits; the reference of Send Chat
/// Message). Code points, not bytes.
const MAX_CHARS: usize = 500;
/// More than a module can say in one reply; the rest of a longer text is not sent.
const MAX_PIECES: usize = 6;
/// The frame that makes a text an action is on the wire as well, and whether Twitch counts it is not told.
const ACTION_CHARS: usize = "\u{1}ACTION \u{1}".len();
/// Put before what would be a command. It can be seen on purpose: an invisible character could be stripped on the way
/// by Twitch or by the bot that must not be called, and the command would be back.
const MARK: char = '·';
/// Begins no word of a sentence, and calls one bot or another.
const BOT_PREFIXES: [char; 16] = ['!', '$', '?', '%', '&', '*', '+', '-', '=', '~', '^', '|', '\\', ';', ',', '>'];
/// Appended to vary a text: drawn as nothing by Twitch's clients, and what people have long used for this
/// (tmi-rate-limits).
const FILLER: char = '\u{E0000}';
/// Stand in for a space in a text that has no room for the filler.
const WIDE_SPACES: [char; 2] = ['\u{A0}', '\u{2002}'];

/// How many ways there are to send one text.
pub(super) const VARIANTS: usize = 1 + WIDE_SPACES.len();

/// One message, ready but for its variation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_action: bool,
}

/// Cleans, splits and defuses. Pieces of which nothing is left are not there.
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
    /// The text in one of its [`VARIANTS`], which look the same and are not; 0 is the plain one.
    pub(super) fn vary(&self, variant: usize) -> String {
        let frame = if self.is_action { ACTION_CHARS } else { 0 };
        let is_long = self.text.chars().count() + frame + 1 + variant > MAX_CHARS;
        match (variant, is_long) {
            (0, _) => self.text.clone(),
            (_, false) => format!("{} {}", self.text, FILLER.to_string().repeat(variant)),
            (_, true) => self.with_wide_space(variant),
        }
    }

    /// A single word that fills the message stays as it is: a repetition of that is no loss.
    fn with_wide_space(&self, variant: usize) -> String {
        let wide = WIDE_SPACES[(variant - 1) % WIDE_SPACES.len()];
        match self.text.rsplit_once(' ') {
            Some((before, after)) => format!("{before}{wide}{after}"),
            None => self.text.clone(),
        }
    }
}

/// Whatever ends or indents a line becomes a single space; other control characters and those that turn the direction
/// of writing around go. Marks that only hint at a direction stay: Arabic and Hebrew need them.
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

/// What cannot be seen at the start would hide the character behind it from us, and not from others.
fn skip_unseen(text: &str) -> &str {
    text.trim_start_matches(|character: char| character.is_whitespace() || is_invisible(character))
}

/// Twitch reads `/` and `.` as its own whatever follows (`.foo bar` is delivered as `bar`, twitchdev/issues#1019), in
/// every channel.
fn needs_mark(text: &str, may_call_bots: bool) -> bool {
    text.starts_with(['/', '.']) || (!may_call_bots && text.starts_with(BOT_PREFIXES))
}

/// Splits between words so that the head has at most `room` characters; a word longer than that is cut.
fn cut(text: &str, room: usize) -> (&str, &str) {
    let Some((end, next)) = text.char_indices().nth(room) else { return (text, "") };
    let space = if next == ' ' { Some(end) } else { text[..end].rfind(' ') };
    text.split_at(space.filter(|&at| at > 0).unwrap_or(end))
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
    fn the_variants_of_a_text_differ_and_none_is_too_long() {
        for text in ["hi".to_owned(), format!("{} {}", "a".repeat(250), "b".repeat(249)), "a b".repeat(166)] {
            let piece = Piece { text, is_action: false };
            let variants: std::collections::HashSet<_> = (0..VARIANTS).map(|n| piece.vary(n)).collect();
            assert_eq!(variants.len(), VARIANTS);
            assert!(variants.iter().all(|text| text.chars().count() <= MAX_CHARS));
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
        fn splitting_loses_no_word(words in prop::collection::vec("[a-z]{1,30}", 1..80)) {
            let text = words.join(" ");
            prop_assert_eq!(say(&text).join(" "), text);
        }
    }
}
