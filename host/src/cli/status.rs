//! `twitchy status`: asks the running host of a configuration for its status, and prints it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::api_client::ANOTHER_VERSION;
use super::config_file::{USUAL_CONFIG, load_config};
use super::local_host::LocalHost;
use super::output;
use crate::app::status::Status;
use crate::app::status::problems::list_problems;

mod report;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file of the host.
    #[arg(long, value_name = "FILE", default_value = USUAL_CONFIG)]
    pub(super) config: PathBuf,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Exit code 0 if the host reports no problem, 1 if it reports one or no host runs, 2 if the configuration is invalid.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(config) = load_config(&arguments.config) else { return Ok(ExitCode::from(2)) };
    let answer = match LocalHost::new(&config.data_dir, &arguments.config).ask_status() {
        Ok(answer) => answer,
        Err(error) => {
            output::report(error);
            return Ok(ExitCode::FAILURE);
        }
    };
    if arguments.json {
        output::print(&answer)?;
    }
    let status: Status = serde_json::from_slice(&answer).context(ANOTHER_VERSION)?;
    let problems = list_problems(&status);
    if !arguments.json {
        output::print(report::write_report(&status, &problems))?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
