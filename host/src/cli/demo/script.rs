//! `twitchy demo --script FILE`: plays a file line by line, and prints the chat.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use fake_twitch::DeliveredMessage;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::task::spawn_blocking;

use super::names::{BOT, CHANNELS};
use super::own_module::OwnModule;
use super::silence::Reasons;
use super::speech::{Display, PlayLine, PlayLineError, PromptCommand, parse_play_line};
use super::stage::{SCRIPT_SETTLES_WITHIN, SpeakOutcome, Stage};
use crate::cli::output::{self, Reader};
use crate::cli::signals::Signals;
use crate::config::text::read_text;
use crate::domain::id::Login;

/// Checks the whole script before any line is played.
pub(super) fn load_script(path: &Path) -> anyhow::Result<Vec<PlayLine>> {
    let text = read_text(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).map_err(|(line, reason)| anyhow!("{}:{line}: {reason}", path.display()))
}

/// The error carries its line number, from 1. A byte order mark, with which some editors begin a file, is skipped.
fn parse(text: &str) -> Result<Vec<PlayLine>, (usize, PlayLineError)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut channel = first_channel();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // The prompt's own commands are allowed, so that a recorded session can be played; nobody would read the help.
        match PromptCommand::find(line) {
            Some(PromptCommand::Help) => continue,
            Some(PromptCommand::Quit) => break,
            None => {}
        }
        let line = parse_play_line(line, &channel).map_err(|reason| (index + 1, reason))?;
        if let PlayLine::Channel(next) = &line {
            channel = next.clone();
        }
        lines.push(line);
    }
    Ok(lines)
}

pub(super) fn first_channel() -> Login {
    CHANNELS[0].parse().expect("the demo's channels are logins")
}

/// Plays the script until its end or a signal.
pub(super) async fn play(
    script: &[PlayLine],
    state_dir: &Path,
    cache_dir: &Path,
    module: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut own = OwnModule::open(module)?;
    let stage = Stage::start(state_dir, cache_dir, None).await?;
    if module.is_some() {
        own.next().await.put_on(&stage).await?;
    }
    let exit_code = tokio::select! {
        played = play_script(&stage, script) => played.map(|()| ExitCode::SUCCESS),
        signal = signals.next() => Ok(signal.exit_code()),
    };
    stage.stop().await?;
    exit_code
}

/// Waits after each line until the bot has nothing more to do, so that two runs print the same. Ends early if standard
/// output is closed.
async fn play_script(stage: &Stage, script: &[PlayLine]) -> anyhow::Result<()> {
    let (mut heard, mut reasons) = (stage.subscribe(), Reasons::listen(stage));
    let mut display = Display::default();
    let mut channel = first_channel();
    for line in script {
        let said = match line {
            PlayLine::Nothing => continue,
            PlayLine::Channel(next) => {
                channel = next.clone();
                None
            }
            PlayLine::Pause(pause) => {
                tokio::time::sleep(*pause).await;
                None
            }
            PlayLine::Speech(speech) => Some(stage.say(&channel, speech.clone())?),
        };
        let is_settled = stage.settle(SCRIPT_SETTLES_WITHIN).await;
        let (mut lines, is_answered) = write_heard(&mut heard, &mut display, &channel)?;
        let told = match said {
            None => None,
            Some(SpeakOutcome::Appointment(told)) => Some(told),
            Some(SpeakOutcome::Message(spoken)) => {
                reasons.find(stage, &spoken, is_settled).filter(|_| !is_answered).map(|reason| reason.to_string())
            }
        };
        if let Some(told) = told {
            lines += &format!("({told})\n");
        }
        if print(lines).await? == Reader::Closed {
            return Ok(());
        }
    }
    Ok(())
}

/// Prints on a blocking thread: a signal must be handled even while nobody reads standard output.
async fn print(text: String) -> anyhow::Result<Reader> {
    spawn_blocking(move || output::print(text)).await?
}

/// Returns the waiting messages, one a line, and whether one of them is the bot's, in `channel`.
fn write_heard(
    heard: &mut Receiver<DeliveredMessage>,
    display: &mut Display,
    channel: &Login,
) -> anyhow::Result<(String, bool)> {
    let (mut lines, mut is_answered) = (String::new(), false);
    loop {
        match heard.try_recv() {
            Ok(message) => {
                is_answered |= message.from == BOT && message.channel == channel.as_str();
                let (name, text) = display.show(&message);
                lines += &format!("{name}> {text}\n");
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok((lines, is_answered)),
            Err(TryRecvError::Lagged(missed)) => anyhow::bail!("{missed} messages came too fast to be printed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error("alice> hi\n\n// remark\nhello\n").0, 4);
        assert_eq!(error("#cafe\nbroadcaster shop> hi\n"), (2, PlayLineError::Broadcaster("cafe".parse().unwrap())));
    }

    #[test]
    fn a_script_may_be_written_with_notepad() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}alice> !help\r\n").unwrap();
        assert_eq!(load_script(file.path()).unwrap(), parse("alice> !help").unwrap());
    }

    #[test]
    fn what_was_typed_at_the_prompt_can_be_played() {
        let script = parse("/help\nmoderator carol> hi\n/quit\nno line at all").unwrap();
        assert_eq!(script, [parse_play_line("mod carol> hi", &first_channel()).unwrap()]);
    }

    #[test]
    fn a_byte_order_mark_at_the_start_is_skipped() {
        for text in ["\u{feff}alice> hi", "\u{feff}#cafe\nbroadcaster cafe> hi", "\u{feff}// remark", "\u{feff}"] {
            assert!(parse(text).is_ok(), "{text:?}");
        }
        assert!(parse("alice> hi\n\u{feff}bob> hi").is_err());
    }

    #[test]
    fn the_broadcaster_is_of_the_channel_where_everybody_is() {
        assert!(parse("broadcaster shop> hi\n#cafe\nbroadcaster cafe> hi\n").is_ok());
    }
}
