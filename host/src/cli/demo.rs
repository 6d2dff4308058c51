//! `twitchy demo`: the real host and a fake Twitch server in one process, for chatting with the bot without an account.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::logging::Logging;
use super::output;
use crate::config::environment;
use crate::config::log_format::LogFormat;
use state::State;

mod moderators;
mod names;
mod own_module;
mod prompt;
mod script;
mod silence;
mod speech;
mod stage;
mod state;
mod terminal;
mod welcome;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Begin anew for this run only: what is kept is neither used nor changed.
    #[arg(long, conflicts_with = "state")]
    pub(super) fresh: bool,
    /// Delete for good what earlier runs have kept in the demo's own folder, and begin anew.
    #[arg(long, conflicts_with_all = ["fresh", "script", "state"])]
    pub(super) reset: bool,
    /// Play the lines of this file, and print the whole chat. It begins anew, unless --state names a folder.
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// Answer the HTTP API too, on this machine: at port 8080, or at the address given; 127.0.0.1:0 takes any free port.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080", value_parser = parse_loopback, conflicts_with = "script")]
    pub(super) api: Option<SocketAddr>,
    /// A component, or the folder of a crate that is built: the module answers in every channel, and each change of it is
    /// there within a moment.
    #[arg(long, value_name = "FILE|DIR")]
    pub(super) module: Option<PathBuf>,
    /// The folder that keeps the demo's state, in place of the demo's own.
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let script = match arguments.script.as_deref().map(script::load_script).transpose() {
        Ok(script) => script,
        Err(error) => {
            output::report(format_args!("{error:#}"));
            return Ok(ExitCode::from(2));
        }
    };
    let state = State::choose(arguments.state.as_deref(), arguments.fresh || arguments.script.is_some())?;
    if arguments.reset {
        output::print(format!("{}\n", state.reset()?))?;
    }
    let logging = Logging::start("warn", LogFormat::Text)?;
    let cache_dir = environment::find_artefact_dir().unwrap_or_else(|| state.path().join("cache"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let module = arguments.module.as_deref();
    let ended = match script {
        Some(script) => runtime.block_on(script::play(&script, state.path(), &cache_dir, module)),
        None => runtime.block_on(prompt::chat(&state, &cache_dir, arguments.api, module)),
    };
    // Does not wait for blocking threads: one may be printing to a pipe that nobody reads.
    runtime.shutdown_background();
    Ok(ended.unwrap_or_else(|error| logging.report(&error)))
}

/// Accepts only loopback addresses: the API key is shown on the screen, and other machines must not be able to use it.
fn parse_loopback(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
    address.ok_or_else(|| "an address of this machine, such as 127.0.0.1:8080".to_owned())
}
