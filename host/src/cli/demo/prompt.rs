//! `twitchy demo` without a script: an interactive chat.

use std::collections::HashMap;
use std::io::{IsTerminal, stdout};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use fake_twitch::DeliveredMessage;
use secrecy::ExposeSecret;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::names::BOT;
use super::own_module::{Built, OwnModule};
use super::script::first_channel;
use super::silence::Reasons;
use super::speech::{Display, PlayLine, PlayLineError, PromptCommand, Speech, parse_play_line, show_span};
use super::stage::{SETTLE_WITHIN, SpeakOutcome, Stage};
use super::state::State;
use super::terminal::{Terminal, Typed};
use super::welcome::{help, welcome};
use crate::cli::signals::Signals;
use crate::config::environment;
use crate::domain::id::Login;
use crate::domain::prefix::Prefix;
use crate::domain::role::Role;

/// How long the demo's end waits for the remaining lines to be shown.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// Runs the chat until /quit, the end of the input, a closed output, or a signal.
pub(super) async fn chat(
    state: &State,
    cache_dir: &Path,
    api: Option<SocketAddr>,
    module: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut own = OwnModule::open(module)?;
    let stage = Stage::start(state.path(), cache_dir, api).await?;
    let mut feed = ChatFeed { heard: stage.subscribe(), reasons: Reasons::listen(&stage) };
    let mut chat = Chat::new(Terminal::open(prompt_of(&first_channel(), "alice"))?);
    chat.terminal.show(welcome(&chat.channel, &stage.list_joined(), &prefix_in(&stage, &chat.channel)));
    chat.terminal.show(format!("{}\n", state.describe()));
    if let Some(api) = stage.open_api().await? {
        chat.terminal.show(format!(
            "The API is at http://{0}, and described at http://{0}/api/docs. For another terminal:\n  \
             export TWITCHY_URL=http://{0} TWITCHY_API_KEY={1}\n  {4} module list\n\
             #shop is channel {2} there, and #cafe {3}. The key ends in a day.",
            api.address,
            api.key.expose_secret(),
            api.channels[0],
            api.channels[1],
            std::env::args().next().unwrap_or_else(|| "twitchy".to_owned()),
        ));
    }
    loop {
        tokio::select! {
            message = feed.heard.recv() => match message {
                Ok(message) => chat.show(&message),
                Err(RecvError::Lagged(missed)) => chat.terminal.show(format!("({missed} messages were not shown)")),
                Err(RecvError::Closed) => break,
            },
            built = own.next() => chat.swap(&stage, built).await,
            typed = chat.terminal.typed.recv() => {
                let Some(Typed { line, next_prompt }) = typed else { break };
                if PromptCommand::find(&line) == Some(PromptCommand::Quit) {
                    break;
                }
                chat.take(&stage, &mut feed, line.trim()).await;
                // Fails only if the terminal's thread has ended, which the next `recv` reports.
                next_prompt.send(prompt_of(&chat.channel, chat.speaker.as_str())).ok();
            }
            _ = signals.next() => break,
            _ = &mut chat.terminal.closed => break,
        }
    }
    chat.show_waiting(&mut feed.heard);
    let shown = spawn_blocking(|| chat.terminal.finish());
    // If nobody reads the output, the lines are never shown: gives up at the timeout.
    drop(timeout(SHOWN_WITHIN, shown).await);
    stop(stage, signals).await
}

/// Stops the stage; a second signal ends the wait.
async fn stop(stage: Stage, mut signals: Signals) -> anyhow::Result<ExitCode> {
    tokio::select! {
        stopped = stage.stop() => stopped.map(|()| ExitCode::SUCCESS),
        signal = signals.next() => Ok(signal.exit_code()),
    }
}

fn prompt_of(channel: &Login, speaker: &str) -> String {
    format!("#{channel} {speaker}> ")
}

fn prefix_in(stage: &Stage, channel: &Login) -> Prefix {
    stage.find_setup(channel).map(|setup| setup.prefix.clone()).unwrap_or_default()
}

/// The messages of all channels, and the host's reports of unanswered messages.
struct ChatFeed {
    heard: Receiver<DeliveredMessage>,
    reasons: Reasons,
}

/// The state of the conversation: where the user is, as which chatter and in which role.
struct Chat {
    terminal: Terminal,
    channel: Login,
    speaker: Login,
    role: Role,
    display: Display,
    /// When a chatter last spoke, by channel: the bot's answers are timed from then.
    last_at: HashMap<String, Instant>,
    has_colors: bool,
}

impl Chat {
    fn new(terminal: Terminal) -> Chat {
        Chat {
            terminal,
            channel: first_channel(),
            speaker: "alice".parse().expect("alice is a login"),
            role: Role::Everyone,
            display: Display::default(),
            last_at: HashMap::new(),
            has_colors: stdout().is_terminal() && !environment::is_plain_text_wanted(),
        }
    }

    /// Carries out a typed line. Returns when the bot has answered, or the reason for its silence is known and shown.
    async fn take(&mut self, stage: &Stage, feed: &mut ChatFeed, line: &str) {
        if PromptCommand::find(line) == Some(PromptCommand::Help) {
            return self.terminal.show(help(&self.channel, &prefix_in(stage, &self.channel)));
        }
        match self.read(line) {
            Ok(PlayLine::Nothing) => {}
            Ok(PlayLine::Channel(channel)) => self.channel = channel,
            Ok(PlayLine::Pause(pause)) => tokio::time::sleep(pause).await,
            Ok(PlayLine::Speech(speech)) => return self.speak(stage, feed, speech).await,
            // This error's text already lists the commands.
            Err(error @ PlayLineError::NoSuchCommand { .. }) => self.terminal.show(format!("({error})")),
            Err(error) => self.terminal.show(format!("({error}; /help says more)")),
        }
        self.show_waiting(&mut feed.heard);
    }

    async fn swap(&mut self, stage: &Stage, built: Built) {
        let told = match built.put_on(stage).await {
            Ok(told) => self.paint("2", &format!("({told})")),
            Err(error) => self.paint("31", &format!("({error:#})")),
        };
        self.terminal.show(told);
    }

    async fn speak(&mut self, stage: &Stage, feed: &mut ChatFeed, speech: Speech) {
        self.speaker = speech.name.clone();
        self.role = speech.role;
        let said = stage.say(&self.channel, speech);
        let is_settled = stage.settle(SETTLE_WITHIN).await;
        let is_answered = self.show_waiting(&mut feed.heard);
        let told = match said {
            Ok(SpeakOutcome::Message(spoken)) => feed
                .reasons
                .find(stage, &spoken, is_settled)
                .filter(|_| !is_answered)
                .map(|reason| reason.show_with_time()),
            Ok(SpeakOutcome::Appointment(told)) => Some(told),
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(told) = told {
            self.terminal.show(self.paint("2", &format!("({told})")));
        }
    }

    /// Parses a typed line. Without a name, the last speaker says it, in the same role.
    fn read(&self, line: &str) -> Result<PlayLine, PlayLineError> {
        let is_bare = !line.starts_with(['#', '.']) && !line.starts_with("//");
        // A name has no blank before its `>`, so that `5 > 3` is a text.
        let has_name = line.split_once('>').is_some_and(|(name, _)| !name.ends_with(' '));
        if line.is_empty() || !is_bare || has_name {
            return parse_play_line(line, &self.channel);
        }
        // The broadcaster role is valid in the own channel only, and there Twitch derives it from the id.
        let role = if self.role == Role::Broadcaster { Role::Everyone } else { self.role };
        Speech::check(self.speaker.clone(), role, line, &self.channel).map(PlayLine::Speech)
    }

    /// Shows the waiting messages. True if one is the bot's, in the current channel.
    fn show_waiting(&mut self, heard: &mut Receiver<DeliveredMessage>) -> bool {
        let mut is_answered = false;
        loop {
            match heard.try_recv() {
                Ok(message) => {
                    is_answered |= message.from == BOT && message.channel == self.channel.as_str();
                    self.show(&message);
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return is_answered,
            }
        }
    }

    fn show(&mut self, message: &DeliveredMessage) {
        let (name, text) = self.display.show(message);
        let place =
            if message.channel == self.channel.as_str() { String::new() } else { format!("#{} ", message.channel) };
        if name != BOT {
            self.last_at.insert(message.channel.clone(), message.at);
            if !self.terminal.has_echo {
                self.terminal.show(format!("{place}{name}> {text}"));
            }
            return;
        }
        let took = self.last_at.get(&message.channel).map(|last_at| show_span(message.at.duration_since(*last_at)));
        let took = took.map(|took| format!("   {}", self.paint("2", &format!("({took})")))).unwrap_or_default();
        self.terminal.show(format!("{place}{} {text}{took}", self.paint("1;35", &format!("{name}>"))));
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.has_colors { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::speech::Words;
    use super::*;

    fn chat() -> Chat {
        Chat::new(Terminal::closed())
    }

    #[test]
    fn a_line_without_a_name_is_the_last_speakers() {
        let mut chat = chat();
        (chat.speaker, chat.role) = ("carol".parse().unwrap(), Role::Moderator);
        for line in ["!settings", "I think 5 > 3"] {
            let words = Words::Message(line.to_owned());
            let speech = Speech { name: chat.speaker.clone(), role: Role::Moderator, words };
            assert_eq!(chat.read(line), Ok(PlayLine::Speech(speech)));
        }
        assert!(matches!(chat.read("dan> hi"), Ok(PlayLine::Speech(speech)) if speech.name.as_str() == "dan"));
        assert_eq!(chat.read("#cafe"), Ok(PlayLine::Channel("cafe".parse().unwrap())));
        assert_eq!(chat.read("// 5 > 3"), Ok(PlayLine::Nothing));
        assert_eq!(chat.read(""), Ok(PlayLine::Nothing));
        assert!(chat.read("king dan> hi").is_err());
    }

    #[test]
    fn nobody_stays_the_broadcaster_of_another_channel() {
        let mut chat = chat();
        (chat.speaker, chat.role) = ("shop".parse().unwrap(), Role::Broadcaster);
        assert!(matches!(chat.read("hi"), Ok(PlayLine::Speech(speech)) if speech.role == Role::Everyone));
    }
}
