//! The port `Credentials`: the bot accounts' access tokens, from the configuration.

use std::collections::HashMap;

use secrecy::SecretString;

use crate::config::token::{LoadTokenError, load_access_token};
use crate::config::{AccountConfig, TokenSource};
use crate::domain::account::BotAccount;
use crate::domain::id::Login;
use crate::domain::ports::{Credentials, FetchTokenError, FetchingToken};

/// Reads the token each time, so that a new one takes effect at the next log-in.
pub struct ConfiguredTokens {
    sources: HashMap<Login, TokenSource>,
}

impl ConfiguredTokens {
    pub fn new(accounts: &[AccountConfig]) -> ConfiguredTokens {
        let sources = accounts.iter().map(|account| (account.login.clone(), account.token.clone())).collect();
        ConfiguredTokens { sources }
    }

    fn load(&self, account: &BotAccount) -> Result<SecretString, FetchTokenError> {
        let missing = || FetchTokenError::Missing("this account is not configured".to_owned());
        load_access_token(self.sources.get(&account.login).ok_or_else(missing)?).map_err(|error| {
            let told = format!("{error}; {}", self.describe_renewal(account));
            match error {
                LoadTokenError::NotSet(_) => FetchTokenError::Missing(told),
                LoadTokenError::Read { .. } | LoadTokenError::NoToken { .. } => FetchTokenError::Unavailable(told),
            }
        })
    }
}

impl Credentials for ConfiguredTokens {
    fn fetch_access_token<'a>(&'a self, account: &'a BotAccount) -> FetchingToken<'a> {
        Box::pin(async { self.load(account) })
    }

    /// Only the operator can replace the token, and learns of the refusal from the account's status.
    fn report_refused(&self, _: &BotAccount, _: &SecretString) {}

    /// A process cannot get a new environment. A file is read again every few minutes while its token is useless.
    fn describe_renewal(&self, account: &BotAccount) -> String {
        match self.sources.get(&account.login) {
            Some(TokenSource::Environment(variable)) => format!("put a token into {variable} and restart twitchy"),
            Some(TokenSource::File(path)) => {
                format!("write a token to {}: twitchy looks there again within five minutes", path.display())
            }
            None => "name this account in the configuration".to_owned(),
        }
    }
}
