//! `twitchy status`: asks the host that runs with a configuration how it is, and shows the answer.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::api_client::ANOTHER_VERSION;
use super::local_host::LocalHost;
use super::{USUAL_CONFIG, load_config, output};
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

/// Exit code 0 where all is well, 1 where it is not or no host runs, 2 where the configuration is wrong.
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
