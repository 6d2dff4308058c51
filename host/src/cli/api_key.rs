//! `twitchy api-key`: makes, lists and revokes the keys of the API.
//!
//! Without a running host it works on the database, which is how the first key is made; one process holds the database, so
//! a running host is asked over its API.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use hyper::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::api_client::{ApiClient, ApiUrl, HostArguments, Question};
use super::load_config;
use super::table::{Row, align};
use crate::app::open_store;
use crate::domain::audit::{Actor, Stamp};
use crate::domain::ports::SystemClock;
use crate::domain::principal::KeyId;
use crate::http::api::keys::{Key, NewKey, make_key};
use crate::http::entropy::SystemEntropy;
use crate::http::key::KeySecret;
use crate::http::timestamp::write_timestamp;
use crate::store::api_keys::{Revoked, Spare};
use crate::store::{OpenStoreError, Store};

const IN_USE: &str = "a host is running with this configuration and holds the database. Ask it instead, with an operator's \
                      key in TWITCHY_API_KEY and --url, such as --url http://127.0.0.1:8080; the very first key is made \
                      while the host is stopped";
/// Keys of one page.
const PAGE: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a key, and print it: this once and never again.
    Create {
        #[command(flatten)]
        place: Place,
        /// What the key is for.
        #[arg(long)]
        name: String,
        /// `operator`, or `channel:` and a channel's id; more than once for several.
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
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it opens nothing from now on.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The key's id: the 12 digits after twk_.
        id: KeyId,
    },
}

/// Where the keys are.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The configuration file of a host that is not running.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A running host, asked with the key in TWITCHY_API_KEY.
    #[arg(long)]
    url: Option<ApiUrl>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (Action::Create { place, .. } | Action::List { place, .. } | Action::Revoke { place, .. }) = &arguments.action;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(url) = &place.url {
            let client = ApiClient::new(&HostArguments { url: Some(url.clone()) })?;
            return ask_host(&client, &arguments.action).await.map(|()| ExitCode::SUCCESS);
        }
        let Some(config) = place.config.as_deref().and_then(load_config) else { return Ok(ExitCode::from(2)) };
        let store = open_store(&config.data_dir, Arc::new(SystemClock)).map_err(|error| {
            let is_held = matches!(error.downcast_ref(), Some(OpenStoreError::InUse { .. }));
            if is_held { error.context(IN_USE) } else { error }
        })?;
        let done = change_store(&store, &arguments.action).await;
        store.close().await.context("cannot close the database")?;
        done.map(|()| ExitCode::SUCCESS)
    })
}

async fn change_store(store: &Store, action: &Action) -> anyhow::Result<()> {
    let now = SystemTime::now();
    let stamp = Stamp { by: Actor::CommandLine, at: now, address: None };
    match action {
        Action::Create { name, scope, expires, role, .. } => {
            let wanted = new_key(name, scope, *expires, role.as_deref(), now);
            let secret = KeySecret::make(&SystemEntropy);
            let key = make_key(&secret, &wanted, now).map_err(|wrong| {
                let lines: Vec<String> =
                    wrong.iter().map(|wrong| format!("{} {}", wrong.field, wrong.detail)).collect();
                anyhow::anyhow!("{}", lines.join("; "))
            })?;
            store.save_api_key(key, stamp).await?;
            println!("{}", secret.reveal().expose_secret());
        }
        Action::List { json, .. } => {
            let mut keys = Vec::new();
            let mut last: Option<KeyId> = None;
            loop {
                let page = store.list_api_keys(last.as_ref(), PAGE)?;
                let Some(end) = page.last() else { break };
                last = Some(end.id.clone());
                keys.extend(page.iter().map(|key| Key::show(key, None)));
            }
            print_keys(&keys, *json)?;
        }
        Action::Revoke { id, .. } => {
            let revoked = store.revoke_api_key(id.clone(), Spare::Nothing, stamp).await?;
            anyhow::ensure!(revoked != Revoked::Unknown, "there is no key {id}");
            println!("{id} is revoked");
        }
    }
    Ok(())
}

async fn ask_host(client: &ApiClient, action: &Action) -> anyhow::Result<()> {
    match action {
        Action::Create { name, scope, expires, role, .. } => {
            let wanted = new_key(name, scope, *expires, role.as_deref(), SystemTime::now());
            let create = Question::new(Method::POST, "/api/v1/keys").with_json(&serde_json::to_value(wanted)?);
            let made = client.ask(create).await?.body;
            println!("{}", made["secret"].as_str().context("the host made a key and does not show it")?);
        }
        Action::List { json, .. } => {
            let keys = client.list("/api/v1/keys").await?;
            let keys = keys.into_iter().map(serde_json::from_value).collect::<Result<Vec<Key>, _>>();
            let keys = keys.context("the host answers in another version's words")?;
            print_keys(&keys, *json)?;
        }
        Action::Revoke { id, .. } => {
            client.ask(Question::new(Method::DELETE, format!("/api/v1/keys/{id}"))).await?;
            println!("{id} is revoked");
        }
    }
    Ok(())
}

fn new_key(name: &str, scopes: &[String], expires: Option<Duration>, role: Option<&str>, now: SystemTime) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        role: role.map(str::to_owned),
        expires_at: expires.map(|after| write_timestamp(now + after)),
    }
}

/// The secret itself is the one thing that is never listed.
fn print_keys(keys: &[Key], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let keys: Value = json!({ "items": keys });
        println!("{keys:#}");
        return Ok(());
    }
    let now = write_timestamp(SystemTime::now());
    let row = |key: &Key| {
        let state = match (&key.revoked_at, &key.expires_at) {
            // Written like this, moments are in the order of their texts.
            (None, Some(at)) if *at <= now => format!("expired {at}"),
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("expires {at}"),
            (None, None) => "open".to_owned(),
        };
        let used = key.last_used_at.clone().unwrap_or_else(|| "never".to_owned());
        vec![key.id.clone(), key.name.clone(), key.scopes.join(", "), key.created_at.clone(), used, state]
    };
    let rows: Vec<Row> = keys.iter().map(row).collect();
    print!("{}", align(&["key", "name", "opens", "made", "last used", "state"], &rows));
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
    fn a_time_is_hours_or_days() {
        assert_eq!(parse_span("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(parse_span("90d"), Ok(Duration::from_secs(90 * 24 * 3600)));
        for bad in ["", "d", "90", "0d", "-1d", "+1d", "1.5d", "90m", "1dé", "9999999d"] {
            assert!(parse_span(bad).is_err(), "{bad:?}");
        }
    }
}
