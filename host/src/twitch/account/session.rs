//! An account's way to Twitch: what a transport has to offer.

use std::pin::Pin;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::Account;
use crate::domain::id::Login;

/// One transport, for one account. It keeps what outlives a connection, such as its limit on log-ins.
pub trait Session: Send {
    /// The scopes that a token needs, for the operator to read.
    fn scopes(&self) -> &'static str;

    /// Connects, logs in with `token` and serves `account` until the connection is lost. Once logged in it calls
    /// `Account::begin`. Ok: `stop`, and what waited was sent or has had its time.
    fn serve<'a>(
        &'a mut self,
        account: &'a mut Account,
        token: &'a SecretString,
        stop: &'a CancellationToken,
    ) -> Serving<'a>;
}

pub type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), Lost>> + Send + 'a>>;

/// Why a session could not be had or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Twitch does not accept the token: trying again with it is of no use.
    TokenRefused,
    /// The token is another account's.
    OtherAccount(Login),
    /// Anything that may pass, as the operator is to read it.
    Connection(String),
}
