//! The bot accounts' access tokens, for the connections: the port `Credentials`, over the configuration.

use std::collections::HashMap;

use secrecy::SecretString;

use crate::config::token::{LoadTokenError, load_access_token};
use crate::config::{AccountConfig, TokenSource};
use crate::domain::id::Login;
use crate::domain::ports::{Credentials, FetchTokenError};

/// Reads a token anew each time, so that a new one takes effect at the next login.
pub struct ConfiguredTokens {
    sources: HashMap<Login, TokenSource>,
}

impl ConfiguredTokens {
    pub fn new(accounts: &[AccountConfig]) -> ConfiguredTokens {
        let sources = accounts.iter().map(|account| (account.login.clone(), account.token.clone())).collect();
        ConfiguredTokens { sources }
    }
}

impl Credentials for ConfiguredTokens {
    async fn fetch_access_token(&self, account: &Login) -> Result<SecretString, FetchTokenError> {
        let source = self
            .sources
            .get(account)
            .ok_or_else(|| FetchTokenError::Missing("this account is not configured".to_owned()))?;
        load_access_token(source).map_err(|error| match error {
            LoadTokenError::NotSet(_) => FetchTokenError::Missing(error.to_string()),
            LoadTokenError::Read { .. } | LoadTokenError::NoToken { .. } => {
                FetchTokenError::Unavailable(error.to_string())
            }
        })
    }
}
