//! The caller of an endpoint: the holder of an API key, and the address that the request comes from.

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

/// The holder of a valid key. As an argument of an endpoint: the caller, whom the table has let in.
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
    /// `key_missing`: the endpoint needs no key, so the gate identified no caller.
    pub fn of(extensions: &Extensions) -> Result<Principal, ApiError> {
        Ok(extensions.get().cloned().ok_or(KEY_MISSING)?)
    }

    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The id by which limits, quotas and kept answers know the caller.
    pub fn caller(&self) -> &CallerId {
        &self.caller
    }

    /// The role of chatters for whom this key calls commands; `None` if the key sets none.
    pub fn role(&self) -> Option<Role> {
        self.key.role
    }

    pub fn is_operator(&self) -> bool {
        self.key.scopes.contains(&KeyScope::Operator)
    }

    /// Whether the key has the scope of `channel` or the operator's.
    pub fn may_act_in(&self, channel: ChannelId) -> bool {
        self.is_operator() || self.key.scopes.contains(&KeyScope::Channel(channel))
    }

    /// The channels of the key's scopes; `None` for the operator, who may act in all.
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

    /// Checks a channel that is not in the path, such as that of `?channel=`, which the table cannot check.
    pub fn require_channel(&self, channel: ChannelId) -> Result<(), ApiError> {
        if self.may_act_in(channel) { Ok(()) } else { Err(FORBIDDEN.into()) }
    }

    /// The audit's stamp for a change by this caller.
    pub fn stamp(&self, at: SystemTime) -> Stamp {
        let by = Actor::Caller { id: self.caller.clone(), name: self.key.name.clone() };
        Stamp { by, at, address: Some(self.address) }
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Principal::of(&parts.extensions)
    }
}
