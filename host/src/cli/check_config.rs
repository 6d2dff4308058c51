//! `twitchy check-config`: reads the file and the tokens and does all else that `serve` does before it connects. Starts
//! nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use super::config_file::{USUAL_CONFIG, load_config};
use super::output;
use crate::app::check::list_obstacles;
use crate::config::token::{is_readable_by_others, load_access_token};
use crate::config::{AccountConfig, Config, TokenSource};

const LIMITS_OFF: &str = "limits.enforce is false: nothing holds messages and joins back, which is for load tests only";

const PLAIN_HTTP: &str =
    "http.listen is reached by other machines, and http.public_url is no https:// one: keys may travel in plain text";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = USUAL_CONFIG)]
    pub(super) config: PathBuf,
}

/// Exit code 2 if the configuration is invalid or has a problem; warnings do not count.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(config) = load_config(&arguments.config) else { return Ok(ExitCode::from(2)) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let obstacles = runtime.block_on(list_obstacles(&config));
    let obstacles = obstacles.iter().map(|obstacle| format!("{obstacle:#}"));
    let problems: Vec<String> = config.accounts.iter().filter_map(find_problem).chain(obstacles).collect();
    for problem in &problems {
        output::report(problem);
    }
    for warning in list_warnings(&config) {
        output::report(warning);
    }
    if !problems.is_empty() {
        return Ok(ExitCode::from(2));
    }
    output::print(format!("{} is fine: {}\n", arguments.config.display(), summary(&config)))?;
    Ok(ExitCode::SUCCESS)
}

fn find_problem(account: &AccountConfig) -> Option<String> {
    let error = load_access_token(&account.token).err()?;
    Some(format!("account {}: {error}", account.login))
}

/// Settings that work but are unsafe.
pub(super) fn list_warnings(config: &Config) -> Vec<String> {
    let open_file = |account: &AccountConfig| match &account.token {
        TokenSource::File(path) if is_readable_by_others(path) => Some(format!(
            "account {}: others on this machine can read {path}; close it with: chmod 600 {path}",
            account.login,
            path = path.display()
        )),
        _ => None,
    };
    let unlimited = (!config.limits.enforce).then(|| LIMITS_OFF.to_owned());
    let is_https = config.http.public_url.as_ref().is_some_and(|url| url.is_https);
    let is_open = config.http.listen.is_some_and(|listen| !listen.ip().is_loopback()) && !is_https;
    let open = is_open.then(|| PLAIN_HTTP.to_owned());
    config.accounts.iter().filter_map(open_file).chain(unlimited).chain(open).collect()
}

fn summary(config: &Config) -> String {
    let accounts: Vec<&str> = config.accounts.iter().map(|account| account.login.as_str()).collect();
    let channels: Vec<String> = config.channels.join.iter().map(|channel| format!("#{}", channel.login)).collect();
    let channels = if channels.is_empty() { "no channel yet".to_owned() } else { channels.join(", ") };
    format!("{} in {channels}, data in {}", accounts.join(" and "), config.data_dir.display())
}
