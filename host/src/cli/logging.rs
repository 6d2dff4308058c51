//! Where log lines go: standard error, one line each.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::environment;

/// `default` is in force where `TWITCHY_LOG` says nothing. Once a process.
pub(super) fn start_logging(default: &str) -> anyhow::Result<()> {
    let wanted = environment::find_log_filter().unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&wanted)?;
    let has_colors = stderr().is_terminal() && !environment::is_plain_text_wanted();
    let lines = fmt::layer().with_writer(stderr).with_ansi(has_colors).with_target(true);
    // Below info, that library logs the line that carries the account's token: no filter of the operator's opens it.
    let without_tokens =
        filter_fn(|metadata| !metadata.target().starts_with("twitch_irc") || *metadata.level() <= tracing::Level::INFO);
    tracing_subscriber::registry().with(filter).with(without_tokens).with(lines).try_init()?;
    Ok(())
}
