//! Parses the lines of the prompt and of scripts, and formats chat messages.

use std::collections::HashMap;
use std::time::Duration;

use fake_twitch::{DeliveredMessage, Kind};

use super::names::BOT;
use crate::domain::id::Login;
use crate::domain::role::Role;
use crate::transcript::{ParseLineError, Said, Step, parse_step};

/// How many messages' authors are remembered; a reply to an older message is shown without a mention.
const AUTHORS: usize = 1000;

/// Why the demo rejects a line. The texts are shown to the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlayLineError {
    #[error(transparent)]
    Parse(ParseLineError),
    #[error("before the name stand only sub, vip, mod or broadcaster")]
    Role,
    #[error("only {0} is the broadcaster of #{0}")]
    Broadcaster(Login),
    #[error("the bot speaks for itself")]
    Bot,
    #[error("reply, copy and again are for the project's tests")]
    TestsOnly,
    #[error("a channel's line is #name and nothing else")]
    Header,
    #[error("there is no /{word} here; {}", suggest(*.nearest))]
    NoSuchCommand { word: String, nearest: Option<&'static str> },
    #[error("/{0} needs more: {1}")]
    Incomplete(&'static str, &'static str),
    #[error("/{0} is typed without a name before it")]
    PromptCommand(&'static str),
    #[error("only {0} appoints moderators in #{0}: {0}> {1}")]
    Appoint(Login, String),
    #[error("there is nothing to say")]
    Empty,
}

/// The commands that begin with `/`: those of Twitch that the fake one supports, and the prompt's own.
const COMMANDS: [&str; 5] = ["me", "mod", "unmod", "help", "quit"];
/// Greatest edit distance at which a command is suggested.
const MOST_ERRORS: usize = 2;

fn suggest(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(command) => format!("did you mean /{command}?"),
        None => "there are only /me TEXT, /mod NAME, /unmod NAME, /help and /quit".to_owned(),
    }
}

fn find_nearest(word: &str) -> Option<&'static str> {
    let distances = COMMANDS.map(|command| (strsim::osa_distance(word, command), command));
    let nearest = distances.into_iter().min_by_key(|(distance, _)| *distance);
    // A distance of the word's own length means that the word shares nothing with the command.
    nearest.filter(|(distance, _)| *distance <= MOST_ERRORS && *distance < word.len()).map(|(_, command)| command)
}

/// A command to the prompt, which is not sent to the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptCommand {
    Help,
    Quit,
}

impl PromptCommand {
    /// Ignores the case, and the text after the command.
    pub(super) fn find(line: &str) -> Option<PromptCommand> {
        match line.split_whitespace().next()?.to_ascii_lowercase().as_str() {
            "/help" => Some(PromptCommand::Help),
            "/quit" => Some(PromptCommand::Quit),
            _ => None,
        }
    }
}

/// One valid line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlayLine {
    Nothing,
    Channel(Login),
    Speech(Speech),
    Pause(Duration),
}

/// A chatter says something in the current channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    pub(super) name: Login,
    pub(super) role: Role,
    pub(super) words: Words,
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) message_id: String,
    pub(super) channel: Login,
    pub(super) speech: Speech,
}

/// The content of a [`Speech`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Message(String),
    /// `/me`
    Action(String),
    /// `/mod` and `/unmod`: `login` becomes a moderator, or stops being one.
    Appoint {
        login: Login,
        is_moderator: bool,
    },
}

/// Parses one line of a script or of the prompt; `channel` is the current channel.
pub(super) fn parse_play_line(line: &str, channel: &Login) -> Result<PlayLine, PlayLineError> {
    match parse_step(line).map_err(explain)? {
        Step::Nothing => Ok(PlayLine::Nothing),
        Step::Channel(header) if header.pairs.is_empty() => Ok(PlayLine::Channel(header.login)),
        Step::Channel(_) => Err(PlayLineError::Header),
        Step::Pause(pause) => Ok(PlayLine::Pause(pause)),
        Step::Said(said) => check_said(said, channel).map(PlayLine::Speech),
    }
}

/// Replaces the error that lists a transcript's speaker words: some of these are for tests only.
fn explain(error: ParseLineError) -> PlayLineError {
    match error {
        ParseLineError::Speaker => PlayLineError::Role,
        other => PlayLineError::Parse(other),
    }
}

fn check_said(said: Said, channel: &Login) -> Result<Speech, PlayLineError> {
    if said.is_reply || said.is_copy || said.is_again {
        return Err(PlayLineError::TestsOnly);
    }
    // As on Twitch, a channel has the login of its broadcaster.
    if said.role == Role::Broadcaster && said.name != *channel {
        return Err(PlayLineError::Broadcaster(channel.clone()));
    }
    let text = if said.is_action { format!("/me {}", said.text) } else { said.text };
    Speech::check(said.name, said.role, &text, channel)
}

impl Speech {
    /// Checks that `name` may say `text` in `channel`.
    pub(super) fn check(name: Login, role: Role, text: &str, channel: &Login) -> Result<Speech, PlayLineError> {
        if name.as_str() == BOT {
            return Err(PlayLineError::Bot);
        }
        let words = Words::parse(text)?;
        if matches!(words, Words::Appoint { .. }) && name != *channel {
            return Err(PlayLineError::Appoint(channel.clone(), text.to_owned()));
        }
        Ok(Speech { name, role, words })
    }
}

impl Words {
    fn parse(text: &str) -> Result<Words, PlayLineError> {
        let Some(command) = text.strip_prefix('/') else {
            return if text.is_empty() { Err(PlayLineError::Empty) } else { Ok(Words::Message(text.to_owned())) };
        };
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let (word, rest) = (word.to_ascii_lowercase(), rest.trim());
        let appoint = |word, is_moderator| {
            let login = rest.trim_start_matches('@').parse();
            let incomplete = PlayLineError::Incomplete(word, "a name, such as twitchy");
            login.map(|login| Words::Appoint { login, is_moderator }).map_err(|_| incomplete)
        };
        match word.as_str() {
            "me" if rest.is_empty() => Err(PlayLineError::Incomplete("me", "what you do, such as waves")),
            "me" => Ok(Words::Action(rest.to_owned())),
            "mod" => appoint("mod", true),
            "unmod" => appoint("unmod", false),
            "help" => Err(PlayLineError::PromptCommand("help")),
            "quit" => Err(PlayLineError::PromptCommand("quit")),
            _ => Err(PlayLineError::NoSuchCommand { nearest: find_nearest(&word), word }),
        }
    }
}

/// Remembers the authors of messages, to show replies as chat does: `@alice you have 120 points`.
#[derive(Debug, Default)]
pub(super) struct Display {
    authors: HashMap<String, String>,
}

impl Display {
    /// The author's name and the text, in which control characters become blanks, so that it stays one line.
    pub(super) fn show(&mut self, message: &DeliveredMessage) -> (String, String) {
        let author = message.reply_to.as_ref().and_then(|id| self.authors.get(id));
        let mention = author.map(|author| format!("@{author} ")).unwrap_or_default();
        let action = if message.kind == Kind::Action { "/me " } else { "" };
        if self.authors.len() >= AUTHORS {
            self.authors.clear();
        }
        self.authors.insert(message.id.clone(), message.from.clone());
        let text: String = message.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        (message.from.clone(), format!("{action}{mention}{text}"))
    }
}

/// `0.9 ms`, `12 ms`, `1.5 s`
pub(super) fn show_span(span: Duration) -> String {
    let milliseconds = span.as_secs_f64() * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        10.0..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", milliseconds / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<PlayLine, PlayLineError> {
        parse_play_line(line, &"shop".parse().unwrap())
    }

    fn speech(name: &str, role: Role, words: Words) -> Result<PlayLine, PlayLineError> {
        Ok(PlayLine::Speech(Speech { name: name.parse().unwrap(), role, words }))
    }

    #[test]
    fn lines_become_cues() {
        let message = |text: &str| Words::Message(text.to_owned());
        assert_eq!(parse("alice> !balance"), speech("alice", Role::Everyone, message("!balance")));
        assert_eq!(parse("mod carol> hi"), speech("carol", Role::Moderator, message("hi")));
        assert_eq!(parse("broadcaster shop> hi"), speech("shop", Role::Broadcaster, message("hi")));
        assert_eq!(parse("dan> /me waves"), speech("dan", Role::Everyone, Words::Action("waves".to_owned())));
        assert_eq!(parse("#cafe"), Ok(PlayLine::Channel("cafe".parse().unwrap())));
        assert_eq!(parse("// a remark"), Ok(PlayLine::Nothing));
        assert_eq!(parse("... 2s"), Ok(PlayLine::Pause(Duration::from_secs(2))));
    }

    #[test]
    fn a_broadcaster_appoints_moderators() {
        let appoint = |is_moderator| Words::Appoint { login: "twitchy".parse().unwrap(), is_moderator };
        assert_eq!(parse("shop> /mod @twitchy"), speech("shop", Role::Everyone, appoint(true)));
        assert_eq!(parse("shop> /unmod twitchy"), speech("shop", Role::Everyone, appoint(false)));
    }

    #[test]
    fn an_unknown_command_gets_a_suggestion_where_one_is_near() {
        for (line, told) in [
            ("alice> /hlep", "there is no /hlep here; did you mean /help?"),
            ("alice> /Qiut now", "there is no /qiut here; did you mean /quit?"),
            ("shop> /unmood twitchy", "there is no /unmood here; did you mean /unmod?"),
            (
                "alice> /ban bob",
                "there is no /ban here; there are only /me TEXT, /mod NAME, /unmod NAME, /help and /quit",
            ),
            ("alice> /", "there is no / here; there are only /me TEXT, /mod NAME, /unmod NAME, /help and /quit"),
            ("alice> /x", "there is no /x here; there are only /me TEXT, /mod NAME, /unmod NAME, /help and /quit"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn the_prompts_own_commands_are_found_in_any_case_and_with_more_behind_them() {
        assert_eq!(PromptCommand::find("/help balance"), Some(PromptCommand::Help));
        assert_eq!(PromptCommand::find(" /QUIT"), Some(PromptCommand::Quit));
        assert_eq!(PromptCommand::find("/helpless"), None);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        for (line, error) in [
            ("hello", PlayLineError::Parse(ParseLineError::Line)),
            ("king alice> hi", PlayLineError::Role),
            ("broadcaster alice> hi", PlayLineError::Broadcaster("shop".parse().unwrap())),
            ("twitchy> hi", PlayLineError::Bot),
            ("reply alice> hi", PlayLineError::TestsOnly),
            ("#shop  enabled: balance", PlayLineError::Header),
            ("shop> /mod", PlayLineError::Incomplete("mod", "a name, such as twitchy")),
            ("alice> /me ", PlayLineError::Incomplete("me", "what you do, such as waves")),
            ("alice> /help", PlayLineError::PromptCommand("help")),
            ("alice> /mod twitchy", PlayLineError::Appoint("shop".parse().unwrap(), "/mod twitchy".to_owned())),
            ("alice>", PlayLineError::Empty),
        ] {
            assert_eq!(parse(line), Err(error), "{line:?}");
        }
    }

    #[test]
    fn a_span_has_two_digits_or_so() {
        let shown = [850, 9_949, 12_300, 999_000, 1_540_000].map(|micros| show_span(Duration::from_micros(micros)));
        assert_eq!(shown, ["0.8 ms", "9.9 ms", "12 ms", "999 ms", "1.5 s"]);
    }
}
