//! `twitchy compile-module`: what the host starts for itself, to compile what a stranger uploaded. Not for people.

use std::process::ExitCode;

use crate::sandbox::compile::compiler::run_child;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The order, as the host writes it.
    #[arg(value_name = "ORDER")]
    order: Vec<String>,
}

/// Without a runtime, a log or a configuration: the less there is, the less there is to be taken over.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    run_child(&arguments.order)?;
    Ok(ExitCode::SUCCESS)
}
