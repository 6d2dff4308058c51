//! `twitchy compile-module`: the child process in which the host compiles an uploaded module. Not for people.

use std::process::ExitCode;

use crate::sandbox::compile::compiler::run_child;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The order, as the host writes it.
    #[arg(value_name = "ORDER")]
    order: Vec<String>,
}

/// Starts no async runtime and no log, and reads no configuration: the less there is, the less a hostile module gains.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    run_child(&arguments.order)?;
    Ok(ExitCode::SUCCESS)
}
