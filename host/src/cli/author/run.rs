//! `twitchy module run`: one message to a module in the real sandbox, and all that came of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, bail};
use tokio::task::spawn_blocking;

use super::blocking::block_on;
use super::performance::describe;
use super::scene::{Scene, parse_balance, parse_pair};
use super::source::Source;
use super::stage::{Stage, Web};
use crate::cli::output;
use crate::cli::signals::Signals;
use crate::domain::amount::Amount;
use crate::domain::id::Login;
use crate::domain::manifest::SizeClass;
use crate::transcript::{Said, Step, parse_step};

const EXAMPLES: &str = "\
Examples:
  twitchy module run '!roll 2d6'
  twitchy module run dice.wasm '!roll 2d6' --as 'mod carol' --set sides=20
  twitchy module run '!roll' --watch

Exit code: 0 where the module answered, 1 where it broke, was not built or was not called, 2 where the line makes no sense.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, allow_missing_positional = true)]
pub(in crate::cli) struct Run {
    /// A component, or the folder of a crate, which is built.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    module: PathBuf,
    /// What is written in chat, such as '!roll 2d6'.
    message: String,
    /// Who writes it: a name, after a role if you like: sub, vip, mod or broadcaster.
    #[arg(long = "as", value_name = "[ROLE] NAME", default_value = "alice")]
    speaker: String,
    /// The channel.
    #[arg(long, value_name = "LOGIN", default_value = "shop")]
    channel: Login,
    /// A setting of the module.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A secret setting of the module. Other users of this machine can see it: use one made for tests.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    secret: Vec<(String, String)>,
    /// What a chatter owns, such as 'alice 5'.
    #[arg(long, value_name = "NAME AMOUNT", value_parser = balance)]
    balance: Vec<(Login, Amount)>,
    /// Keep what the module stores in this folder, from run to run.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Let requests go to the web, within the module's own list of hosts. Without it, none is answered.
    #[arg(long)]
    web: bool,
    /// The seed of the random numbers; another one each time, unless it is said.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The component brings a JavaScript or Python runtime along.
    #[arg(long)]
    large: bool,
    /// Run again on each change of the file, or of the crate's sources, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    parse_pair(text).map_err(|error| error.to_string())
}

fn balance(text: &str) -> Result<(Login, Amount), String> {
    parse_balance(text).map_err(|error| format!("{error:#}"))
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let said = match parse_message(&self.speaker, &self.message) {
            Ok(said) => said,
            Err(error) => {
                output::report(format_args!("twitchy: {error:#}"));
                return Ok(ExitCode::from(2));
            }
        };
        let source = Source::find(&self.module)?;
        match self.watch {
            false => block_on(self.perform(&source, &said)),
            true => block_on(self.perform_again_and_again(&source, &said)),
        }
    }

    async fn perform_again_and_again(&self, source: &Source, said: &Said) -> anyhow::Result<ExitCode> {
        let (mut signals, mut watch) = (Signals::listen()?, source.watch());
        loop {
            let performed_and_changed = async {
                if let Err(error) = self.perform(source, said).await {
                    output::report(format_args!("twitchy: {error:#}"));
                }
                output::report("waiting for a change; Ctrl-C ends it");
                watch.changed().await;
            };
            tokio::select! {
                () = performed_and_changed => {}
                signal = signals.next() => return Ok(signal.exit_code()),
            }
        }
    }

    async fn perform(&self, source: &Source, said: &Said) -> anyhow::Result<ExitCode> {
        let source = source.clone();
        let component = spawn_blocking(move || source.load()).await??;
        let size = if self.large { SizeClass::Large } else { SizeClass::Small };
        let web = if self.web { Web::Real } else { Web::Rehearsed };
        let seed = match self.seed {
            Some(seed) => seed,
            None => getrandom::u64().context("the system has no randomness")?,
        };
        let mut scene = Scene::plain(self.channel.clone(), SystemTime::now(), seed);
        (scene.settings, scene.secrets, scene.balances) = (self.set.clone(), self.secret.clone(), self.balance.clone());
        let mut stage = Stage::open(&component, size, &scene, web, self.state.as_deref()).await?;
        let performance = stage.hear(said).await;
        let report = describe(&performance, said, &stage);
        stage.close().await?;
        output::print(report)?;
        let has_answered = performance.report.is_some_and(|report| report.outcome.blame() == "none");
        Ok(if has_answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The message as the speaker says it; `speaker` is a name, perhaps after a role.
fn parse_message(speaker: &str, message: &str) -> anyhow::Result<Said> {
    if message.lines().count() != 1 {
        bail!("a chat message is one line");
    }
    if !message.contains(' ') && Path::new(message).exists() {
        bail!("{message} is a file: say the message too, as in twitchy module run {message} '!roll'");
    }
    match parse_step(&format!("{speaker}> {message}")) {
        Ok(Step::Said(said)) => Ok(said),
        Ok(_) => bail!("--as {speaker:?} is no name"),
        Err(error) => bail!("--as {speaker:?}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::Role;

    #[test]
    fn a_speaker_has_a_name_and_perhaps_a_role() {
        let said = parse_message("mod carol", "!roll 2d6").unwrap();
        assert_eq!((said.name.as_str(), said.role, said.text.as_str()), ("carol", Role::Moderator, "!roll 2d6"));
        let error = |speaker, message| parse_message(speaker, message).unwrap_err().to_string();
        assert_eq!(
            error("king carol", "!roll"),
            "--as \"king carol\": before the name stand only sub, vip, mod, broadcaster, reply, copy or again"
        );
        assert_eq!(error("#carol", "!roll"), "--as \"#carol\": a name is 1 to 25 letters, digits or underscores");
        assert_eq!(error("carol", "!roll\nbob> !roll"), "a chat message is one line");
    }
}
