//! What is said on the demo's stage: by whom, where, and how it is shown.

use std::collections::HashMap;
use std::time::Duration;

use fake_twitch::{Kind, Observed};

use super::stage::BOT;
use crate::domain::id::Login;
use crate::domain::role::Role;
use crate::transcript::{ParseLineError, Said, Step, parse_step};

/// Messages whose authors are remembered; an answer to an older one is shown without a mention.
const AUTHORS: usize = 1000;

/// Why a line cannot be played here. For whoever typed it.
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
    #[error("of Twitch's own commands there are only /me, /mod NAME and /unmod NAME")]
    Command,
    #[error("there is nothing to say")]
    Empty,
}

/// A line that can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Nothing,
    Channel(Login),
    Speech(Speech),
    Pause(Duration),
}

/// Somebody says something where everybody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    pub(super) name: Login,
    pub(super) role: Role,
    pub(super) words: Words,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Message(String),
    /// `/me`
    Action(String),
    /// `/mod` and `/unmod`: who becomes a moderator, or is one no longer.
    Appoint {
        login: Login,
        is_moderator: bool,
    },
}

/// Reads one line of a script or of the prompt; `channel` is where everybody is.
pub(super) fn parse_cue(line: &str, channel: &Login) -> Result<Cue, PlayLineError> {
    match parse_step(line).map_err(explain)? {
        Step::Nothing => Ok(Cue::Nothing),
        Step::Channel(header) if header.pairs.is_empty() => Ok(Cue::Channel(header.login)),
        Step::Channel(_) => Err(PlayLineError::Header),
        Step::Pause(pause) => Ok(Cue::Pause(pause)),
        Step::Said(said) => check_said(said, channel).map(Cue::Speech),
    }
}

/// Of what a transcript knows, some is for tests only.
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
    // At Twitch nobody else can be: the broadcaster is whoever the channel is named after.
    if said.role == Role::Broadcaster && said.name != *channel {
        return Err(PlayLineError::Broadcaster(channel.clone()));
    }
    let text = if said.is_action { format!("/me {}", said.text) } else { said.text };
    Speech::check(said.name, said.role, &text)
}

impl Speech {
    /// Whether somebody may say a text here.
    pub(super) fn check(name: Login, role: Role, text: &str) -> Result<Speech, PlayLineError> {
        if name.as_str() == BOT {
            return Err(PlayLineError::Bot);
        }
        Ok(Speech { name, role, words: Words::parse(text)? })
    }
}

impl Words {
    fn parse(text: &str) -> Result<Words, PlayLineError> {
        let Some(command) = text.strip_prefix('/') else {
            return if text.is_empty() { Err(PlayLineError::Empty) } else { Ok(Words::Message(text.to_owned())) };
        };
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let appoint = |is_moderator| {
            let login = rest.trim().trim_start_matches('@').parse();
            login.map(|login| Words::Appoint { login, is_moderator }).map_err(|_| PlayLineError::Command)
        };
        match word {
            "me" if !rest.trim().is_empty() => Ok(Words::Action(rest.trim().to_owned())),
            "mod" => appoint(true),
            "unmod" => appoint(false),
            _ => Err(PlayLineError::Command),
        }
    }
}

/// Remembers who wrote which message, to show answers as chat does: `@alice you have 120 points`.
#[derive(Debug, Default)]
pub(super) struct Display {
    authors: HashMap<String, String>,
}

impl Display {
    /// Name and text; the text is one line, whatever the message holds.
    pub(super) fn show(&mut self, message: &Observed) -> (String, String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cue, PlayLineError> {
        parse_cue(line, &"shop".parse().unwrap())
    }

    fn speech(name: &str, role: Role, words: Words) -> Result<Cue, PlayLineError> {
        Ok(Cue::Speech(Speech { name: name.parse().unwrap(), role, words }))
    }

    #[test]
    fn lines_become_cues() {
        let message = |text: &str| Words::Message(text.to_owned());
        assert_eq!(parse("alice> !balance"), speech("alice", Role::Everyone, message("!balance")));
        assert_eq!(parse("mod carol> hi"), speech("carol", Role::Moderator, message("hi")));
        assert_eq!(parse("broadcaster shop> hi"), speech("shop", Role::Broadcaster, message("hi")));
        assert_eq!(parse("dan> /me waves"), speech("dan", Role::Everyone, Words::Action("waves".to_owned())));
        assert_eq!(parse("#cafe"), Ok(Cue::Channel("cafe".parse().unwrap())));
        assert_eq!(parse("// a remark"), Ok(Cue::Nothing));
        assert_eq!(parse("... 2s"), Ok(Cue::Pause(Duration::from_secs(2))));
    }

    #[test]
    fn a_broadcaster_appoints_moderators() {
        let appoint = |is_moderator| Words::Appoint { login: "twitchy".parse().unwrap(), is_moderator };
        assert_eq!(parse("shop> /mod @twitchy"), speech("shop", Role::Everyone, appoint(true)));
        assert_eq!(parse("shop> /unmod twitchy"), speech("shop", Role::Everyone, appoint(false)));
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
            ("alice> /ban bob", PlayLineError::Command),
            ("alice> /mod", PlayLineError::Command),
            ("alice>", PlayLineError::Empty),
        ] {
            assert_eq!(parse(line), Err(error), "{line:?}");
        }
    }
}
