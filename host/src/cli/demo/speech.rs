//! What is said on the demo's stage: by whom, where, and how it is shown.

use std::collections::HashMap;

use fake_twitch::{Kind, Observed};

use crate::domain::id::Login;
use crate::domain::role::Role;
use crate::transcript::{ParseLineError, Said, Step, parse_step};

/// Why a line cannot be played here. For whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlayLineError {
    #[error(transparent)]
    Parse(#[from] ParseLineError),
    #[error("only {0} is the broadcaster of #{0}")]
    Broadcaster(Login),
    #[error("{0} is the bot: it speaks for itself")]
    Bot(String),
    #[error("reply, copy and again are for the project's tests")]
    TestsOnly,
    #[error("a channel's line is #name and nothing else")]
    Header,
    #[error("there is nothing to say")]
    Empty,
}

/// A line that can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Nothing,
    Channel(Login),
    Speech(Speech),
    Pause(std::time::Duration),
}

/// Somebody says something where everybody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    pub(super) name: Login,
    pub(super) role: Role,
    pub(super) text: String,
    pub(super) is_action: bool,
}

/// Reads one line of a script or of the prompt; `channel` is where everybody is.
pub(super) fn parse_cue(line: &str, channel: &Login) -> Result<Cue, PlayLineError> {
    match parse_step(line)? {
        Step::Nothing => Ok(Cue::Nothing),
        Step::Channel(header) if header.pairs.is_empty() => Ok(Cue::Channel(header.login)),
        Step::Channel(_) => Err(PlayLineError::Header),
        Step::Pause(pause) => Ok(Cue::Pause(pause)),
        Step::Said(said) => check_speech(said, channel).map(Cue::Speech),
    }
}

fn check_speech(said: Said, channel: &Login) -> Result<Speech, PlayLineError> {
    let Said { name, role, text, is_action, .. } = said;
    if said.is_reply || said.is_copy || said.is_again {
        return Err(PlayLineError::TestsOnly);
    }
    if name.as_str() == super::stage::BOT {
        return Err(PlayLineError::Bot(name.to_string()));
    }
    // At Twitch nobody else can be: the broadcaster is whoever the channel is named after.
    if role == Role::Broadcaster && name != *channel {
        return Err(PlayLineError::Broadcaster(channel.clone()));
    }
    if text.is_empty() {
        return Err(PlayLineError::Empty);
    }
    Ok(Speech { name, role, text, is_action })
}

/// Remembers who wrote which message, to show answers as chat does: `@alice you have 120 points`.
#[derive(Debug, Default)]
pub(super) struct Display {
    authors: HashMap<String, String>,
}

impl Display {
    /// `name> text`, on one line whatever the text holds.
    pub(super) fn show(&mut self, message: &Observed) -> (String, String) {
        let mention = message.reply_to.as_ref().and_then(|id| self.authors.get(id));
        let mention = mention.map(|author| format!("@{author} ")).unwrap_or_default();
        let action = if message.kind == Kind::Action { "/me " } else { "" };
        self.authors.insert(message.id.clone(), message.from.clone());
        let text: String = message.text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
        (message.from.clone(), format!("{action}{mention}{text}"))
    }
}
