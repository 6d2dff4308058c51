//! `twitchy channel`: lists the channels of a host on this machine, and the bot's state in each.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;

use super::api_client::ANOTHER_VERSION;
use super::config_file::{USUAL_CONFIG, load_config};
use super::local_host::LocalHost;
use super::output;
use super::table::align;
use crate::app::orders::channels::ChannelStatus;
use crate::app::orders::{Answer, Order};
use crate::http::shapes::page::Listed;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// List the channels: Twitch id, login, display name, bot account, where the bot stands, and the modules that answer.
    #[command(after_help = "Example:\n  twitchy channel list --config config.toml")]
    List {
        /// The configuration file of a running host on this machine; no key is needed.
        #[arg(long, value_name = "FILE", default_value = USUAL_CONFIG)]
        config: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(Action::List { config: path, json }: &Action) -> anyhow::Result<ExitCode> {
    let Some(config) = load_config(path) else { return Ok(ExitCode::from(2)) };
    let host = LocalHost::new(&config.data_dir, path);
    let (mut channels, mut after) = (Vec::new(), None);
    loop {
        let Answer::Channels { items, next } = host.order(&Order::ListChannels { after })? else {
            bail!(ANOTHER_VERSION)
        };
        channels.extend(items);
        after = next;
        if after.is_none() {
            break;
        }
    }
    let shown =
        if *json { output::to_json(&Listed { items: channels, next_cursor: None })? } else { report(&channels) };
    output::print(shown)?;
    Ok(ExitCode::SUCCESS)
}

fn report(channels: &[ChannelStatus]) -> String {
    if channels.is_empty() {
        return "no channel yet: name one in [channels] join of the configuration, or say !join where the bot is\n"
            .to_owned();
    }
    let row = |channel: &ChannelStatus| {
        let id = channel.id.clone().unwrap_or_else(|| "not known yet".to_owned());
        let display_name = channel.display_name.clone().unwrap_or_default();
        let modules = channel.modules.join(", ");
        vec![channel.login.clone(), id, display_name, channel.account.clone(), channel.state.clone(), modules]
    };
    align(&["channel", "id", "name", "account", "state", "modules"], channels.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_was_never_joined_has_no_id_yet() {
        let shop = ChannelStatus {
            id: Some("100".to_owned()),
            login: "shop".to_owned(),
            display_name: Some("Shop".to_owned()),
            account: "mybot".to_owned(),
            state: "joined".to_owned(),
            modules: vec!["help".to_owned(), "settings".to_owned()],
        };
        let state = "cannot be joined: banned there".to_owned();
        let cafe = ChannelStatus {
            id: None,
            login: "cafe".to_owned(),
            display_name: None,
            state,
            modules: vec![],
            ..shop.clone()
        };
        let expected = "\
channel  id             name  account  state                           modules
cafe     not known yet        mybot    cannot be joined: banned there
shop     100            Shop  mybot    joined                          help, settings
";
        assert_eq!(report(&[cafe, shop]), expected);
        assert!(report(&[]).starts_with("no channel yet"));
    }
}
