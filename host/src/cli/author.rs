//! `twitchy module new`, `build`, `check`, `diff`, `run` and `test`: what an author does on their own machine, without a
//! running host.

use std::process::ExitCode;

use clap::Subcommand;

mod blocking;
pub(super) mod build;
mod capability;
mod check;
mod cures;
mod diff;
mod gate;
mod new;
mod performance;
mod run;
mod scene;
pub(super) mod source;
mod stage;
mod test;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Make a new module: a small project that builds and passes its own tests at once.
    New(new::New),
    /// Build the module in a folder into its component.
    Build(build::Build),
    /// Say what a host would say to an upload, and what chat and creators will see.
    Check(check::Check),
    /// Compare two versions: what changes in chat, and what creators will be asked.
    Diff(diff::Diff),
    /// Run one command in the real sandbox on this machine, and show all that it did.
    Run(run::Run),
    /// Play transcripts against the module in the real sandbox.
    Test(test::Test),
}

pub(super) fn run(action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::New(new) => new.run(),
        Action::Build(build) => build.run(),
        Action::Check(check) => check.run(),
        Action::Diff(diff) => diff.run(),
        Action::Run(run) => run.run(),
        Action::Test(test) => test.run(),
    }
}
