//! Orders from the operator's command line to a running host. They need no key: they come over `status.sock`, which
//! only the host's own system user and root may use (see `status_socket`).
//!
//! An order is one line of JSON, and so is its answer. Guarantees: a refused order changes nothing, and the audit has
//! each change with the system user who asked. Not here: who may give orders, which the socket decides, and anything
//! that the HTTP API offers. Orders exist for what must work before there is a key.

use std::net::SocketAddr;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use super::status::Observer;
use crate::domain::audit::{Actor, Stamp};
use crate::http::shapes::key::{Key, NewKey};
use crate::store::Store;

pub mod channels;
pub mod keys;

use channels::{ChannelStatus, list_channels};

/// The names of all orders, for the answer to an unknown one.
const NAMES: &str = "create-key, list-keys, revoke-key and list-channels";

/// A request to the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// A scope names a channel by its id or its login.
    CreateKey(NewKey),
    /// One page, which begins after the key `after`.
    ListKeys { after: Option<String> },
    RevokeKey {
        /// The 12 digits after `twk_`.
        id: String,
    },
    /// One page, which begins after the last channel of the previous page.
    ListChannels { after: Option<String> },
}

/// The result of an order. Has no `Debug`, because it may hold a secret.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    KeyCreated {
        /// The key itself, which is never shown again.
        secret: String,
        key: Key,
        /// The API's address; `None` if the API is off.
        api: Option<SocketAddr>,
    },
    Keys {
        items: Vec<Key>,
        /// Requests the next page; `None` on the last one.
        next: Option<String>,
    },
    KeyRevoked {
        key: Key,
    },
    Channels {
        items: Vec<ChannelStatus>,
        next: Option<String>,
    },
    /// Nothing was done.
    Refused {
        /// The reason, for people.
        detail: String,
    },
}

/// What orders depend on.
pub(super) struct Orders {
    pub(super) observer: Observer,
    /// The API's address.
    pub(super) api: Option<SocketAddr>,
}

impl Orders {
    /// Carries out the order in `line` for a system user, named as in `root (uid 0)`.
    pub(super) async fn carry_out(&self, line: &[u8], system_user: &str) -> Answer {
        let order = match serde_json::from_slice(line) {
            Ok(order) => order,
            Err(error) => return Answer::Refused { detail: refuse_line(&error) },
        };
        let by = Actor::CommandLine { system_user: Some(system_user.into()) };
        let stamp = Stamp { by, at: self.observer.host.clock.now().wall, address: None };
        self.answer(order, stamp).await.unwrap_or_else(|error| Answer::Refused { detail: error.to_string() })
    }

    async fn answer(&self, order: Order, stamp: Stamp) -> anyhow::Result<Answer> {
        let store = &self.observer.host.store;
        if let Order::ListChannels { after } = &order {
            let wanted = store.host.list_wanted().await?;
            let (items, next) = list_channels(&self.observer, &wanted, after.as_deref(), stamp.at);
            return Ok(Answer::Channels { items, next });
        }
        answer_about_keys(store, order, stamp, self.api).await
    }
}

/// Carries out an order about keys, for which the store is enough. `api` is the API's address.
pub async fn answer_about_keys(
    store: &Store,
    order: Order,
    stamp: Stamp,
    api: Option<SocketAddr>,
) -> anyhow::Result<Answer> {
    Ok(match order {
        Order::CreateKey(wanted) => {
            let (secret, key) = keys::create_key(store, wanted, stamp).await?;
            Answer::KeyCreated { secret, key, api }
        }
        Order::ListKeys { after } => {
            let (items, next) = keys::list_keys(store, after.as_deref()).await?;
            Answer::Keys { items, next }
        }
        Order::RevokeKey { id } => Answer::KeyRevoked { key: keys::revoke_key(store, &id, stamp).await? },
        Order::ListChannels { .. } => bail!("channels are listed by a running host"),
    })
}

fn refuse_line(error: &serde_json::Error) -> String {
    format!("this is no order of twitchy {}, which knows {NAMES}: {error}", env!("CARGO_PKG_VERSION"))
}
