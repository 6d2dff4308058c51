//! What the operator's command line asks a running host to do, without a key: over `status.sock`, which only the host's own
//! system user and root may use (see `status_socket`).
//!
//! An order is one line of JSON, and so is its answer. Promised: an order that is refused changes nothing, and each change is
//! in the audit with the system user who asked. Absent: who may give orders, which the socket decides, and anything that
//! the HTTP API does already: orders exist for what has to work before there is a key.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::audit::{Actor, Stamp};
use crate::domain::ports::Clock;
use crate::http::shapes::key::{Key, NewKey};
use crate::store::Store;

use super::status::Observer;

pub mod channels;
pub mod keys;

use channels::{ChannelStatus, list_channels};
use keys::OrderKeysError;

/// The names of all orders, for whoever sends an unknown one.
const NAMES: &str = "create-key, list-keys, revoke-key and list-channels";

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// A scope names a channel by its id or by its login.
    CreateKey(NewKey),
    /// One page, beginning behind the key `after`.
    ListKeys { after: Option<String> },
    RevokeKey {
        /// The 12 digits after `twk_`.
        id: String,
    },
    /// One page, beginning behind the channel that was the last one of the page before.
    ListChannels { after: Option<String> },
}

/// What came of an order. Has no Debug: it may hold a secret.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    KeyCreated {
        /// The key itself, which is shown here and never again.
        secret: String,
        key: Key,
        /// The address that the API answers at; None where it is off.
        api: Option<SocketAddr>,
    },
    Keys {
        items: Vec<Key>,
        /// Asks for the next page; None on the last one.
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
        /// For people.
        detail: String,
    },
}

/// What orders work with.
pub(super) struct Orders {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Observer,
    /// Where the API answers.
    pub(super) api: Option<SocketAddr>,
}

impl Orders {
    /// Carries out the order that `line` holds, for the system user of that name and number.
    pub(super) async fn carry_out(&self, line: &[u8], system_user: &str) -> Answer {
        let order = match serde_json::from_slice(line) {
            Ok(order) => order,
            Err(error) => return Answer::Refused { detail: refuse_line(&error) },
        };
        let by = Actor::CommandLine { system_user: Some(system_user.into()) };
        let stamp = Stamp { by, at: self.clock.now().wall, address: None };
        self.answer(order, stamp).await.unwrap_or_else(|error| Answer::Refused { detail: error.to_string() })
    }

    async fn answer(&self, order: Order, stamp: Stamp) -> Result<Answer, OrderKeysError> {
        match order {
            Order::CreateKey(wanted) => {
                let (secret, key) = keys::create_key(&self.store, wanted, stamp).await?;
                Ok(Answer::KeyCreated { secret, key, api: self.api })
            }
            Order::ListKeys { after } => {
                let (items, next) = keys::list_keys(&self.store, after.as_deref()).await?;
                Ok(Answer::Keys { items, next })
            }
            Order::RevokeKey { id } => {
                let key = keys::revoke_key(&self.store, &id, stamp).await?;
                Ok(Answer::KeyRevoked { key })
            }
            Order::ListChannels { after } => {
                let wanted = self.store.list_wanted().await?;
                let (items, next) = list_channels(&self.observer, &wanted, after.as_deref(), stamp.at);
                Ok(Answer::Channels { items, next })
            }
        }
    }
}

fn refuse_line(error: &serde_json::Error) -> String {
    format!("this is no order of twitchy {}, which knows {NAMES}: {error}", env!("CARGO_PKG_VERSION"))
}
