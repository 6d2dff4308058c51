//! `twitchy demo`: the host and a Twitch in a box in one process, to chat with.

use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Forget everything at the end, instead of keeping it for the next time.
    #[arg(long, conflicts_with = "state")]
    pub(super) fresh: bool,
    /// Play the lines of this file, and print the whole chat.
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// The folder that keeps the demo's state.
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
}

pub(super) fn run(_arguments: Arguments) -> anyhow::Result<ExitCode> {
    todo!("start the demo")
}
