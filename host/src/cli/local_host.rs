//! A client of the local host of a configuration, over the Unix socket in its data folder. It needs no API key.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::api_client::ANOTHER_VERSION;
use crate::app::orders::{Answer, Order};
use crate::app::status_socket::socket_path;

/// Timeout of each read and write; a healthy host answers within a millisecond.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Most bytes of an answer: more than the status of a host with 100,000 channels that cannot be joined.
const LONGEST_ANSWER: u64 = 16 << 20;
/// Tries of one order. To a late order a host answers with its status; five in a row mean that it knows no orders.
const TRIES: usize = 5;

/// The host of a configuration, which may or may not be running.
pub(super) struct LocalHost<'c> {
    socket: PathBuf,
    /// The configuration file, for messages to people.
    config: &'c Path,
}

/// Why a host gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskHostError {
    /// No host runs, or the socket's path is too long for a host to listen on it.
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Unable(String),
}

/// The fields that the status of every host version has: they tell a status from the answer to an order.
#[derive(Deserialize)]
struct StatusHead {
    version: String,
    #[serde(rename = "uptime_seconds")]
    _uptime: f64,
}

impl<'c> LocalHost<'c> {
    pub(super) fn new(data_dir: &Path, config: &'c Path) -> LocalHost<'c> {
        LocalHost { socket: socket_path(data_dir), config }
    }

    /// The status as one line of JSON, as the host wrote it.
    pub(super) fn ask_status(&self) -> Result<Vec<u8>, AskHostError> {
        self.ask(None).map_err(|error| self.explain(&error))
    }

    /// # Errors
    /// [`AskHostError`] if the host gave no answer (callers treat an absent host differently), or the host's refusal.
    pub(super) fn order(&self, order: &Order) -> anyhow::Result<Answer> {
        let line = serde_json::to_vec(order)?;
        let mut version = String::new();
        for _ in 0..TRIES {
            let answer = self.ask(Some(&line)).map_err(|error| self.explain(&error))?;
            match serde_json::from_slice::<StatusHead>(&answer) {
                Ok(status) => version = status.version,
                Err(_) => return read_answer(&answer),
            }
        }
        bail!(
            "the host that runs is twitchy {version}, which only tells its status: restart it with this program (twitchy {})",
            env!("CARGO_PKG_VERSION")
        )
    }

    fn ask(&self, order: Option<&[u8]>) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
        stream.set_write_timeout(Some(ANSWERED_WITHIN))?;
        // A host may answer and close its end before it has read the order: sending then fails, reading does not.
        let sent = stream.write_all(order.unwrap_or_default()).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        match BufReader::new(stream).take(LONGEST_ANSWER).read_until(b'\n', &mut answer) {
            Ok(_) if !answer.is_empty() => Ok(answer),
            // The host is stopping: the connection ended without an answer.
            Ok(_) => Err(sent.err().unwrap_or_else(|| ErrorKind::ConnectionRefused.into())),
            Err(error) => Err(error),
        }
    }

    fn explain(&self, error: &io::Error) -> AskHostError {
        let (socket, config) = (self.socket.display(), self.config.display());
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => AskHostError::Absent(format!(
                "no host runs with this configuration: nobody answers at {socket}\n\
                 start it with: twitchy serve --config {config}"
            )),
            ErrorKind::InvalidInput => AskHostError::Absent(format!(
                "the path {socket} is too long for a socket: a host there can only be asked once its data_dir is shorter"
            )),
            ErrorKind::PermissionDenied => AskHostError::Unable(format!(
                "{socket} is another system user's: ask as the one that the host runs as, or as root"
            )),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => AskHostError::Unable(format!(
                "the host at {socket} gives no answer within {}s: it hangs",
                ANSWERED_WITHIN.as_secs()
            )),
            _ => AskHostError::Unable(format!("cannot ask the host at {socket}: {error}")),
        }
    }
}

fn read_answer(line: &[u8]) -> anyhow::Result<Answer> {
    match serde_json::from_slice(line).context(ANOTHER_VERSION)? {
        Answer::Refused { detail } => bail!("the host refuses: {detail}"),
        answer => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    const STATUS: &str = r#"{"version":"0.0.9","uptime_seconds":1.0,"accounts":[]}"#;

    fn host(data_dir: &Path) -> LocalHost<'static> {
        LocalHost::new(data_dir, Path::new("a.toml"))
    }

    #[test]
    fn an_operator_who_cannot_ask_learns_what_to_do() {
        let explain = |kind: ErrorKind| host(Path::new("data")).explain(&kind.into());
        let expected = "no host runs with this configuration: nobody answers at data/status.sock\n\
                        start it with: twitchy serve --config a.toml";
        assert_eq!(explain(ErrorKind::NotFound).to_string(), expected);
        assert_eq!(explain(ErrorKind::ConnectionRefused).to_string(), expected);
        let told = explain(ErrorKind::PermissionDenied).to_string();
        assert!(told.contains("ask as the one that the host runs as"), "{told}");
        let long = Path::new("/tmp").join("a".repeat(200));
        let error = host(&long).ask_status().unwrap_err();
        assert!(matches!(&error, AskHostError::Absent(told) if told.contains("too long for a socket")), "{error}");
    }

    /// Gives an order to a host that sends one of `answers` to each client, before it reads anything.
    fn order_of(answers: &[&'static str]) -> anyhow::Result<Answer> {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket_path(folder.path())).unwrap();
        let answers: Vec<String> = answers.iter().map(|answer| format!("{answer}\n")).collect();
        thread::spawn(move || {
            for answer in answers {
                let mut stream = listener.accept().unwrap().0;
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        host(folder.path()).order(&Order::ListKeys { after: None })
    }

    #[test]
    fn an_order_that_was_taken_for_a_wish_to_see_the_status_is_given_again() {
        let listed = order_of(&[STATUS, STATUS, r#"{"answer":"keys","items":[],"next":null}"#]).unwrap();
        assert!(matches!(listed, Answer::Keys { items, next: None } if items.is_empty()));
        let refused = order_of(&[r#"{"answer":"refused","detail":"why"}"#]).err().unwrap();
        assert_eq!(refused.to_string(), "the host refuses: why");
    }

    #[test]
    fn an_older_host_and_one_of_other_words_are_distinguished() {
        let told = order_of(&[STATUS; TRIES]).err().unwrap().to_string();
        assert!(
            told.starts_with("the host that runs is twitchy 0.0.9, which only tells its status: restart it"),
            "{told}"
        );
        let told = order_of(&[r#"{"answer":"sung"}"#]).err().unwrap().to_string();
        assert_eq!(told, ANOTHER_VERSION);
    }
}
