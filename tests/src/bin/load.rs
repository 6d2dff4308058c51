//! Measures the real program under load: see `tests::load`.

use std::process::ExitCode;

use clap::Parser;
use tests::load::{blast, ceiling, paced};

/// Plays Twitch to `twitchy serve`, on this machine, and measures what it does.
///
/// Exit code 1 where an answer was lost or the program ended.
#[derive(Debug, Parser)]
enum CommandLine {
    /// Say as many lines as the socket takes: lines and commands within a second, processor time, memory.
    Blast(blast::Arguments),
    /// Say lines at a steady pace: how long answers take, and how much longer beside channels that burn processor time.
    Paced(paced::Arguments),
    /// Blast a client that does next to nothing: what the load test itself can do.
    Ceiling(blast::Arguments),
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse() {
        CommandLine::Blast(arguments) => blast::run(&arguments),
        CommandLine::Paced(arguments) => paced::run(&arguments),
        CommandLine::Ceiling(arguments) => ceiling::run(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}
