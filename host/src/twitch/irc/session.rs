//! The account's session over IRC: dialling, logging in, and what outlives a connection.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, KeepConnectionError};
use super::hearing::Hearing;
use crate::config::LimitsConfig;
use crate::domain::id::{ChatterId, Login};
use crate::domain::ports::Prefixes;
use crate::domain::tally::Tally;
use crate::twitch::account::Account;
use crate::twitch::account::rate_window::RateWindow;
use crate::twitch::account::session::{self, Lost, Serving};
use crate::twitch::server::Dial;

const DIALLED_WITHIN: Duration = Duration::from_secs(15);

/// IRC for one account.
pub struct Session<D> {
    server: D,
    hearing: Hearing,
    logins: RateWindow,
}

impl<D: Dial> Session<D> {
    /// Messages that call the bot by none of `prefixes` are only counted, in `tally`.
    pub fn new(
        login: Login,
        server: D,
        prefixes: Arc<dyn Prefixes>,
        tally: Arc<Tally>,
        limits: &LimitsConfig,
    ) -> Session<D> {
        let logins =
            if limits.enforce { RateWindow::new(limits.logins, limits.login_window) } else { RateWindow::unlimited() };
        Session { server, hearing: Hearing::new(login, prefixes, tally), logins }
    }

    async fn serve(
        &mut self,
        account: &mut Account,
        token: &SecretString,
        stop: &CancellationToken,
    ) -> Result<(), KeepConnectionError> {
        let free_at = self.logins.free_at(Instant::now());
        if account.meanwhile(sleep_until(free_at), stop).await.is_none() {
            return Ok(());
        }
        self.logins.note(Instant::now());
        let login = account.login().clone();
        let Some(opened) = account.meanwhile(self.open(&login, token), stop).await else { return Ok(()) };
        let (mut connection, id) = opened?;
        account.begin(id, Instant::now());
        connection.serve(account, &mut self.hearing, stop).await
    }

    async fn open(
        &self,
        login: &Login,
        token: &SecretString,
    ) -> Result<(Connection<D::Stream>, ChatterId), KeepConnectionError> {
        let dialled = timeout(DIALLED_WITHIN, self.server.dial()).await;
        let stream = dialled.map_err(|_| KeepConnectionError::Silent(DIALLED_WITHIN))??;
        Connection::log_in(stream, login, token).await
    }

    /// Which server it was, what went wrong, and what to look at.
    fn describe_loss(&self, error: &KeepConnectionError) -> String {
        let hint = match error {
            KeepConnectionError::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                "; nothing listens there: look at twitch.irc_server in the configuration"
            }
            _ => "",
        };
        let server = self.server.name().map(|name| format!("{name}: ")).unwrap_or_default();
        format!("{server}{error}{hint}")
    }
}

impl<D: Dial> session::Session for Session<D> {
    fn scopes(&self) -> &'static str {
        "chat:read and chat:edit"
    }

    fn serve<'a>(
        &'a mut self,
        account: &'a mut Account,
        token: &'a SecretString,
        stop: &'a CancellationToken,
    ) -> Serving<'a> {
        Box::pin(async move {
            Session::serve(self, account, token, stop).await.map_err(|error| match error {
                KeepConnectionError::Refused => Lost::TokenRefused,
                KeepConnectionError::OtherAccount(owner) => Lost::OtherAccount(owner),
                error => Lost::Connection(self.describe_loss(&error)),
            })
        })
    }
}
