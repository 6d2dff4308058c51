//! Who calls: the holder of an API key, and from where.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;

use super::error::ApiError;
use super::error::refusals::{FORBIDDEN, KEY_MISSING};
use crate::domain::audit::{Actor, Stamp};
use crate::domain::id::ChannelId;
use crate::domain::principal::{CallerId, KeyScope};
use crate::domain::role::Role;
use crate::modules::powers::Powers;
use crate::store::host::api_keys::ApiKey;

/// The holder of a key that is valid. As an argument of an endpoint it is whoever the table lets in.
#[derive(Clone, Debug)]
pub struct Principal {
    key: Arc<ApiKey>,
    caller: CallerId,
    address: IpAddr,
}

impl Principal {
    pub fn new(key: ApiKey, address: IpAddr) -> Principal {
        Principal { caller: CallerId::Key(key.id.clone()), key: Arc::new(key), address }
    }

    /// The principal of a request that has passed the gate.
    ///
    /// # Errors
    /// `key_missing` where the table asks for no key.
    pub fn of(extensions: &Extensions) -> Result<Principal, ApiError> {
        Ok(extensions.get().cloned().ok_or(KEY_MISSING)?)
    }

    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Under which the caller is counted, limited and remembered.
    pub fn caller(&self) -> &CallerId {
        &self.caller
    }

    /// What chatters count as under this key; None where the key says nothing of it.
    pub fn role(&self) -> Option<Role> {
        self.key.role
    }

    pub fn is_operator(&self) -> bool {
        self.key.scopes.contains(&KeyScope::Operator)
    }

    /// Whether it opens a channel, as its creator's or as the operator's.
    pub fn may_act_in(&self, channel: ChannelId) -> bool {
        self.is_operator() || self.key.scopes.contains(&KeyScope::Channel(channel))
    }

    /// The channels that it opens; None for all.
    pub fn channels(&self) -> Option<Vec<ChannelId>> {
        let channel = |scope: &KeyScope| match scope {
            KeyScope::Operator => None,
            KeyScope::Channel(channel) => Some(*channel),
        };
        self.key.scopes.iter().map(channel).collect()
    }

    pub fn powers(&self) -> Powers {
        if self.is_operator() { Powers::Operator } else { Powers::Creator }
    }

    pub fn require_operator(&self) -> Result<(), ApiError> {
        if self.is_operator() { Ok(()) } else { Err(FORBIDDEN.into()) }
    }

    /// For a channel that the table does not see, such as that of `?channel=`.
    pub fn require_channel(&self, channel: ChannelId) -> Result<(), ApiError> {
        if self.may_act_in(channel) { Ok(()) } else { Err(FORBIDDEN.into()) }
    }

    pub fn actor(&self) -> Actor {
        Actor::Caller { id: self.caller.clone(), name: self.key.name.clone() }
    }

    /// For what is changed at its wish.
    pub fn stamp(&self, at: SystemTime) -> Stamp {
        Stamp { by: self.actor(), at, address: Some(self.address) }
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Principal::of(&parts.extensions)
    }
}
