//! The account's IRC session: dials, logs in, and keeps what outlives a connection.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, KeepConnectionError};
use super::line_handler::LineHandler;
use crate::config::LimitsConfig;
use crate::domain::account::BotAccount;
use crate::domain::id::AccountId;
use crate::domain::ports::Prefixes;
use crate::domain::tally::Tally;
use crate::twitch::account::Account;
use crate::twitch::account::rate_window::RateWindow;
use crate::twitch::account::session::{self, Lost, Serving};
use crate::twitch::dial::Dial;

const DIALLED_WITHIN: Duration = Duration::from_secs(15);

/// The IRC transport of one account.
pub struct Session<D> {
    server: D,
    prefixes: Arc<dyn Prefixes>,
    tally: Arc<Tally>,
    logins: RateWindow,
}

impl<D: Dial> Session<D> {
    /// Messages that match none of `prefixes` are only counted, in `tally`.
    pub fn new(server: D, prefixes: Arc<dyn Prefixes>, tally: Arc<Tally>, limits: &LimitsConfig) -> Session<D> {
        let logins = RateWindow::new(limits.enforce, limits.logins, limits.login_window);
        Session { server, prefixes, tally, logins }
    }

    async fn connect(
        &mut self,
        account: &mut Account,
        token: &SecretString,
        stop: &CancellationToken,
    ) -> Option<Result<(), Lost>> {
        account.meanwhile(sleep_until(self.logins.free_at(Instant::now())), stop).await?;
        self.logins.note(Instant::now());
        let bot = account.bot().clone();
        let (mut connection, id) = match account.meanwhile(self.open(&bot, token), stop).await? {
            Ok(opened) => opened,
            Err(error) => return Some(Err(self.describe(&error))),
        };
        if let Err(error) = account.begin(id, stop).await? {
            return Some(Err(Lost::Connection(error)));
        }
        let handler = LineHandler::new(account.bot().clone(), &*self.prefixes, &self.tally);
        let served = connection.serve(account, &handler, stop).await;
        Some(served.map_err(|error| self.describe(&error)))
    }

    async fn open(
        &self,
        bot: &BotAccount,
        token: &SecretString,
    ) -> Result<(Connection<D::Stream>, AccountId), KeepConnectionError> {
        let dialled = timeout(DIALLED_WITHIN, self.server.dial()).await;
        let stream = dialled.map_err(|_| KeepConnectionError::Silent(DIALLED_WITHIN))??;
        Connection::log_in(stream, bot, token).await
    }

    /// The error for the operator: the server, the cause, and where to look.
    fn describe(&self, error: &KeepConnectionError) -> Lost {
        let hint = match error {
            KeepConnectionError::Refused => return Lost::TokenRefused,
            KeepConnectionError::OtherAccount(owner) => return Lost::OtherAccount(owner.clone()),
            KeepConnectionError::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                "; nothing listens there: look at twitch.irc_server in the configuration"
            }
            _ => "",
        };
        let server = self.server.name().map(|name| format!("{name}: ")).unwrap_or_default();
        Lost::Connection(format!("{server}{error}{hint}"))
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
        // `None`: the host stops before there is anything to send.
        Box::pin(async move { self.connect(account, token, stop).await.unwrap_or(Ok(())) })
    }
}
