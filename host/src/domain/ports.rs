//! The traits by which a lower part asks a higher one; `app` joins them.

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use super::account::BotAccount;
use super::id::{AccountId, ChannelId, Login, ModuleName};

/// The time, in both its kinds: spans are measured on the one that never jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub instant: Instant,
    pub wall: SystemTime,
}

/// Where the time comes from. Tests pass one that stands still.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Moment;

    /// Processor time that the calling thread has used since it started; `None` where the system does not tell. Limits on
    /// guests' processor time are checked against this reading, so that a test decides when one is reached.
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

/// One tenure of a channel, counted up each time that the right to act for the channel goes to another process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// Whether this process may act for a channel: run its commands, commit, reply. Of several processes with one database one may.
pub trait Tenure: Send + Sync + 'static {
    /// The tenure that this process has of the channel; None where another process has it. Asked before each call, and again when
    /// its commit is made, which belongs to one tenure: cheap, and in memory.
    fn find_epoch(&self, channel: ChannelId) -> Option<Epoch>;
}

/// The only process with this database, which its lock guarantees: it acts for all channels.
#[derive(Clone, Copy, Debug)]
pub struct SoleProcess;

impl Tenure for SoleProcess {
    fn find_epoch(&self, _: ChannelId) -> Option<Epoch> {
        Some(Epoch::default())
    }
}

/// A limit that Twitch has for each account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    Messages,
    Joins,
}

/// Which slots of an account's limits are this process's. Of several processes with one account each is granted some of them for a
/// while. What the process has used of a limit itself, the account's rate windows know.
pub trait Allowance: Send + Sync + 'static {
    /// The first moment, `now` or later, at which this process has a slot. Asked before each message and each join: cheap, and in
    /// memory. Where it names a later moment it is asked again then.
    fn opens_at(&self, limit: Limit, now: Instant) -> Instant;

    /// A slot was used at `now`.
    fn note_used(&self, limit: Limit, now: Instant);
}

/// The account is this process's alone: every slot is.
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
    /// Nobody has given one: asking again is of no use until somebody does.
    #[error("no token: {0}")]
    Missing(String),
    /// Cannot be told now: worth asking again, later.
    #[error("token unavailable: {0}")]
    Unavailable(String),
}

/// An account asks for its access token each time that it logs in.
pub trait Credentials: Send + Sync + 'static {
    fn fetch_access_token<'a>(&'a self, account: &'a BotAccount) -> FetchingToken<'a>;

    /// Twitch refused a token that was fetched here. An account does not try it again.
    fn report_refused(&self, account: &BotAccount, token: &secrecy::SecretString);

    /// How a new token is handed over, as the operator is told: `write a new one to /etc/twitchy/token`.
    fn describe_renewal(&self, account: &BotAccount) -> String;
}

pub type FetchingToken<'a> = Pin<Box<dyn Future<Output = Result<secrecy::SecretString, FetchTokenError>> + Send + 'a>>;

/// An account reports here who it is, once it is logged in and before it joins anything.
pub trait AccountIds: Send + Sync + 'static {
    /// Keeps the id of the account that logged in under `login`, and all that was noted for that login follows. Returns the id of
    /// another account that had the login before, and whose channels this one therefore does not get.
    fn learn_account(&self, login: Login, id: AccountId) -> LearningAccount<'_>;
}

/// The error is for the operator to read.
pub type LearningAccount<'a> = Pin<Box<dyn Future<Output = Result<Option<AccountId>, String>> + Send + 'a>>;

/// The wire filter asks, for nearly each line, whether it calls the bot: the answer must cost next to nothing.
pub trait Prefixes: Send + Sync + 'static {
    /// Whether `text` calls the bot in a channel where `account` answers; None for any other channel.
    fn is_call(&self, channel: ChannelId, account: &BotAccount, text: &str, is_reply: bool) -> Option<bool>;
}

/// Why a secret cannot be told although there is one. Carries nothing of its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secret unavailable: {0}")]
pub struct FindSecretError(pub String);

/// The guarded web client asks for a module's secret setting each time that a request names it.
pub trait Secrets: Send + Sync + 'static {
    /// None where nobody entered one in this channel.
    fn find_secret<'a>(&'a self, channel: ChannelId, module: &'a ModuleName, key: &'a str) -> FindingSecret<'a>;
}

pub type FindingSecret<'a> =
    Pin<Box<dyn Future<Output = Result<Option<secrecy::SecretString>, FindSecretError>> + Send + 'a>>;
