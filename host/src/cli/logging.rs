//! Where log lines go: standard error, one line each.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::environment;
use crate::twitch::INDISCREET_TARGET;

/// `default` is in force where `TWITCHY_LOG` says nothing. Once a process.
pub(super) fn start_logging(default: &str) -> anyhow::Result<()> {
    let wanted = environment::find_log_filter().unwrap_or_else(|| default.to_owned());
    let filter =
        EnvFilter::try_new(&wanted).context("TWITCHY_LOG is no filter such as \"info\" or \"twitchy=debug\"")?;
    let has_colors = stderr().is_terminal() && !environment::is_plain_text_wanted();
    subscriber(filter, has_colors, stderr).try_init()?;
    Ok(())
}

fn subscriber<W>(filter: EnvFilter, has_colors: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // No filter of the operator's opens it.
    let without_tokens = filter_fn(|metadata| {
        let is_indiscreet = metadata.target().starts_with(INDISCREET_TARGET) && *metadata.level() > Level::INFO;
        !is_indiscreet
    });
    let lines = fmt::layer().with_writer(writer).with_ansi(has_colors);
    tracing_subscriber::registry().with(filter).with(without_tokens).with(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;

    /// What is logged under the filter by `log`.
    fn logged(filter: &str, log: impl FnOnce()) -> String {
        let heard = TestLog::start(|file| subscriber(EnvFilter::new(filter), false, file));
        log();
        heard.text()
    }

    #[test]
    fn no_filter_lets_the_library_log_tokens() {
        for filter in ["trace", "twitch_irc=trace", "twitch_irc::connection=trace,info"] {
            let text = logged(filter, || {
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
        let text = logged("info", || tracing::info!(lines = said, "a module has something to say"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
