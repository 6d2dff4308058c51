//! The traits by which a lower room asks a higher one; `app` connects them.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use super::account::BotAccount;
use super::id::{AccountId, ChannelId, Login, ModuleName};

/// One moment on both clocks. Spans are measured with `instant`, which never jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub instant: Instant,
    pub wall: SystemTime,
}

/// The source of time. Tests pass a clock that stands still.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Moment;

    /// Processor time that the calling thread has used since it started; `None` if the system does not report it.
    /// Limits on guests' processor time are checked against this reading, so that a test decides when one is reached.
    fn thread_time(&self) -> Option<Duration>;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment { instant: Instant::now(), wall: SystemTime::now() }
    }

    #[cfg(target_os = "linux")]
    fn thread_time(&self) -> Option<Duration> {
        use rustix::time::{ClockId, clock_gettime};

        clock_gettime(ClockId::ThreadCPUTime).try_into().ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn thread_time(&self) -> Option<Duration> {
        None
    }
}

/// One tenure of a channel; raised each time that the right to act for the channel passes to another process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// Whether this process may act for a channel: run its commands, commit, reply. Of several processes, only one may.
pub trait Tenure: Send + Sync + 'static {
    /// This process's tenure of the channel; `None` if another process has it. Called before each call and again before
    /// its commit, which belongs to one tenure. Must be cheap, and answer from memory.
    fn find_epoch(&self, channel: ChannelId) -> Option<Epoch>;
}

/// The only process with this database, which the database's lock guarantees: it acts for all channels.
#[derive(Clone, Copy, Debug)]
pub struct SoleProcess;

impl Tenure for SoleProcess {
    fn find_epoch(&self, _: ChannelId) -> Option<Epoch> {
        Some(Epoch::default())
    }
}

/// A limit that Twitch imposes on each account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    Messages,
    Joins,
}

/// The slots of an account's limits that this process may use. Several processes with one account are each granted some
/// slots for a while. The account's rate windows count what this process has used itself.
pub trait Allowance: Send + Sync + 'static {
    /// The first moment, `now` or later, at which this process has a slot. Called before each message and each join,
    /// and again at a returned later moment. Must be cheap, and answer from memory.
    fn opens_at(&self, limit: Limit, now: Instant) -> Instant;

    /// A slot was used at `now`.
    fn note_used(&self, limit: Limit, now: Instant);
}

/// The account is used by this process only, so every slot is this process's.
#[derive(Clone, Copy, Debug)]
pub struct Unshared;

impl Allowance for Unshared {
    fn opens_at(&self, _: Limit, now: Instant) -> Instant {
        now
    }

    fn note_used(&self, _: Limit, _: Instant) {}
}

/// Why there is no token to log in with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchTokenError {
    /// No token is stored: retrying is of no use until a token is provided.
    #[error("no token: {0}")]
    Missing(String),
    /// Temporarily unavailable: worth a retry later.
    #[error("token unavailable: {0}")]
    Unavailable(String),
}

/// Provides an account's access token, at each log-in.
pub trait Credentials: Send + Sync + 'static {
    fn fetch_access_token<'a>(&'a self, account: &'a BotAccount) -> FetchingToken<'a>;

    /// Twitch refused this token, which was fetched here. The account does not use the token again.
    fn report_refused(&self, account: &BotAccount, token: &secrecy::SecretString);

    /// How to provide a new token, as text for the operator: `write a new one to /etc/twitchy/token`.
    fn describe_renewal(&self, account: &BotAccount) -> String;
}

pub type FetchingToken<'a> = Pin<Box<dyn Future<Output = Result<secrecy::SecretString, FetchTokenError>> + Send + 'a>>;

/// Receives the id of an account that has logged in, before the account joins anything.
pub trait AccountIds: Send + Sync + 'static {
    /// Saves the id of the account that logged in under `login`, and assigns all that was stored for that login to it.
    /// Returns the id of the account that had the login before and keeps its channels, if there is one.
    fn learn_account(&self, login: Login, id: AccountId) -> LearningAccount<'_>;
}

/// The error is text for the operator.
pub type LearningAccount<'a> = Pin<Box<dyn Future<Output = Result<Option<AccountId>, String>> + Send + 'a>>;

/// Tells calls from talk. The wire filter asks for nearly each line, so the answer must cost next to nothing.
pub trait Prefixes: Send + Sync + 'static {
    /// Whether `text` calls the bot in a channel where `account` answers; `None` for any other channel.
    fn is_call(&self, channel: ChannelId, account: &BotAccount, text: &str, is_reply: bool) -> Option<bool>;
}

/// Why a stored secret cannot be read. Contains nothing of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secret unavailable: {0}")]
pub struct FindSecretError(pub String);

/// Provides secret settings. The guarded web client asks each time that a request names one.
pub trait Secrets: Send + Sync + 'static {
    /// `None` if no secret was entered in this channel.
    fn find_secret<'a>(&'a self, channel: ChannelId, module: &'a ModuleName, key: &'a str) -> FindingSecret<'a>;
}

pub type FindingSecret<'a> =
    Pin<Box<dyn Future<Output = Result<Option<secrecy::SecretString>, FindSecretError>> + Send + 'a>>;
