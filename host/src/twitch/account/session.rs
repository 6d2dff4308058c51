//! The interface of a transport, which connects an account to Twitch.

use std::pin::Pin;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::Account;
use crate::domain::id::Login;

/// One transport for one account. Keeps what outlives a connection, such as the limit on log-ins.
pub trait Session: Send {
    /// The scopes that a token needs, for the operator to read.
    fn scopes(&self) -> &'static str;

    /// Connects, logs in with `token`, calls `Account::begin`, and serves `account` until the connection is lost. `Ok`
    /// means that `stop` was cancelled and the waiting messages were sent or had their time.
    fn serve<'a>(
        &'a mut self,
        account: &'a mut Account,
        token: &'a SecretString,
        stop: &'a CancellationToken,
    ) -> Serving<'a>;
}

pub type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), Lost>> + Send + 'a>>;

/// Why a session could not start or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Twitch rejects the token: a retry with it is useless.
    TokenRefused,
    /// The token belongs to this other account.
    OtherAccount(Login),
    /// Any transient failure, described for the operator.
    Connection(String),
}
