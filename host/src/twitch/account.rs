//! One bot account: connected for as long as the host runs, whatever happens to its sockets.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, KeepConnectionError};
use super::counts::Counts;
use super::inbox::Inbox;
use super::joins::Joins;
use super::line::Filter;
use super::outbox::Outbox;
use super::own_messages::OwnMessages;
use super::pauses::Pauses;
use super::rate_window::RateWindow;
use super::server::Dial;
use super::shortage::Shortage;
use super::traffic::{Seats, Traffic};
use crate::config::LimitsConfig;
use crate::domain::histogram::Histogram;
use crate::domain::id::{ChatterId, Login};
use crate::domain::message::{Event, JoinFailure, OutgoingMessage, WantedChannel};
use crate::domain::ports::{Credentials, Prefixes};
use crate::domain::tally::Tally;
use crate::domain::used_limits::UsedLimits;

const DIALLED_WITHIN: Duration = Duration::from_secs(15);
/// Between two connections.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 60);
/// A connection that held this long was a good one, and the next pause is short again.
const STEADY_AFTER: Duration = Duration::from_secs(60);
/// Between two questions for a token, which cost Twitch nothing.
const FIRST_TOKEN_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_TOKEN_PAUSE: Duration = Duration::from_secs(5 * 60);

/// What an account needs to live.
pub struct Account<C, D> {
    pub login: Login,
    pub server: D,
    pub credentials: Arc<C>,
    /// All wanted channels; those of other accounts are passed over.
    pub wanted: watch::Receiver<Arc<[WantedChannel]>>,
    /// What calls the bot where: other messages are only counted, in `tally`.
    pub prefixes: Arc<dyn Prefixes>,
    pub tally: Arc<Tally>,
    pub events: mpsc::Sender<Event>,
    /// Messages of this account only.
    pub outgoing: mpsc::Receiver<OutgoingMessage>,
    pub limits: LimitsConfig,
    /// By the process before this one.
    pub used: UsedLimits,
    pub own_messages: Arc<OwnMessages>,
    /// Kept up to date for whoever looks.
    pub state: watch::Sender<AccountState>,
    /// How long messages that wait may hold up the end.
    pub drain_within: Duration,
}

/// How an account is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    pub phase: Phase,
    /// None until it runs.
    pub phase_since: Option<Instant>,
    /// Why the phase is not a better one, for the operator to read.
    pub trouble: Option<Arc<str>>,
    /// When the next connection is tried, where there is none. May be over already.
    pub retry_at: Option<Instant>,
    /// Channels in which this account is to sit.
    pub wanted: usize,
    /// Those that Twitch has confirmed.
    pub joined: usize,
    /// Those of which it is not known yet whether the account can sit there.
    pub pending: usize,
    /// Those in which it does not sit, without a reason so far, in no order: the pending ones, and those without a place.
    pub outside: Arc<[Login]>,
    /// Those in which it cannot sit, in no order. Whatever is left of the wanted ones finds no place: the account sits in
    /// as many channels as it may.
    pub unreachable: Arc<[(Login, JoinFailure)]>,
    /// Until when no channel is joined, because Twitch's limit on joins is used up. None where none waits for that.
    pub joins_held_until: Option<Instant>,
    /// Events put into the queue so far. Whoever has had an answer to a PING sees all that was read before it counted.
    pub events: u64,
    /// Messages that the outbox holds.
    pub waiting: usize,
    /// Messages taken from `outgoing` so far and then sent in full, or dropped. An account is idle when this is as many
    /// as were put in.
    pub settled: u64,
    pub counts: Counts,
    /// How long messages waited for their first piece to leave.
    pub waits: Histogram,
    /// From the departure of a message to Twitch's receipt.
    pub deliveries: Histogram,
    pub shortage: Shortage,
    /// Until when nothing is sent at all, because Twitch said that this account sends too much. May be over already.
    pub held_until: Option<Instant>,
    /// What the next process has to know. Told at the end.
    pub used: UsedLimits,
}

/// What an account is doing about its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Dialling or logging in, or pausing before that.
    #[default]
    Connecting,
    Online,
    /// There is no token to log in with at the moment, and it asks for one now and then.
    NoToken,
    /// Twitch refused the token, or it is another account's, and it waits for another one.
    Refused,
    /// Over for good.
    Stopped,
}

impl Phase {
    /// In snake_case, as JSON and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Connecting => "connecting",
            Phase::Online => "online",
            Phase::NoToken => "no_token",
            Phase::Refused => "refused",
            Phase::Stopped => "stopped",
        }
    }
}

impl<C: Credentials, D: Dial> Account<C, D> {
    /// Runs until `shutdown`; then sends what waits, for at most `drain_within`, and closes.
    pub async fn run(self, shutdown: CancellationToken) {
        let limits = &self.limits;
        let logins =
            if limits.enforce { RateWindow::new(limits.logins, limits.login_window) } else { RateWindow::unlimited() };
        let mut connecting = Connecting {
            login: self.login.clone(),
            server: self.server,
            credentials: self.credentials,
            logins,
            pauses: Pauses::new(FIRST_PAUSE, LONGEST_PAUSE),
            refused: None,
        };
        let mut traffic = Traffic {
            joins: Joins::new(self.login.clone(), &self.limits),
            outbox: Outbox::new(&self.limits),
            inbox: Inbox::new(self.events),
            filter: Filter::new(self.login.clone(), self.prefixes.snapshot()),
            prefixes: self.prefixes,
            tally: self.tally,
            login: self.login,
            id: None,
            own_messages: self.own_messages,
            outgoing: self.outgoing,
            wanted: self.wanted,
            drain_within: self.drain_within,
            counts: Counts::default(),
            phase: Phase::Connecting,
            phase_since: Instant::now(),
            trouble: None,
            retry_at: None,
            state: self.state,
            quiet_until: Instant::now(),
            joins_at: Instant::now(),
            seats: Seats::default(),
        };
        // Nothing to leave yet; until it is online, so many channels are wanted.
        drop(traffic.take_wanted(Instant::now()));
        traffic.assume(self.used, Instant::now());
        while connecting.live_once(&mut traffic, &shutdown).await.is_some() {}
        traffic.enter_phase(Phase::Stopped);
        traffic.tell_used(Instant::now());
    }
}

/// What it takes to come online, again and again.
struct Connecting<C, D> {
    login: Login,
    server: D,
    credentials: Arc<C>,
    logins: RateWindow,
    pauses: Pauses,
    /// The token that was of no use last.
    refused: Option<RefusedToken>,
}

/// A token that is not tried again.
struct RefusedToken {
    token: SecretString,
    why: String,
}

impl<C: Credentials, D: Dial> Connecting<C, D> {
    /// One connection from the token to the end, and the pause after it. `None`: the host is stopping.
    async fn live_once(&mut self, traffic: &mut Traffic, stop: &CancellationToken) -> Option<()> {
        let token = self.find_token(traffic, stop).await?;
        traffic.meanwhile(sleep_until(self.logins.free_at(Instant::now())), stop).await?;
        self.logins.note(Instant::now());
        let opened = traffic.meanwhile(self.open(&token), stop).await?;
        let opened_at = Instant::now();
        let error = match opened {
            Ok((mut connection, id)) => {
                traffic.id = Some(id);
                let error = connection.serve(traffic, stop).await.err()?;
                traffic.start_over(Instant::now());
                error
            }
            Err(error) => error,
        };
        if let Some(why) = self.find_refusal(&error) {
            traffic.enter_bad_phase(Phase::Refused, &why);
            self.refused = Some(RefusedToken { token, why });
            return Some(());
        }
        if opened_at.elapsed() >= STEADY_AFTER {
            self.pauses.start_over();
        }
        let retry_at = Instant::now() + self.pauses.next_pause();
        traffic.lose_connection(&self.describe_loss(&error), retry_at);
        traffic.meanwhile(sleep_until(retry_at), stop).await
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

    async fn open(&self, token: &SecretString) -> Result<(Connection<D::Stream>, ChatterId), KeepConnectionError> {
        let dialled = timeout(DIALLED_WITHIN, self.server.dial()).await;
        let stream = dialled.map_err(|_| KeepConnectionError::Silent(DIALLED_WITHIN))??;
        Connection::log_in(stream, &self.login, token).await
    }

    /// Asks for a token until there is one that Twitch has not refused.
    async fn find_token(&mut self, traffic: &mut Traffic, stop: &CancellationToken) -> Option<SecretString> {
        let mut pauses = Pauses::new(FIRST_TOKEN_PAUSE, LONGEST_TOKEN_PAUSE);
        loop {
            match traffic.meanwhile(self.credentials.fetch_access_token(&self.login), stop).await? {
                Ok(token) => match self.refused.as_ref().filter(|refused| refused.is(&token)) {
                    Some(refused) => traffic.enter_bad_phase(Phase::Refused, &refused.why),
                    None => {
                        // What went wrong with the last connection stands until there is one again.
                        if traffic.phase != Phase::Connecting {
                            traffic.enter_phase(Phase::Connecting);
                        }
                        return Some(token);
                    }
                },
                Err(error) => traffic.enter_bad_phase(Phase::NoToken, &error),
            }
            traffic.meanwhile(sleep(pauses.next_pause()), stop).await?;
        }
    }

    /// Why the token is of no use, and what to do; None where the connection failed for another reason.
    fn find_refusal(&self, error: &KeepConnectionError) -> Option<String> {
        let login = &self.login;
        let renewal = self.credentials.describe_renewal(login);
        match error {
            KeepConnectionError::Refused => Some(format!(
                "Twitch refuses the token of {login}, and it is not used again: it has expired, was revoked, or lacks the \
                 scopes chat:read and chat:edit; {renewal}"
            )),
            KeepConnectionError::OtherAccount(owner) => Some(format!(
                "the token is {owner}'s, not {login}'s: make one while logged in to Twitch as {login}, and {renewal}; or \
                 write login = \"{owner}\" in the configuration"
            )),
            _ => None,
        }
    }
}

impl RefusedToken {
    fn is(&self, token: &SecretString) -> bool {
        self.token.expose_secret() == token.expose_secret()
    }
}
