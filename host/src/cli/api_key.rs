//! `twitchy api-key`: makes, lists and revokes API keys.
//!
//! With `--config`, the host of that configuration carries out the order over its Unix socket, without a key; this
//! is how the first key is made. If that host is not running, the order changes the database, which only one process at a
//! time can open. With `--url`, a host anywhere is asked over its API, with an operator's key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use hyper::Method;

use super::api_client::{ANOTHER_VERSION, ApiClient, ApiUrl, Question};
use super::channel_name::find_channel_id;
use super::config_file::{USUAL_CONFIG, load_config};
use super::local_host::{AskHostError, LocalHost};
use super::output;
use super::table::align;
use crate::app::data_dir::open_store;
use crate::app::orders::{Answer, Order, answer_about_keys};
use crate::app::status_socket::socket_path;
use crate::app::uid::describe_own_uid;
use crate::config::Config;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::channel_name::ChannelName;
use crate::domain::ports::SystemClock;
use crate::domain::principal::KeyId;
use crate::domain::timestamp::write_timestamp;
use crate::http::shapes::key::{Key, NewKey};
use crate::http::shapes::page::Listed;
use crate::store::{OpenStoreError, Store};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Make a key, and print it: this once and never again.
    Create {
        #[command(flatten)]
        store: KeyStore,
        /// What the key is for.
        #[arg(long)]
        name: String,
        /// `operator`, or `channel:` and a channel's login or Twitch id; more than once for several.
        #[arg(long, required = true)]
        scope: Vec<String>,
        /// After how long it ends, such as 12h or 90d; never unless it is said.
        #[arg(long, value_name = "TIME", value_parser = parse_span)]
        expires: Option<Duration>,
        /// What chatters count as who call commands under the key: everyone, subscriber, vip or moderator.
        #[arg(long)]
        role: Option<String>,
    },
    /// List all keys, without their secrets.
    List {
        #[command(flatten)]
        store: KeyStore,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it opens nothing from now on.
    Revoke {
        #[command(flatten)]
        store: KeyStore,
        /// The key's id: the 12 digits after twk_.
        id: KeyId,
    },
}

/// The host whose keys are meant.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct KeyStore {
    /// The configuration file of a host on this machine, whether it runs or not; no key is needed. config.toml where neither
    /// is given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A running host anywhere, asked with the operator's key in TWITCHY_API_KEY.
    #[arg(long)]
    url: Option<ApiUrl>,
}

pub(super) fn run(action: &Action) -> anyhow::Result<ExitCode> {
    let (Action::Create { store, .. } | Action::List { store, .. } | Action::Revoke { store, .. }) = action;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(url) = &store.url {
            let client = ApiClient::new(Some(url))?;
            return ask_host(&client, action).await.map(|()| ExitCode::SUCCESS);
        }
        let path = store.config.as_deref().unwrap_or(Path::new(USUAL_CONFIG));
        let Some(config) = load_config(path) else { return Ok(ExitCode::from(2)) };
        let mut keys = Keys { host: LocalHost::new(&config.data_dir, path), config: &config, store: None };
        let done = change_keys(&mut keys, action).await;
        keys.close().await?;
        done.map(|()| ExitCode::SUCCESS)
    })
}

/// Access to the API keys of a host on this machine.
struct Keys<'c> {
    host: LocalHost<'c>,
    config: &'c Config,
    /// The database, open only if no host runs.
    store: Option<Store>,
}

impl Keys<'_> {
    /// Sends the order to the running host; if none runs, carries it out on the database.
    async fn order(&mut self, order: Order) -> anyhow::Result<Answer> {
        if self.store.is_none() {
            match self.host.order(&order) {
                Err(error) if matches!(error.downcast_ref(), Some(AskHostError::Absent(_))) => {
                    self.store = Some(self.open_store()?);
                }
                answered => return answered,
            }
        }
        let store = self.store.as_ref().context("the database is open")?;
        let by = Actor::CommandLine { system_user: Some(describe_own_uid().into()) };
        let stamp = Stamp { by, at: SystemTime::now(), address: None };
        answer_about_keys(store, order, stamp, None).await
    }

    fn open_store(&self) -> anyhow::Result<Store> {
        open_store(&self.config.data_dir, Arc::new(SystemClock)).map_err(|error| {
            let is_held = matches!(error.downcast_ref(), Some(OpenStoreError::InUse { .. }));
            if is_held { anyhow::anyhow!("{}", explain_held(self.config)) } else { error }
        })
    }

    async fn close(self) -> anyhow::Result<()> {
        match self.store {
            Some(store) => store.close().await.context("cannot close the database"),
            None => Ok(()),
        }
    }
}

/// The error if a host holds the database but does not answer on its socket.
fn explain_held(config: &Config) -> String {
    let ask_api = config
        .http
        .listen
        .map(|listen| format!("; or ask its API, with an operator's key in TWITCHY_API_KEY: --url {}", url_of(listen)));
    format!(
        "a host holds the database, and nobody answers at {}: it may be starting or stopping, so try again in a moment{}",
        socket_path(&config.data_dir).display(),
        ask_api.unwrap_or_default()
    )
}

async fn change_keys(keys: &mut Keys<'_>, action: &Action) -> anyhow::Result<()> {
    match action {
        Action::Create { name, scope, expires, role, .. } => {
            let wanted = new_key(name, scope.clone(), *expires, role.as_deref(), SystemTime::now());
            let Answer::KeyCreated { secret, api, .. } = keys.order(Order::CreateKey(wanted)).await? else {
                bail!(ANOTHER_VERSION)
            };
            output::print(format!("{secret}\n"))?;
            output::report(where_it_opens(keys, api));
        }
        Action::List { json, .. } => {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let Answer::Keys { items, next } = keys.order(Order::ListKeys { after }).await? else {
                    bail!(ANOTHER_VERSION)
                };
                all.extend(items);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            print_keys(all, *json)?;
        }
        Action::Revoke { id, .. } => {
            keys.order(Order::RevokeKey { id: id.to_string() }).await?;
            output::print(format!("{id} is revoked\n"))?;
        }
    }
    Ok(())
}

/// A note about the new key. `api` is the address where the API of the host that made the key listens.
fn where_it_opens(keys: &Keys<'_>, api: Option<SocketAddr>) -> String {
    let once = "this key is shown this once";
    match (api, keys.config.http.listen) {
        (Some(api), _) => format!("{once}; the API answers at {}", url_of(api)),
        (None, None) => format!("{once}; it opens the API, which http.listen switches off here"),
        (None, Some(_)) if keys.store.is_none() => {
            format!("{once}; it opens the API, which was off when the running host started")
        }
        (None, Some(listen)) if listen.port() == 0 => {
            format!("{once}; the API answers at a free port of {}, which the host logs when it starts", listen.ip())
        }
        (None, Some(listen)) => format!("{once}; the API answers at {} once the host runs", url_of(listen)),
    }
}

/// The URL by which this machine reaches `address`.
fn url_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

async fn ask_host(client: &ApiClient, action: &Action) -> anyhow::Result<()> {
    match action {
        Action::Create { name, scope, expires, role, .. } => {
            let scopes = find_scopes(client, scope).await?;
            let wanted = new_key(name, scopes, *expires, role.as_deref(), SystemTime::now());
            let create = Question::new(Method::POST, "/api/v1/keys").with_json(&wanted);
            let made = client.ask(create).await?.body;
            let secret = made["secret"].as_str().context("the host made a key and does not show it")?;
            output::print(format!("{secret}\n"))?;
        }
        Action::List { json, .. } => {
            print_keys(client.list("/api/v1/keys").await?, *json)?;
        }
        Action::Revoke { id, .. } => {
            client.ask(Question::new(Method::DELETE, format!("/api/v1/keys/{id}"))).await?;
            output::print(format!("{id} is revoked\n"))?;
        }
    }
    Ok(())
}

/// Replaces channels' logins in `scopes` by their ids.
async fn find_scopes(client: &ApiClient, scopes: &[String]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for scope in scopes {
        found.push(match scope.strip_prefix("channel:").map(str::parse::<ChannelName>) {
            Some(Ok(channel)) => format!("channel:{}", find_channel_id(&channel, client).await?),
            _ => scope.clone(),
        });
    }
    Ok(found)
}

fn new_key(name: &str, scopes: Vec<String>, expires: Option<Duration>, role: Option<&str>, now: SystemTime) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes,
        role: role.map(str::to_owned),
        expires_at: expires.map(|after| write_timestamp(now + after)),
    }
}

/// Lists everything about the keys but their secrets.
fn print_keys(keys: Vec<Key>, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        output::print(output::to_json(&Listed { items: keys, next_cursor: None })?)?;
        return Ok(());
    }
    let now = write_timestamp(SystemTime::now());
    let row = |key: &Key| {
        let state = match (&key.revoked_at, &key.expires_at) {
            // Timestamps in this notation sort as text.
            (None, Some(at)) if *at <= now => format!("expired {at}"),
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("expires {at}"),
            (None, None) => "open".to_owned(),
        };
        let used = key.last_used_at.clone().unwrap_or_else(|| "never".to_owned());
        vec![key.id.clone(), key.name.clone(), key.scopes.join(", "), key.created_at.clone(), used, state]
    };
    output::print(align(&["key", "name", "opens", "made", "last used", "state"], keys.iter().map(row)))?;
    Ok(())
}

/// `12h` or `90d`.
fn parse_span(text: &str) -> Result<Duration, String> {
    let read = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return None,
        };
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = number.parse().ok().filter(|number| is_plain && (1..=100_000).contains(number))?;
        Some(Duration::from_secs(u64::from(number) * seconds))
    };
    read().ok_or_else(|| "a time is a number of hours or days, such as 12h or 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_is_reached_from_this_machine() {
        let urls =
            ["127.0.0.1:80", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:1"].map(|text| url_of(text.parse().unwrap()));
        assert_eq!(urls, ["http://127.0.0.1:80", "http://127.0.0.1:8080", "http://[::1]:8080", "http://192.0.2.1:1"]);
    }

    #[test]
    fn a_time_is_hours_or_days() {
        assert_eq!(parse_span("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(parse_span("90d"), Ok(Duration::from_secs(90 * 24 * 3600)));
        for bad in ["", "d", "90", "0d", "-1d", "+1d", "1.5d", "90m", "1dé", "9999999d"] {
            assert!(parse_span(bad).is_err(), "{bad:?}");
        }
    }
}
