//! The configuration: a TOML file and the environment, with every default in one place.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::id::Login;

/// Everything an operator can set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub data_dir: PathBuf,
    pub twitch: TwitchConfig,
    pub accounts: Vec<AccountConfig>,
    pub channels: ChannelsConfig,
    pub limits: LimitsConfig,
    pub sandbox: SandboxConfig,
}

/// Where Twitch is.
#[derive(Clone, Debug, PartialEq)]
pub struct TwitchConfig {
    pub irc_server: ServerAddress,
}

/// `tls://host:port`, or `tcp://host:port` where the host is this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    pub is_tls: bool,
    pub host: String,
    pub port: u16,
}

/// A Twitch account that the bot speaks with.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountConfig {
    pub login: Login,
    pub token: TokenSource,
}

/// Where an account's access token is read from; the file and the variable are read anew at each login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    Environment(String),
    File(PathBuf),
}

/// Which channels to sit in, and who may ask for more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelsConfig {
    /// A seed: a stored leave wins.
    pub join: Vec<Login>,
    /// Whether `!join` is open to every chatter.
    pub open_join: bool,
}

/// Twitch's limits of one account, with Twitch's values as defaults (dev.twitch.tv/docs/chat).
#[derive(Clone, Debug, PartialEq)]
pub struct LimitsConfig {
    /// Messages within `window` before only privileged channels are spoken to.
    pub messages: usize,
    /// Messages within `window` in all.
    pub privileged_messages: usize,
    pub window: Duration,
    /// Between two messages to one unprivileged channel.
    pub message_every: Duration,
    pub joins: usize,
    pub logins: usize,
    /// Of `joins` and `logins`.
    pub login_window: Duration,
    /// Channels that one account may sit in.
    pub channels: usize,
    /// A reply older than this is dropped.
    pub stale_after: Duration,
    /// A leading `!`, `$` or the like, which would call other bots, is left as it is in these channels.
    pub allow_bot_prefixes_in: Vec<Login>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            messages: 20,
            privileged_messages: 100,
            window: Duration::from_secs(30),
            message_every: Duration::from_secs(1),
            joins: 20,
            logins: 20,
            login_window: Duration::from_secs(10),
            channels: 100,
            stale_after: Duration::from_secs(20),
            allow_bot_prefixes_in: Vec::new(),
        }
    }
}

/// The walls around a module.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxConfig {
    /// Of one call, without the time parked in host calls.
    pub cpu_budget: Duration,
    /// Of one call, whatever it waits for, runs after a conflict included.
    pub deadline: Duration,
    /// How often the epoch moves.
    pub tick: Duration,
    /// CPU time that a module may use in a channel within `credit_window`.
    pub credit: Duration,
    pub credit_window: Duration,
    /// Threads that guests run on; 0 for as many as the machine has cores.
    pub threads: usize,
    /// Calls at once.
    pub slots: usize,
    /// Calls at once from one channel.
    pub slots_per_channel: usize,
    pub host_calls: u32,
    pub replies: usize,
    /// Characters.
    pub reply_length: usize,
    pub log_lines: usize,
    /// Characters.
    pub log_line_length: usize,
    /// Bytes that one host call may copy.
    pub host_call_bytes: usize,
    /// Bytes that a module may keep in a channel.
    pub storage_bytes: u64,
    /// Keys that a module may keep in a channel.
    pub storage_keys: u64,
    /// Whether modules of the size class `large` are allowed.
    pub allow_large: bool,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            cpu_budget: Duration::from_millis(50),
            deadline: Duration::from_secs(2),
            tick: Duration::from_millis(10),
            credit: Duration::from_secs(1),
            credit_window: Duration::from_secs(10),
            threads: 0,
            slots: 200,
            slots_per_channel: 8,
            host_calls: 100,
            replies: 8,
            reply_length: 2000,
            log_lines: 32,
            log_line_length: 512,
            host_call_bytes: 1 << 20,
            storage_bytes: 256 << 10,
            storage_keys: 1000,
            allow_large: false,
        }
    }
}

impl Default for TwitchConfig {
    fn default() -> Self {
        Self { irc_server: ServerAddress { is_tls: true, host: "irc.chat.twitch.tv".into(), port: 6697 } }
    }
}
