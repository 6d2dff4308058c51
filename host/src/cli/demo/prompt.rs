//! `twitchy demo`: a chat to type in.

use std::collections::HashMap;
use std::io::{IsTerminal, stdout};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use fake_twitch::Observed;
use secrecy::ExposeSecret;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::State;
use super::script::first_channel;
use super::speech::{Cue, Display, PlayLineError, Speech, parse_cue};
use super::stage::{BOT, Stage};
use super::terminal::{Terminal, Typed};
use crate::cli::signals::Signals;
use crate::config::environment;
use crate::domain::id::Login;
use crate::domain::role::Role;

/// What the end waits for lines to be shown.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

const BANNER: &str = "\
This is Twitch in a box, with the real bot in it. It sits in #shop, where you are, and in #cafe.
  alice> !balance        somebody says something; without a name, whoever spoke last
  mod carol> !settings   the same as a moderator; so too vip, sub, and broadcaster shop>
  #cafe                  go to another channel
  /help                  more of this; /quit or Ctrl-D ends it
Try !balance, then bob> !balance @alice, then !help, then !join and #bob.";

const HELP: &str = "\
What can be typed:
  alice> !balance        what alice owns; bob and carol own something too
  alice> !help           what alice may use here; !help COMMAND explains one
  alice> !join           calls the bot to #alice, where alice is the broadcaster
  #alice                 go there; every chatter has a channel
  alice> /mod twitchy    there: the bot need not wait a second between answers any more
  mod carol> !settings   the set-up of the channel; !settings show MODULE tells more
  shop> !settings prefix ?
  alice> /me waves       as at Twitch
  // anything            a remark
  /quit                  the end
A chatter waits a few seconds between commands, and is not answered before; moderators need not wait.";

/// Until /quit, the end of the input, or a signal.
pub(super) async fn chat(state: &State, cache_dir: &Path, api: Option<SocketAddr>) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let stage = Stage::start(state.path(), cache_dir, api).await?;
    let mut heard = stage.subscribe();
    let mut chat = Chat::new(Terminal::open(prompt_of(&first_channel(), "alice"))?);
    chat.welcome(state);
    if let Some(door) = stage.open_api().await? {
        chat.terminal.show(format!(
            "The API is at http://{0}, and described at http://{0}/api/docs. For another terminal:\n  \
             export TWITCHY_URL=http://{0} TWITCHY_API_KEY={1}\n  {4} module list\n\
             #shop is channel {2} there, and #cafe {3}. The key ends in a day.",
            door.address,
            door.key.expose_secret(),
            door.channels[0],
            door.channels[1],
            std::env::args().next().unwrap_or_else(|| "twitchy".to_owned()),
        ));
    }
    loop {
        tokio::select! {
            message = heard.recv() => match message {
                Ok(message) => chat.show(&message),
                Err(RecvError::Lagged(missed)) => chat.terminal.show(format!("({missed} messages were not shown)")),
                Err(RecvError::Closed) => break,
            },
            typed = chat.terminal.typed.recv() => {
                let Some(Typed { line, next_prompt }) = typed else { break };
                if line.trim() == "/quit" {
                    break;
                }
                chat.take(&stage, line.trim()).await;
                chat.show_waiting(&mut heard);
                // Gone only when the terminal is.
                next_prompt.send(prompt_of(&chat.channel, chat.speaker.as_str())).ok();
            }
            _ = signals.next() => break,
        }
    }
    chat.show_waiting(&mut heard);
    let shown = spawn_blocking(|| chat.terminal.finish());
    // Where nobody reads, it never will be.
    drop(timeout(SHOWN_WITHIN, shown).await);
    stop(stage, signals).await
}

/// A second signal does not wait for the end.
async fn stop(stage: Stage, mut signals: Signals) -> anyhow::Result<ExitCode> {
    tokio::select! {
        stopped = stage.stop() => stopped.map(|()| ExitCode::SUCCESS),
        signal = signals.next() => Ok(signal.exit_code()),
    }
}

fn prompt_of(channel: &Login, speaker: &str) -> String {
    format!("#{channel} {speaker}> ")
}

/// The conversation, as whoever types sees it.
struct Chat {
    terminal: Terminal,
    channel: Login,
    speaker: Login,
    role: Role,
    display: Display,
    /// When somebody last spoke in a channel: an answer to nobody in particular is timed from there.
    asked: HashMap<String, Instant>,
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
            asked: HashMap::new(),
            has_colors: stdout().is_terminal() && !environment::is_plain_text_wanted(),
        }
    }

    fn welcome(&self, state: &State) {
        self.terminal.show(BANNER);
        self.terminal.show(match state {
            State::Kept(folder) => format!("All of it is kept in {}; --fresh starts anew.\n", folder.display()),
            State::Fresh(_) => "All of it is forgotten at the end.\n".to_owned(),
        });
    }

    /// Returns when the bot has answered.
    async fn take(&mut self, stage: &Stage, line: &str) {
        if line == "/help" {
            return self.terminal.show(HELP);
        }
        match self.read(line) {
            Ok(Cue::Nothing) => {}
            Ok(Cue::Channel(channel)) => self.channel = channel,
            Ok(Cue::Pause(pause)) => tokio::time::sleep(pause).await,
            Ok(Cue::Speech(speech)) => {
                self.speaker = speech.name.clone();
                self.role = speech.role;
                if let Err(error) = stage.say(&self.channel, &speech) {
                    self.terminal.show(format!("({error})"));
                }
                stage.settle().await;
            }
            Err(error) => self.terminal.show(format!("({error}; /help says more)")),
        }
    }

    /// A line without a name is the last speaker's, in the role of that time.
    fn read(&self, line: &str) -> Result<Cue, PlayLineError> {
        let is_bare = !line.starts_with(['#', '.']) && !line.starts_with("//");
        // `5 > 3` is something to say, too: a name has no blank before its `>`.
        let has_name = line.split_once('>').is_some_and(|(name, _)| !name.ends_with(' '));
        if line.is_empty() || !is_bare || has_name {
            return parse_cue(line, &self.channel);
        }
        // Whoever was the broadcaster is not elsewhere, and is anyway at home.
        let role = if self.role == Role::Broadcaster { Role::Everyone } else { self.role };
        Speech::check(self.speaker.clone(), role, line).map(Cue::Speech)
    }

    fn show_waiting(&mut self, heard: &mut Receiver<Observed>) {
        loop {
            match heard.try_recv() {
                Ok(message) => self.show(&message),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn show(&mut self, message: &Observed) {
        let (name, text) = self.display.show(message);
        let place =
            if message.channel == self.channel.as_str() { String::new() } else { format!("#{} ", message.channel) };
        if name != BOT {
            self.asked.insert(message.channel.clone(), message.at);
            if !self.terminal.has_echo {
                self.terminal.show(format!("{place}{name}> {text}"));
            }
            return;
        }
        let took = self.asked.get(&message.channel).map(|asked| show_span(message.at.duration_since(*asked)));
        let took = took.map(|took| format!("   {}", self.paint("2", &format!("({took})")))).unwrap_or_default();
        self.terminal.show(format!("{place}{} {text}{took}", self.paint("1;35", &format!("{name}>"))));
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.has_colors { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `0.9 ms`, `12 ms`, `1.5 s`
fn show_span(span: Duration) -> String {
    let milliseconds = span.as_secs_f64() * 1000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        10.0..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", milliseconds / 1000.0),
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
            assert_eq!(chat.read(line), Ok(Cue::Speech(speech)));
        }
        assert!(matches!(chat.read("dan> hi"), Ok(Cue::Speech(speech)) if speech.name.as_str() == "dan"));
        assert_eq!(chat.read("#cafe"), Ok(Cue::Channel("cafe".parse().unwrap())));
        assert_eq!(chat.read("// 5 > 3"), Ok(Cue::Nothing));
        assert_eq!(chat.read(""), Ok(Cue::Nothing));
        assert!(chat.read("king dan> hi").is_err());
    }

    #[test]
    fn nobody_stays_the_broadcaster_of_another_channel() {
        let mut chat = chat();
        (chat.speaker, chat.role) = ("shop".parse().unwrap(), Role::Broadcaster);
        assert!(matches!(chat.read("hi"), Ok(Cue::Speech(speech)) if speech.role == Role::Everyone));
    }

    #[test]
    fn a_span_has_two_digits_or_so() {
        let shown = [850, 9_949, 12_300, 999_000, 1_540_000].map(|micros| show_span(Duration::from_micros(micros)));
        assert_eq!(shown, ["0.8 ms", "9.9 ms", "12 ms", "999 ms", "1.5 s"]);
    }
}
