//! An account's main loop: session after session until the host stops, however each of them ends.

use std::fmt::Display;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Account;
use super::session::{Lost, Session};
use super::state::Phase;
use crate::domain::ports::Credentials;
use crate::twitch::backoff::Backoff;

/// Between two connections: the first delay, and the longest.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(2 * 60);
/// A session that lasted this long resets the delay.
const STEADY_AFTER: Duration = Duration::from_secs(60);
/// Between two requests for a token. They cost Twitch nothing.
const FIRST_TOKEN_DELAY: Duration = Duration::from_secs(10);
const LONGEST_TOKEN_DELAY: Duration = Duration::from_secs(5 * 60);

/// Keeps one account online.
pub(crate) struct AccountLoop {
    account: Account,
    session: Box<dyn Session>,
    credentials: Arc<dyn Credentials>,
    backoff: Backoff,
    /// The last token that was refused, with the reason. It is not tried again.
    refused: Option<(SecretString, String)>,
    paused: watch::Receiver<bool>,
}

impl AccountLoop {
    /// While `paused` is true the account has no session.
    pub(crate) fn new(account: Account, session: Box<dyn Session>, paused: watch::Receiver<bool>) -> AccountLoop {
        let credentials = account.shared.credentials.clone();
        let backoff = Backoff::new(FIRST_DELAY, LONGEST_DELAY);
        AccountLoop { account, session, credentials, backoff, refused: None, paused }
    }

    /// Runs until `stop`; then sends the waiting messages for a bounded time and closes.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while self.run_unpaused(&stop).await.is_some() {}
        self.account.end(Instant::now());
    }

    /// Runs one session while the account is not paused, up to its end or the next pause. `None`: the host is stopping.
    async fn run_unpaused(&mut self, stop: &CancellationToken) -> Option<()> {
        let mut paused = self.paused.clone();
        if *paused.borrow_and_update() {
            self.account.change_phase(Phase::Paused, None, None);
            self.account.meanwhile(until(&mut paused, false), stop).await?;
        }
        tokio::select! {
            biased;
            () = until(&mut paused, true) => {}
            lived = self.run_session(stop) => return lived,
        }
        self.account.start_over(Instant::now());
        Some(())
    }

    /// One session from the token to its loss, and the delay after it. `None`: the host is stopping.
    async fn run_session(&mut self, stop: &CancellationToken) -> Option<()> {
        let token = self.find_token(stop).await?;
        let lost = self.session.serve(&mut self.account, &token, stop).await.err()?;
        let now = Instant::now();
        self.account.start_over(now);
        if let Some(why) = self.find_refusal(&lost) {
            self.enter_bad_phase(Phase::Refused, &why);
            self.credentials.report_refused(&self.account.bot, &token);
            self.refused = Some((token, why));
            return Some(());
        }
        let state = &self.account.state;
        if state.phase == Phase::Online && state.phase_since.is_some_and(|since| now - since >= STEADY_AFTER) {
            self.backoff.reset();
        }
        let retry_at = now + self.backoff.next_delay();
        if let Lost::Connection(why) = lost {
            self.account.change_phase(Phase::Connecting, Some(why.into()), Some(retry_at));
        }
        self.account.meanwhile(sleep_until(retry_at), stop).await
    }

    /// Fetches tokens until one differs from the refused one.
    async fn find_token(&mut self, stop: &CancellationToken) -> Option<SecretString> {
        let mut backoff = Backoff::new(FIRST_TOKEN_DELAY, LONGEST_TOKEN_DELAY);
        loop {
            let bot = self.account.bot.clone();
            match self.account.meanwhile(self.credentials.fetch_access_token(&bot), stop).await? {
                Ok(token) => {
                    let is_same = |known: &SecretString| known.expose_secret() == token.expose_secret();
                    let refused = self.refused.as_ref().filter(|(known, _)| is_same(known));
                    let Some(why) = refused.map(|(_, why)| why.clone()) else {
                        // The last connection's trouble stays published until the account is online again.
                        if self.account.state.phase != Phase::Connecting {
                            self.account.change_phase(Phase::Connecting, None, None);
                        }
                        return Some(token);
                    };
                    self.enter_bad_phase(Phase::Refused, &why);
                }
                Err(error) => self.enter_bad_phase(Phase::NoToken, &error),
            }
            self.account.meanwhile(sleep(backoff.next_delay()), stop).await?;
        }
    }

    /// Enters a phase in which the account does not work, with the reason.
    fn enter_bad_phase(&mut self, phase: Phase, trouble: &dyn Display) {
        self.account.change_phase(phase, Some(trouble.to_string().into()), None);
    }

    /// Why the token is useless, and the cure; `None` if the connection failed for another reason.
    fn find_refusal(&self, lost: &Lost) -> Option<String> {
        let login = &self.account.bot.login;
        let renewal = self.credentials.describe_renewal(&self.account.bot);
        match lost {
            Lost::TokenRefused => Some(format!(
                "Twitch refuses the token of {login}, and it is not used again: it has expired, was revoked, or lacks the \
                 scopes {}; {renewal}",
                self.session.scopes()
            )),
            Lost::OtherAccount(owner) => Some(format!(
                "the token is {owner}'s, not {login}'s: make one while logged in to Twitch as {login}, and {renewal}; or \
                 write login = \"{owner}\" in the configuration"
            )),
            Lost::Connection(_) => None,
        }
    }
}

/// Returns once `paused` equals `wanted`; never if its sender is gone.
async fn until(paused: &mut watch::Receiver<bool>, wanted: bool) {
    if paused.wait_for(|is_paused| *is_paused == wanted).await.is_err() {
        pending::<()>().await;
    }
}
