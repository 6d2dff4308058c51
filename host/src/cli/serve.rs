//! `twitchy serve`: runs the bot on Twitch until a signal stops it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, info, warn};

use super::check_config;
use super::config_file::{USUAL_CONFIG, load_config};
use super::logging::Logging;
use super::signals::Signals;
use crate::app::credentials::ConfiguredTokens;
use crate::app::{App, Dependencies};
use crate::config::Config;
use crate::domain::ports::SystemClock;
use crate::joining::JoinPolicy;
use crate::setup::defaults::NewChannelRules;
use crate::telemetry::log_queue::LostLines;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file; host/config.example.toml explains every key.
    #[arg(long, value_name = "FILE", default_value = USUAL_CONFIG)]
    pub(super) config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(config) = load_config(&arguments.config) else { return Ok(ExitCode::from(2)) };
    let logging = Logging::start("info", config.log.format)?;
    for warning in check_config::list_warnings(&config) {
        warn!("{warning}");
    }
    let served = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(anyhow::Error::from);
    let served = served.and_then(|runtime| {
        let served = runtime.block_on(serve(config, logging.lost_lines()));
        // Does not wait for blocking threads: one may still wait for a disk or a directory service.
        runtime.shutdown_background();
        served
    });
    Ok(served.unwrap_or_else(|error| logging.report(&error)))
}

async fn serve(config: Config, lost_log_lines: LostLines) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let dependencies = Dependencies {
        clock: Arc::new(SystemClock),
        credentials: Arc::new(ConfiguredTokens::new(&config.accounts)),
        new_channels: NewChannelRules::Essentials,
        // `!join` stays closed until there is a policy: otherwise strangers could add any number of channels.
        join_policy: JoinPolicy::Closed,
        twitch_counts_on: true,
        cache_dir: config.data_dir.join("cache"),
        lost_log_lines,
    };
    let mut app = App::start(config, dependencies).await?;
    let exit_code = tokio::select! {
        signal = signals.next() => {
            info!(?signal, "stopping; a second signal stops at once");
            ExitCode::SUCCESS
        }
        task = app.ended() => {
            error!(%task, "a task ended that never should: stopping");
            ExitCode::FAILURE
        }
    };
    tokio::select! {
        stopped = app.stop() => stopped.map(|()| exit_code),
        signal = signals.next() => Ok(signal.exit_code()),
    }
}
