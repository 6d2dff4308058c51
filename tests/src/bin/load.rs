//! The load test of the real program: see `tests::load`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Parser;
use tests::load::{blast, ceiling, chat, echo_client, paced};

/// Plays Twitch to `twitchy serve`, on this machine, and measures what it does.
///
/// Exit code 1 where an answer was lost or the program ended.
#[derive(Debug, Parser)]
enum CommandLine {
    /// Say as many lines as the socket takes: lines and commands within a second, processor time, memory.
    Blast(blast::Arguments),
    /// Say lines at a steady pace: how long answers take and what they cost, compared with a client that only answers; and how
    /// long they take beside channels that burn processor time.
    Paced(paced::Arguments),
    /// Blast a client that does next to nothing: what the load test itself can do.
    Ceiling(blast::Arguments),
    /// Be the client that only answers.
    #[command(hide = true)]
    EchoClient {
        /// Where the load test listens on this machine.
        port: u16,
        channels: usize,
    },
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse() {
        CommandLine::Blast(arguments) => blast::run(&arguments),
        CommandLine::Paced(arguments) => paced::run(&arguments),
        CommandLine::Ceiling(arguments) => ceiling::run(&arguments),
        CommandLine::EchoClient { port, channels } => answer_calls(port, channels),
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

fn answer_calls(port: u16, channels: usize) -> anyhow::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    echo_client::answer_calls(address, (0..channels).map(chat::channel_login))?;
    Ok(true)
}
