//! `twitchy status`: asks the host that runs with a configuration how it is, and shows the answer.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;

use super::{USUAL_CONFIG, load_config};
use crate::app::status::Status;
use crate::app::status::socket::socket_path;

mod report;

/// For the whole answer; a host that is well takes a millisecond.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

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
    let socket = socket_path(&config.data_dir);
    let answer = match ask(&socket) {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("{}", explain(&error, &socket, &arguments.config));
            return Ok(ExitCode::FAILURE);
        }
    };
    if arguments.json {
        io::stdout().write_all(&answer)?;
    }
    let status: Status = serde_json::from_slice(&answer).context("the host answers in another version's words")?;
    let problems = status.list_problems();
    if !arguments.json {
        io::stdout().write_all(report::write_report(&status, &problems).as_bytes())?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ask(socket: &Path) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    // It is just about to stop.
    if answer.is_empty() { Err(ErrorKind::ConnectionRefused.into()) } else { Ok(answer) }
}

fn explain(error: &io::Error, socket: &Path, config: &Path) -> String {
    let (socket, config) = (socket.display(), config.display());
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
            "no host runs with this configuration: nobody answers at {socket}\n\
             start it with: twitchy serve --config {config}"
        ),
        ErrorKind::PermissionDenied => {
            format!("{socket} is another system user's: ask as the one that the host runs as")
        }
        ErrorKind::InvalidInput => {
            format!(
                "the path {socket} is too long for a socket: a host there can only be asked once its data_dir is shorter"
            )
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("the host at {socket} gives no answer within {}s: it hangs", ANSWERED_WITHIN.as_secs())
        }
        _ => format!("cannot ask the host at {socket}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_cannot_ask_is_told_what_to_do() {
        let explain = |kind: ErrorKind| explain(&kind.into(), Path::new("data/status.sock"), Path::new("a.toml"));
        let expected = "no host runs with this configuration: nobody answers at data/status.sock\n\
                        start it with: twitchy serve --config a.toml";
        assert_eq!(explain(ErrorKind::NotFound), expected);
        assert_eq!(explain(ErrorKind::ConnectionRefused), expected);
        assert!(explain(ErrorKind::PermissionDenied).contains("ask as the one that the host runs as"));
        let long = Path::new("/tmp").join("a".repeat(200));
        let error = ask(&long).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}
