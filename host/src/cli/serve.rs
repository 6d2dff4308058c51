//! `twitchy serve`: the bot on Twitch, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{check_config, logging, show_first_steps};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file; host/config.example.toml explains every key.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Some(path) = arguments.config else { return Ok(show_first_steps()) };
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(2));
        }
    };
    logging::start_logging("info")?;
    for warning in check_config::list_warnings(&config) {
        tracing::warn!("{warning}");
    }
    todo!("start the app")
}
