//! The fixture language of tests and of the demo's scripts: a chat as text, with the replies expected of the bot.
//!
//! ```text
//! #shop   enabled: balance, settings     time: 12:00:00
//! alice>      !balance
//! bot>        @alice you have 0 points
//! alice>      !balance                    (nothing: cooldown)
//! ... 10s
//! mod carol>  !settings mute 10m
//! ```
//!
//! - `#shop` changes to that channel. `key: value` pairs may follow, for the code that runs the transcript. Columns are
//!   separated by two spaces or more.
//! - `alice> text` is a chatter's message. Words may precede the name: a role (`sub`, `vip`, `mod`, `broadcaster`),
//!   `reply` for a threaded reply, `copy` for a shared chat's copy, `again` for the same message once more. A text may
//!   begin with `/me `, and `\u{34f}` stands for that character.
//! - `bot> text` is a reply to the message above it; `(nothing)` or `(nothing: why)` behind a message expects none.
//! - `... 10s` lets time pass. `//` begins a remark.
//!
//! This file only parses and shows the language. A runner compares each turn with the actual replies and, if they
//! differ, prints [`Transcript::corrected`], which can be pasted over the wrong transcript.

use std::time::Duration;

use crate::domain::id::Login;
use crate::domain::message::Reply;
use crate::domain::prefix::is_invisible;
use crate::domain::role::Role;

/// The name before the bot's lines.
const BOT: &str = "bot";

/// The column in which texts begin, so that a transcript reads as a table.
const COLUMN: usize = 12;

/// A parsed transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    pub turns: Vec<Turn>,
}

/// One step, and the replies expected to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub step: Step,
    pub expected: Heard,
    /// The line as written, without its `(nothing)` note.
    source: String,
}

/// One line of a transcript that is not the bot's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A blank line or a remark.
    Nothing,
    Channel(ChannelHeader),
    Said(Said),
    Pause(Duration),
}

/// The channel of the messages that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelHeader {
    pub login: Login,
    /// Keys and values in the order of the line; the runner of the transcript gives them a meaning.
    pub pairs: Vec<(String, String)>,
}

/// A chatter's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub name: Login,
    pub role: Role,
    pub text: String,
    pub is_action: bool,
    pub is_reply: bool,
    pub is_copy: bool,
    pub is_again: bool,
}

/// The bot's replies to a step, expected or actual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// At least one reply, in order, each as [`show_reply`] formats it.
    Replies(Vec<String>),
    /// No reply, and the reason. An expectation without a reason allows any reason.
    Nothing(Option<String>),
}

/// An invalid line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParseTranscriptError {
    /// From 1.
    pub line: usize,
    pub reason: ParseLineError,
}

/// Why a line is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLineError {
    #[error("expected `name> text`, `#channel`, `... 10s` or `// remark`")]
    Line,
    #[error("before the name stand only sub, vip, mod, broadcaster, reply, copy or again")]
    Speaker,
    #[error("a name is 1 to 25 letters, digits or underscores")]
    Name,
    #[error("expected a time such as 10s, 5m, 1h or 2d")]
    Time,
    #[error("expected `key: value`, after two spaces or more")]
    Pair,
    #[error("expected a character such as \\u{{34f}}")]
    Escape,
    #[error("the bot's line answers nobody")]
    Answer,
}

impl Transcript {
    /// Parses a whole transcript.
    pub fn parse(text: &str) -> Result<Transcript, ParseTranscriptError> {
        let mut turns: Vec<Turn> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let at_line = |reason| ParseTranscriptError { line: index + 1, reason };
            match parse_answer(line) {
                Some(reply) => turns
                    .last_mut()
                    .and_then(|turn| turn.expect_reply(reply))
                    .ok_or_else(|| at_line(ParseLineError::Answer))?,
                None => turns.push(parse_turn(line).map_err(at_line)?),
            }
        }
        Ok(Transcript { turns })
    }

    /// The transcript corrected to the actual replies; `heard` holds those of each turn. `None` if it is right already.
    pub fn corrected(&self, heard: &[Heard]) -> Option<String> {
        let turns = || self.turns.iter().zip(heard);
        if self.turns.len() == heard.len() && turns().all(|(turn, heard)| turn.expected.allows(heard)) {
            return None;
        }
        Some(turns().map(|(turn, heard)| turn.show_with(heard)).collect())
    }
}

impl Turn {
    fn expect_reply(&mut self, reply: String) -> Option<()> {
        if !matches!(self.step, Step::Said(_)) {
            return None;
        }
        match &mut self.expected {
            Heard::Replies(replies) => replies.push(reply),
            Heard::Nothing(_) => self.expected = Heard::Replies(vec![reply]),
        }
        Some(())
    }

    fn show_with(&self, heard: &Heard) -> String {
        let source = &self.source;
        match heard {
            Heard::Replies(replies) => {
                let lines: String = replies.iter().map(|reply| format!("{}\n", show_line(BOT, reply))).collect();
                format!("{source}\n{lines}")
            }
            Heard::Nothing(Some(reason)) => format!("{source:<39} (nothing: {reason})\n"),
            Heard::Nothing(None) if matches!(self.step, Step::Said(_)) => format!("{source:<39} (nothing)\n"),
            Heard::Nothing(None) => format!("{source}\n"),
        }
    }
}

impl Heard {
    /// Whether `actual` meets this expectation.
    pub fn allows(&self, actual: &Heard) -> bool {
        match (self, actual) {
            (Heard::Nothing(None), Heard::Nothing(_)) => true,
            (expected, actual) => expected == actual,
        }
    }
}

/// Parses one line that is not the bot's. The demo's prompt uses it too.
pub fn parse_step(line: &str) -> Result<Step, ParseLineError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with("//") {
        return Ok(Step::Nothing);
    }
    if let Some(header) = line.strip_prefix('#') {
        return parse_header(header).map(Step::Channel);
    }
    if let Some(time) = line.strip_prefix("...") {
        return parse_time(time.trim()).map(Step::Pause).ok_or(ParseLineError::Time);
    }
    let (speaker, text) = line.split_once('>').ok_or(ParseLineError::Line)?;
    parse_said(speaker, text.trim()).map(Step::Said)
}

/// Formats a reply as in a transcript: `@alice text` for an answer, `/me text` for an action, otherwise the text alone.
pub fn show_reply(reply: &Reply, to: &Login) -> String {
    let text = match reply {
        Reply::Say(text) => text.clone(),
        Reply::Answer(text) => format!("@{to} {text}"),
        Reply::Action(text) => format!("/me {text}"),
    };
    escape(&text)
}

/// Formats `name> text`, with the text in its column.
pub fn show_line(name: &str, text: &str) -> String {
    format!("{:<COLUMN$}{text}", format!("{name}>"))
}

fn parse_answer(line: &str) -> Option<String> {
    let (name, text) = line.split_once('>')?;
    (name.trim() == BOT).then(|| text.trim().to_owned())
}

fn parse_turn(line: &str) -> Result<Turn, ParseLineError> {
    let (source, expected) = split_note(line);
    Ok(Turn { step: parse_step(source)?, expected, source: source.trim_end().to_owned() })
}

/// Splits `(nothing)` or `(nothing: why)` off the end of a line.
fn split_note(line: &str) -> (&str, Heard) {
    let note = line.trim_end().strip_suffix(')').and_then(|line| line.rsplit_once("(nothing"));
    match note {
        Some((source, "")) => (source, Heard::Nothing(None)),
        Some((source, reason)) if reason.starts_with(':') => {
            (source, Heard::Nothing(Some(reason[1..].trim().to_owned())))
        }
        _ => (line, Heard::Nothing(None)),
    }
}

fn parse_header(text: &str) -> Result<ChannelHeader, ParseLineError> {
    let mut columns = text.split("  ").map(str::trim).filter(|column| !column.is_empty());
    let login = columns.next().unwrap_or_default().parse().map_err(|_| ParseLineError::Name)?;
    let pairs = columns.map(|column| {
        let (key, value) = column.split_once(':').ok_or(ParseLineError::Pair)?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    });
    Ok(ChannelHeader { login, pairs: pairs.collect::<Result<_, _>>()? })
}

fn parse_said(speaker: &str, text: &str) -> Result<Said, ParseLineError> {
    let mut words = speaker.split_whitespace().rev();
    let name = words.next().unwrap_or_default().parse().map_err(|_| ParseLineError::Name)?;
    let text = unescape(text)?;
    let mut said = Said {
        name,
        role: Role::Everyone,
        is_action: text.starts_with("/me "),
        text: text.strip_prefix("/me ").unwrap_or(&text).to_owned(),
        is_reply: false,
        is_copy: false,
        is_again: false,
    };
    for word in words {
        match word {
            "sub" | "subscriber" => said.role = Role::Subscriber,
            "vip" => said.role = Role::Vip,
            "mod" | "moderator" => said.role = Role::Moderator,
            "broadcaster" => said.role = Role::Broadcaster,
            "reply" => said.is_reply = true,
            "copy" => said.is_copy = true,
            "again" => said.is_again = true,
            _ => return Err(ParseLineError::Speaker),
        }
    }
    Ok(said)
}

fn parse_time(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// Replaces escapes such as `\u{34f}` by their character: an invisible one could not be seen in a transcript.
fn unescape(text: &str) -> Result<String, ParseLineError> {
    let mut parts = text.split("\\u{");
    let mut unescaped = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('}').ok_or(ParseLineError::Escape)?;
        let code = u32::from_str_radix(digits, 16).map_err(|_| ParseLineError::Escape)?;
        unescaped.push(char::from_u32(code).ok_or(ParseLineError::Escape)?);
        unescaped.push_str(rest);
    }
    Ok(unescaped)
}

/// The inverse of [`unescape`], for characters that are invisible or would break the line.
fn escape(text: &str) -> String {
    let show = |character: char| {
        let is_hidden = character.is_control()
            || is_invisible(character) && !matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{200D}');
        if is_hidden { character.escape_unicode().to_string() } else { character.to_string() }
    };
    text.chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHOP: &str = "\
#shop   enabled: balance, settings     time: 12:00:00
alice>      !balance
bot>        @alice you have 0 points
alice>      !balance                    (nothing: cooldown)
... 10s
// A moderator may do more.
mod carol>  !settings cooldown 0s
bot>        @carol cooldown is now 0s
bot>        anything else?
bob>        (so they say)               (nothing)
";

    fn login(text: &str) -> Login {
        text.parse().unwrap()
    }

    fn said(name: &str, text: &str) -> Said {
        Said {
            name: login(name),
            role: Role::Everyone,
            text: text.into(),
            is_action: false,
            is_reply: false,
            is_copy: false,
            is_again: false,
        }
    }

    fn replies(lines: &[&str]) -> Heard {
        Heard::Replies(lines.iter().map(|&line| line.into()).collect())
    }

    fn nothing(reason: &str) -> Heard {
        Heard::Nothing(Some(reason.into()))
    }

    #[test]
    fn a_transcript_is_read_turn_by_turn() {
        let turns = Transcript::parse(SHOP).unwrap().turns;
        let pairs = [("enabled", "balance, settings"), ("time", "12:00:00")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let header = ChannelHeader { login: login("shop"), pairs: pairs.into() };
        let carol = Said { role: Role::Moderator, ..said("carol", "!settings cooldown 0s") };
        let read: Vec<(Step, Heard)> = turns.into_iter().map(|turn| (turn.step, turn.expected)).collect();
        let silent = || Heard::Nothing(None);
        assert_eq!(
            read,
            [
                (Step::Channel(header), silent()),
                (Step::Said(said("alice", "!balance")), replies(&["@alice you have 0 points"])),
                (Step::Said(said("alice", "!balance")), nothing("cooldown")),
                (Step::Pause(Duration::from_secs(10)), silent()),
                (Step::Nothing, silent()),
                (Step::Said(carol), replies(&["@carol cooldown is now 0s", "anything else?"])),
                (Step::Said(said("bob", "(so they say)")), silent()),
            ]
        );
    }

    #[test]
    fn a_speaker_has_a_role_and_a_way_to_speak() {
        let step = |line| parse_step(line).unwrap();
        let dan = || said("dan", "hi");
        assert_eq!(step("vip dan> hi"), Step::Said(Said { role: Role::Vip, ..dan() }));
        assert_eq!(step("  again  sub Dan>hi "), Step::Said(Said { role: Role::Subscriber, is_again: true, ..dan() }));
        assert_eq!(
            step("reply copy dan> /me hi"),
            Step::Said(Said { is_reply: true, is_copy: true, is_action: true, ..dan() })
        );
        assert_eq!(step("dan> hi\\u{34f} > \\u{e0000}"), Step::Said(said("dan", "hi\u{34f} > \u{e0000}")));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (line, reason) in [
            ("hello", ParseLineError::Line),
            ("king dan> hi", ParseLineError::Speaker),
            ("d-n> hi", ParseLineError::Name),
            ("> hi", ParseLineError::Name),
            ("#", ParseLineError::Name),
            ("#shop  enabled", ParseLineError::Pair),
            ("... 10", ParseLineError::Time),
            ("... é", ParseLineError::Time),
            ("...", ParseLineError::Time),
            ("dan> \\u{d800}", ParseLineError::Escape),
            ("bot> hi", ParseLineError::Answer),
        ] {
            let text = format!("#shop\n{line}");
            assert_eq!(Transcript::parse(&text), Err(ParseTranscriptError { line: 2, reason }), "{line:?}");
        }
    }

    #[test]
    fn replies_are_shown_as_chat_shows_them() {
        let show = |reply| show_reply(&reply, &login("alice"));
        assert_eq!(show(Reply::Answer("hi ❤\u{fe0f}".into())), "@alice hi ❤\u{fe0f}");
        assert_eq!(show(Reply::Say("hi\n\u{202e}".into())), "hi\\u{a}\\u{202e}");
        assert_eq!(show(Reply::Action("waves".into())), "/me waves");
    }

    #[test]
    fn a_right_transcript_needs_no_correction() {
        let silent = || Heard::Nothing(None);
        let heard = [
            silent(),
            replies(&["@alice you have 0 points"]),
            nothing("cooldown"),
            silent(),
            silent(),
            replies(&["@carol cooldown is now 0s", "anything else?"]),
            nothing("talk"),
        ];
        assert_eq!(Transcript::parse(SHOP).unwrap().corrected(&heard), None);
    }

    #[test]
    fn a_wrong_transcript_is_corrected_whole() {
        let transcript = Transcript::parse("#shop\nalice>      !a   (nothing: role)\nbob> !b\nbot> @bob 1").unwrap();
        let heard = [Heard::Nothing(None), replies(&["@alice 0"]), nothing("unknown word")];
        let corrected = "\
#shop
alice>      !a
bot>        @alice 0
bob> !b                                 (nothing: unknown word)
";
        assert_eq!(transcript.corrected(&heard).as_deref(), Some(corrected));
    }

    fn arbitrary_heard() -> impl Strategy<Value = Heard> {
        prop_oneof![
            proptest::collection::vec("[a-z@>:()]{1,9}", 1..3).prop_map(Heard::Replies),
            "[a-z]{1,9}".prop_map(|reason| Heard::Nothing(Some(reason))),
        ]
    }

    proptest! {
        #[test]
        fn a_corrected_transcript_is_right(texts in proptest::collection::vec(("[ -~]{0,30}", arbitrary_heard()), 1..6)) {
            let source: String = texts.iter().map(|(text, _)| format!("alice> {text} (nothing: ?)\n")).collect();
            let Ok(transcript) = Transcript::parse(&source) else { return Ok(()) };
            let heard: Vec<Heard> = texts.into_iter().map(|(_, heard)| heard).collect();

            let corrected = transcript.corrected(&heard).unwrap();

            prop_assert_eq!(Transcript::parse(&corrected).unwrap().corrected(&heard), None, "{}", corrected);
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in any::<String>(), lead in "(#|\\.\\.\\.|bot>|a>)?.{0,9}") {
            drop(Transcript::parse(&format!("{lead}{text}")));
        }
    }
}
