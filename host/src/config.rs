//! The configuration: a TOML file and the environment, with every default in one place.
//!
//! Promises: a mistake in the file is named with its line and with what would be right, all mistakes at once; nothing
//! is ignored; no token is ever part of a [`Config`], an error or a log line. Nothing else in the host reads the
//! environment, and nothing here changes after the start.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::id::Login;
use crate::domain::server::ServerAddress;

mod collector;
pub mod environment;
pub mod http;
mod load;
mod parse;
mod section;
pub mod text;
pub mod token;
mod value;

pub use collector::CollectorAddress;
pub use http::HttpConfig;
pub use load::LoadConfigError;
pub use section::Problem;

/// Everything an operator can set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the database and the compiled modules are kept.
    pub data_dir: PathBuf,
    pub twitch: TwitchConfig,
    pub accounts: Vec<AccountConfig>,
    pub channels: ChannelsConfig,
    pub limits: LimitsConfig,
    pub sandbox: SandboxConfig,
    pub web: WebConfig,
    pub modules: ModulesConfig,
    pub telemetry: TelemetryConfig,
    pub fuse: FuseConfig,
    pub audit: AuditConfig,
    pub http: HttpConfig,
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            twitch: TwitchConfig::default(),
            accounts: Vec::new(),
            channels: ChannelsConfig::default(),
            limits: LimitsConfig::default(),
            sandbox: SandboxConfig::default(),
            web: WebConfig::default(),
            modules: ModulesConfig::default(),
            telemetry: TelemetryConfig::default(),
            fuse: FuseConfig::default(),
            audit: AuditConfig::default(),
            http: HttpConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// Where Twitch is.
#[derive(Clone, Debug, PartialEq)]
pub struct TwitchConfig {
    /// Without TLS only where it is this machine.
    pub irc_server: ServerAddress,
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

/// Which channels to sit in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelsConfig {
    /// A seed: a stored leave wins.
    pub join: Vec<SeedChannel>,
}

/// A channel to sit in from the start, and the bot account that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedChannel {
    pub login: Login,
    pub account: Login,
}

/// Twitch's limits of one account, with Twitch's values as defaults (dev.twitch.tv/docs/chat).
#[derive(Clone, Debug, PartialEq)]
pub struct LimitsConfig {
    /// Whether the limits hold. Without them nothing waits, nothing is varied, and any number of channels is joined: only
    /// against a server on this machine, since Twitch would ban the account.
    pub enforce: bool,
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
    /// How long a message to an unprivileged channel that is below its share may have to wait beside privileged ones. Those
    /// are capped for it: fewer than `messages` in any `window` less this.
    pub unprivileged_within: Duration,
    /// A reply older than this is dropped; within its channel's share it may wait for a whole `window`.
    pub stale_after: Duration,
    /// A leading `!`, `$` or the like, which would call other bots, is left as it is in these channels.
    pub allow_bot_prefixes_in: Vec<Login>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            enforce: true,
            messages: 20,
            privileged_messages: 100,
            window: Duration::from_secs(30),
            message_every: Duration::from_secs(1),
            joins: 20,
            logins: 20,
            login_window: Duration::from_secs(10),
            channels: 100,
            unprivileged_within: Duration::from_secs(15),
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
    /// Of one call, from when it has its slot, whatever it waits for, runs after a conflict included.
    pub deadline: Duration,
    /// How often the epoch moves while guests run, and what a call may use up in the fast pool.
    pub tick: Duration,
    /// CPU time that a module may use in a channel within `credit_window`.
    pub credit: Duration,
    pub credit_window: Duration,
    /// Threads that guests run on; 0 for as many as the machine has cores. Calls that turn out long have one fewer, of
    /// their own.
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
    /// Uploaded modules whose machine code is kept in memory. One with more than 1 MiB of it counts for several.
    pub compiled_modules: usize,
    /// Bytes of disk that the machine code of all modules may take up.
    pub compiled_bytes: u64,
    /// Processor time that compiling an uploaded module may take.
    pub compile_time: Duration,
    /// Bytes that compiling an uploaded module may take up.
    pub compile_memory: usize,
    /// Processor time that compiling the uploads of one creator's API key may take within ten minutes.
    pub compile_budget: Duration,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            cpu_budget: Duration::from_millis(50),
            deadline: Duration::from_secs(2),
            tick: Duration::from_millis(2),
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
            compiled_modules: 128,
            compiled_bytes: 2 << 30,
            compile_time: Duration::from_secs(30),
            compile_memory: 512 << 20,
            compile_budget: Duration::from_secs(120),
        }
    }
}

/// What a module with `http` may do on the web.
#[derive(Clone, Debug, PartialEq)]
pub struct WebConfig {
    /// Of one request, from the look-up of the name to the end of the answer, redirects included.
    pub answer_within: Duration,
    /// Of one call, those that were refused included.
    pub requests: usize,
    /// Bytes of one answer's body.
    pub response_bytes: usize,
    /// Bytes that one call may send and receive.
    pub bytes: usize,
    /// Requests at once; one module, in all its channels, gets at most three in four of them.
    pub connections: usize,
    /// Requests at once of one module in one channel.
    pub connections_per_module: usize,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            answer_within: Duration::from_secs(1),
            requests: 4,
            response_bytes: 256 << 10,
            bytes: 512 << 10,
            connections: 64,
            connections_per_module: 4,
        }
    }
}

/// Modules besides the bundled ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModulesConfig {
    /// Components that are loaded at the start, and on in every channel that has not switched them off.
    pub load: Vec<PathBuf>,
}

/// What is told to others about what happens here.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryConfig {
    /// Where traces are sent; None: nowhere, and there are none.
    pub otlp_endpoint: Option<CollectorAddress>,
    /// The environment variable that holds the headers to send along: `name=value,name=value`.
    pub otlp_headers_env: Option<String>,
    pub service_name: String,
    /// The share of invocations that are traced, from 0.0 to 1.0.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, otlp_headers_env: None, service_name: "twitchy".to_owned(), sample_ratio: 1.0 }
    }
}

/// When a module that breaks is switched off, and what then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FuseConfig {
    /// Faults of a version in one channel within `window`, of at least `chatters` different chatters, switch it off there.
    pub faults: usize,
    pub chatters: usize,
    pub window: Duration,
    /// A chatter's faults within `window` after which their calls of that module are ignored for `ignore_for`.
    pub ignore_after: usize,
    pub ignore_for: Duration,
    /// Whether it comes back by itself: after growing pauses, and at last not any more.
    pub restore: bool,
    /// Channels in which a version blows, each time by chatters of its own, before it is taken for broken everywhere.
    pub channels: usize,
    /// How long after its upload that is looked at.
    pub new_for: Duration,
    /// Whether a version that is broken everywhere is withdrawn.
    pub roll_back: bool,
}

/// For how long it is known who changed what; None: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    pub keep: Option<Duration>,
    /// Calls of commands over HTTP, each of which is a line too.
    pub keep_calls: Option<Duration>,
}

/// The process's own log, on standard error. What is logged is said by `TWITCHY_LOG`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    pub format: LogFormat,
}

/// How a record of the log is written; one line each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object with `timestamp`, `level`, `target`, `message` and the record's own fields.
    Json,
}

impl Default for AuditConfig {
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
        Self { keep: days(365), keep_calls: days(30) }
    }
}

impl Default for FuseConfig {
    fn default() -> Self {
        Self {
            faults: 5,
            chatters: 3,
            window: Duration::from_secs(10 * 60),
            ignore_after: 2,
            ignore_for: Duration::from_secs(10 * 60),
            restore: false,
            channels: 3,
            new_for: Duration::from_secs(24 * 60 * 60),
            roll_back: false,
        }
    }
}

impl Default for TwitchConfig {
    fn default() -> Self {
        Self { irc_server: ServerAddress { is_tls: true, host: "irc.chat.twitch.tv".into(), port: 6697 } }
    }
}
