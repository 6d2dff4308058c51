//! The configuration: a TOML file and the environment, with every default in one place.
//!
//! Guarantees: all mistakes in the file are reported at once, each with its line and a valid value; no key is ignored;
//! no token is ever part of a [`Config`], an error or a log line. Only this module reads the environment, and the
//! configuration does not change after the start.

use std::path::PathBuf;
use std::time::Duration;

use log_format::LogFormat;
use section::Section;
use value::{ReadKey, count_or_auto, name, or_off, ratio, read_as, read_default, size, variable_or_off};

use crate::domain::id::Login;
use crate::domain::server::ServerAddress;

#[macro_use]
mod declare;

pub mod address;
mod collector;
pub mod environment;
pub mod http;
pub mod load;
pub mod log_format;
mod parse;
mod section;
pub mod text;
pub mod token;
mod value;

pub use collector::CollectorAddress;
pub use http::HttpConfig;
pub use section::Problem;

/// Everything an operator can set. The default has no folder and no account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The folder of the database and the compiled modules.
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

section! {
    [twitch] TwitchConfig {
        /// The chat server. "tcp://" is not encrypted, and only for a server on this machine.
        irc_server: ServerAddress = "tls://irc.chat.twitch.tv:6697",
    }
}

/// A Twitch account that the bot speaks with.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountConfig {
    pub login: Login,
    pub token: TokenSource,
}

/// The source of an account's access token. The file or variable is read again at each login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    Environment(String),
    File(PathBuf),
}

/// The channels that the bot joins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelsConfig {
    /// Channels to join at each start, except those for which the store holds a leave.
    pub join: Vec<SeedChannel>,
}

/// A channel to join from the start, and the bot account that joins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedChannel {
    pub login: Login,
    pub account: Login,
}

section! {
    /// What Twitch allows one account to do (dev.twitch.tv/docs/chat). More than that gets the account silenced.
    [limits] LimitsConfig {
        /// Whether these limits hold. false is for load tests, and refused unless irc_server is a "tcp://" server on this machine.
        enforce: bool = true,
        /// Messages in `window`; beyond them, only channels where the bot is moderator, VIP or broadcaster are answered.
        messages: usize = 20,
        /// Messages in `window` in all.
        privileged_messages: usize = 100,
        /// The time in which messages are counted.
        window: Duration = "30s",
        /// The time between two messages to a channel where the bot is neither moderator, VIP nor broadcaster.
        message_every: Duration = "1s",
        /// Channels joined in `login_window`.
        joins: usize = 20,
        /// Logins in `login_window`.
        logins: usize = 20,
        /// The time in which logins and joins are counted.
        login_window: Duration = "10s",
        /// The most channels that one account joins.
        channels: usize = 100,
        /// How long an answer to a channel where the bot is neither moderator, VIP nor broadcaster may have to wait for answers
        /// to channels where it is. A message to such a channel can only be sent while fewer than `messages` were sent in
        /// `window`, to any channel. So once such a channel has called, and until it has been quiet for ten minutes, the other
        /// channels together get fewer than `messages` in a shorter time: `window` and margin (32.5s) minus this value, so in
        /// any 17.5s. A longer value slows them less; `twitchy status` names the channels that slow them.
        unprivileged_within: Duration = "15s",
        /// An answer that could not be sent within this time is dropped. An answer within its channel's share of `window` may
        /// wait for a whole window.
        stale_after: Duration = "20s",
        /// Channels where an answer may begin with "!", "$" or the like, and so call other bots. Elsewhere such an answer is
        /// changed so that it calls no bot.
        allow_bot_prefixes_in: Vec<Login> = [],
    }
}

section! {
    /// The limits of each module.
    [sandbox] SandboxConfig {
        /// Processor time of one call. Time spent waiting for the host is not counted.
        cpu_budget: Duration = "50ms",
        /// The time within which a call must end once it has begun, whatever it does or waits for. Before it begins, it waits
        /// in its channel's queue, for five seconds at most.
        deadline: Duration = "2s",
        /// How often the processor time is checked. A call that has used this much goes on at a lower priority.
        tick: Duration = "2ms",
        /// Processor time that a module may use up in one channel in `credit_window`.
        credit: Duration = "1s",
        /// The time over which `credit` is counted.
        credit_window: Duration = "10s",
        /// Threads that modules run on; "auto" is one for each core of the machine. Long calls run on other threads, one fewer
        /// than these.
        // 0 stands for "auto".
        threads: usize as count_or_auto = "auto",
        /// Calls that run at once.
        slots: usize = 200,
        /// Calls of one channel that run at once.
        slots_per_channel: usize = 8,
        /// Host calls that one call may make.
        host_calls: u32 = 100,
        /// Messages that one call may answer with.
        replies: usize = 8,
        /// Characters of one answer.
        reply_length: usize = 2000,
        /// Lines that one call may log.
        log_lines: usize = 32,
        /// Characters of one logged line.
        log_line_length: usize = 512,
        /// What one host call may copy in or out.
        host_call_bytes: usize as size = "1 MiB",
        /// What a module may store in one channel.
        storage_bytes: u64 as size = "256 KiB",
        /// Keys that a module may store in one channel.
        storage_keys: u64 = 1000,
        /// Whether modules in JavaScript or Python, which need more memory, may be uploaded.
        allow_large: bool = false,
        /// Uploaded modules that are kept ready in memory; others are loaded from disk when they are called. One whose machine code
        /// is larger than 1 MiB counts once for each MiB.
        compiled_modules: usize = 128,
        /// Disk space for the machine code of modules, which takes up three to four times as much as their components. Beyond
        /// it, the machine code that was used longest ago is deleted, and compiled again when its module is called.
        compiled_bytes: u64 as size = "2 GiB",
        /// Processor time that compiling an uploaded module may take, in a process of its own. On a busy machine, compiling may
        /// last much longer. Modules in JavaScript or Python get twice this time and twice `compile_memory`.
        compile_time: Duration = "30s",
        /// Memory that compiling an uploaded module may take up. At most three modules are compiled at once: one upload of the
        /// operator's, one of a creator's, and one module that is called and has to be compiled again.
        compile_memory: usize as size = "512 MiB",
        /// Processor time that compiling the uploads of one creator's API key may take within ten minutes. The operator's keys have no
        /// such limit.
        compile_budget: Duration = "2m",
    }
}

section! {
    /// The limits of modules' requests to the web hosts that were granted to them.
    [web] WebConfig {
        /// The time for one request, redirects included. `sandbox.deadline` holds as well.
        answer_within: Duration = "1s",
        /// Requests of one call.
        requests: usize = 4,
        /// What one answer may hold.
        response_bytes: usize as size = "256 KiB",
        /// What one call may send and receive.
        bytes: usize as size = "512 KiB",
        /// Requests in flight at once. One module, in all its channels, gets at most three in four of them.
        connections: usize = 64,
        /// Of these, requests of one module in one channel.
        connections_per_module: usize = 4,
    }
}

section! {
    /// Modules besides the bundled ones.
    [modules] ModulesConfig {
        /// WebAssembly components to load at the start, such as ["dice.wasm"]. They get every capability that they request, and
        /// are on in each channel until it says `!settings disable MODULE`: load only what you trust.
        load: Vec<PathBuf> = [],
    }
}

section! {
    /// Traces of calls, for an OpenTelemetry collector.
    [telemetry] TelemetryConfig {
        /// The address of an OpenTelemetry collector, such as "http://localhost:4318". It gets each call of a command as one
        /// trace (OTLP over HTTP): how long the call waited, ran and was saved, and when its answer left. "off" sends nothing.
        otlp_endpoint: Option<CollectorAddress> as or_off = "off",
        /// The environment variable that holds headers to send along, such as a key: name=value,name=value. Or "off".
        otlp_headers_env: Option<String> as variable_or_off = "off",
        /// The name of this host in traces.
        service_name: String as name = "twitchy",
        /// The share of calls that are traced, from 0.0 to 1.0.
        sample_ratio: f64 as ratio = 1.0,
    }
}

section! {
    /// A module that keeps failing in a channel is switched off there. Bundled modules never are.
    [fuse] FuseConfig {
        /// Failures of a version in one channel within `window` that switch it off there.
        faults: usize = 5,
        /// Different chatters whose calls have to cause these failures, at least.
        chatters: usize = 3,
        /// The time over which failures are counted.
        window: Duration = "10m",
        /// A chatter's failures within `window` after which the module ignores that chatter in that channel.
        ignore_after: usize = 2,
        /// How long the module ignores that chatter.
        ignore_for: Duration = "10m",
        /// Whether a module that was switched off comes back by itself: after 10 minutes, an hour, 6 hours, then not any more.
        /// Otherwise, and after that, `!settings enable MODULE` brings it back.
        restore: bool = false,
        /// Channels in which a new version is switched off, each time because of other chatters, before the log reports it as
        /// an error.
        channels: usize = 3,
        /// How long after its upload a version is new.
        new_for: Duration = "24h",
        /// Whether such a version is also withdrawn everywhere, so that every channel is back on the version before.
        roll_back: bool = false,
    }
}

section! {
    /// Who changed what, when and from where: GET /api/v1/audit. A line takes some 310 bytes of the database.
    [audit] AuditConfig {
        /// How long lines are kept, at most "366d"; "off" keeps them for ever.
        keep: Option<Duration> as or_off = "365d",
        /// Calls of commands over HTTP are lines too, as many as keys may make. This is how long such lines are kept, but no
        /// longer than `keep`.
        keep_calls: Option<Duration> as or_off = "30d",
    }
}

section! {
    /// The log, on standard error. The environment variable TWITCHY_LOG says what is logged.
    [log] LogConfig {
        /// "text" for people, "json" for programs: an object a line, with timestamp, level, target, message and the record's fields.
        format: LogFormat = "text",
    }
}
