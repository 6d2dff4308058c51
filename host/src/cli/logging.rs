//! The log: records on standard error, one line each, as text or as JSON.
//!
//! Guarantees: logging never waits for the reader of standard error, and the process's end only for half a second.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::os::fd::AsFd;
use std::panic::{PanicHookInfo, set_hook};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde_json::json;
use tracing::{Level, Subscriber, error, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::environment;
use crate::config::log_format::LogFormat;
use crate::domain::timestamp::write_timestamp;
use crate::telemetry::log_queue::{LogQueue, LostLines};
use crate::twitch::irc::INDISCREET_TARGET;

/// How long the end of the process waits for the remaining lines to be written.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// The log of this process. Dropping it waits up to [`WRITTEN_WITHIN`] for queued lines to be written.
pub(super) struct Logging {
    queue: LogQueue,
    format: LogFormat,
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.queue.wait_until_written(WRITTEN_WITHIN);
    }
}

impl Logging {
    /// Starts the log; may be called once a process. `default` is the filter if `TWITCHY_LOG` is not set.
    ///
    /// # Errors
    /// `TWITCHY_LOG` is no valid filter, standard error cannot be used, or the log is already started.
    pub(super) fn start(default: &str, format: LogFormat) -> anyhow::Result<Logging> {
        let wanted = environment::find_log_filter().unwrap_or_else(|| default.to_owned());
        let filter =
            EnvFilter::try_new(&wanted).context("TWITCHY_LOG is no filter such as \"info\" or \"twitchy=debug\"")?;
        let has_colors = stderr().is_terminal() && !environment::is_plain_text_wanted();
        // A separate handle, because writers of `std::io::stderr` hold its lock for as long as a write blocks.
        let output = stderr().as_fd().try_clone_to_owned().context("cannot use standard error")?;
        let report_loss =
            |lost| warn!(lost, "log lines were lost: standard error was not read fast enough, or was closed");
        let queue = LogQueue::start(File::from(output), report_loss).context("cannot start the log")?;
        let writer = queue.clone();
        subscriber(filter, format, has_colors, move || writer.clone()).try_init()?;
        // The default hook writes to standard error, so that a panicking task would block there, holding its locks.
        set_hook(Box::new(log_panic));
        Ok(Logging { queue, format })
    }

    pub(super) fn lost_lines(&self) -> LostLines {
        self.queue.lost_lines()
    }

    /// Logs the error that ends the program, regardless of the filter.
    pub(super) fn report(&self, error: &anyhow::Error) -> ExitCode {
        self.queue.put(write_failure(error, self.format).as_bytes());
        ExitCode::FAILURE
    }
}

fn write_failure(error: &anyhow::Error, format: LogFormat) -> String {
    match format {
        LogFormat::Text => format!("twitchy: {error:#}\n"),
        LogFormat::Json => {
            let timestamp = write_timestamp(SystemTime::now());
            let record = json!({ "timestamp": timestamp, "level": "ERROR", "message": format!("{error:#}") });
            format!("{record}\n")
        }
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    let place = panic.location().map(ToString::to_string);
    let panic = panic.payload_as_str();
    error!(panic, place, thread = thread::current().name(), backtrace, "a thread panicked");
}

fn subscriber<W>(filter: EnvFilter, format: LogFormat, has_colors: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A second filter, so that no `TWITCHY_LOG` can make the library log tokens.
    let without_tokens = filter_fn(|metadata| {
        let is_indiscreet = metadata.target().starts_with(INDISCREET_TARGET) && *metadata.level() > Level::INFO;
        !is_indiscreet
    });
    let lines = match format {
        LogFormat::Text => fmt::layer().with_writer(writer).with_ansi(has_colors).boxed(),
        LogFormat::Json => fmt::layer().with_writer(writer).json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(without_tokens).with(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::log::TestLog;

    /// The text that `log` logs under `filter`.
    fn logged(filter: &str, format: LogFormat, log: impl FnOnce()) -> String {
        let heard = TestLog::start(|file| subscriber(EnvFilter::new(filter), format, false, file));
        log();
        heard.text()
    }

    #[test]
    fn no_filter_lets_the_library_log_tokens() {
        for filter in ["trace", "twitch_irc=trace", "twitch_irc::connection=trace,info"] {
            let text = logged(filter, LogFormat::Text, || {
                tracing::debug!(target: "twitch_irc::connection", "PASS oauth:secret");
                tracing::info!(target: "twitch_irc::connection", "connected");
                tracing::info!(target: "twitchy", "mine");
            });
            assert!(!text.contains("secret"), "{filter}: {text}");
            assert!(text.contains("connected"), "{filter}: {text}");
        }
    }

    #[test]
    fn what_a_module_says_cannot_forge_a_line() {
        let said = "all is well\n2026-01-01 ERROR forged\u{1b}[2J";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged("info", format, || tracing::info!(lines = said, "a module has something to say"));
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn a_record_of_json_has_its_message_and_its_fields() {
        let text = logged("info", LogFormat::Json, || tracing::warn!(account = %"mybot", lost = 3, "said \"so\""));
        let record: Value = serde_json::from_str(&text).unwrap();
        let field = |name: &str| record[name].clone();
        assert_eq!((field("level"), field("message")), (json!("WARN"), json!("said \"so\"")));
        assert_eq!((field("account"), field("lost")), (json!("mybot"), json!(3)));
        assert!(field("timestamp").is_string() && field("target").is_string(), "{text}");
    }

    #[test]
    fn why_the_program_ends_is_one_record_in_either_format() {
        let error = anyhow::anyhow!("no room").context("cannot open the database");
        assert_eq!(write_failure(&error, LogFormat::Text), "twitchy: cannot open the database: no room\n");
        let record: Value = serde_json::from_str(&write_failure(&error, LogFormat::Json)).unwrap();
        assert_eq!(record["message"], "cannot open the database: no room");
    }
}
