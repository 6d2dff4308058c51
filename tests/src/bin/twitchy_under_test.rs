//! The whole program once more, where the tests can start it: cargo tells tests of one package of no other's programs.

use std::process::ExitCode;

fn main() -> ExitCode {
    twitchy::cli::run(std::env::args_os())
}
