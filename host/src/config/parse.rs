//! The file's text -> [`Config`]: every key that there is, table by table.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::{Problem, Problems, Section};
use super::value::{CountOrAuto, Listen, Name, OrOff, PublicUrlOrAuto, Ratio, ReadValue, Size, VariableName};
use super::{
    AccountConfig, AuditConfig, ChannelsConfig, Config, FuseConfig, HttpConfig, LimitsConfig, LogConfig, ModulesConfig,
    SandboxConfig, SeedChannel, TelemetryConfig, TokenSource, TwitchConfig, WebConfig,
};
use crate::domain::id::Login;
use crate::domain::nearest::find_nearest;

const ACCOUNTS: &str = "must be tables: write login and token_env below a line [[accounts]]";
const UNLIMITED: &str = "may be false only where twitch.irc_server is a tcp:// server on this machine: speaking to Twitch without its \
                         limits earns the account a ban";
/// A slip of the keyboard must not cost the whole audit.
const LEAST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The fuse remembers as many: of faults in a channel, and of channels.
const MOST_FAULTS: usize = 64;
const JOIN: &str = "must be a list such as [\"shop\", { login = \"cafe\", account = \"otherbot\" }]";

const NETWORKS: &str = "[\"127.0.0.1\", \"10.0.0.0/8\"]";
const PLAIN_HEADERS: &str = "needs an otlp_endpoint that begins with https:// or is on this machine: the headers are most likely a key, and \
                             http:// is not encrypted";

/// Relative paths in `text` start at `folder`. The problems are in the order of their lines.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::new(text);
    let (table, mistakes) = DeTable::parse_recoverable(text);
    if !mistakes.is_empty() {
        // Only the message: the rest of such an error quotes the line, and a token may stand in it.
        for mistake in mistakes {
            let offset = mistake.span().map_or(0, |span| span.start);
            problems.add(offset, format!("this is not TOML: {}", mistake.message()));
        }
        return Err(problems.finish());
    }
    let config = read_file(Section::whole_file(&table, &mut problems), folder);
    let problems = problems.finish();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

fn read_file(mut file: Section<'_, '_>, folder: &Path) -> Config {
    let defaults = Config::default();
    let data_dir = folder.join(file.take("data_dir", defaults.data_dir));
    let twitch = read_twitch(file.section("twitch"), defaults.twitch);
    let accounts = read_accounts(&mut file, folder);
    let channels = read_channels(file.section("channels"), &accounts);
    let limits = read_limits(file.section("limits"), defaults.limits, &twitch);
    let sandbox = read_sandbox(file.section("sandbox"), &defaults.sandbox);
    let web = read_web(file.section("web"), &defaults.web);
    let modules = read_modules(file.section("modules"), folder);
    let telemetry = read_telemetry(file.section("telemetry"), defaults.telemetry);
    let fuse = read_fuse(file.section("fuse"), &defaults.fuse);
    let audit = read_audit(file.section("audit"), defaults.audit);
    let http = read_http(file.section("http"), defaults.http);
    let log = read_log(file.section("log"), defaults.log);
    file.finish();
    Config { data_dir, twitch, accounts, channels, limits, sandbox, web, modules, telemetry, fuse, audit, http, log }
}

fn read_twitch(mut section: Section<'_, '_>, defaults: TwitchConfig) -> TwitchConfig {
    let twitch = TwitchConfig { irc_server: section.take("irc_server", defaults.irc_server) };
    section.finish();
    twitch
}

fn read_accounts(file: &mut Section<'_, '_>, folder: &Path) -> Vec<AccountConfig> {
    let mut accounts: Vec<AccountConfig> = Vec::new();
    if !file.has("accounts") {
        file.check("accounts", false, "are missing: write login and token_env below a line [[accounts]]");
    }
    for (index, element) in file.list_elements("accounts", ACCOUNTS).into_iter().enumerate() {
        let Some(section) = file.element("accounts", index, element, ACCOUNTS) else { continue };
        accounts.extend(read_account(section, folder, &accounts));
    }
    accounts
}

fn read_account(mut section: Section<'_, '_>, folder: &Path, before: &[AccountConfig]) -> Option<AccountConfig> {
    let in_file = "does not belong in this file, which gets copied and shown around: put it into an environment \
                   variable and write token_env = \"NAME\", or into a file of its own and write token_file = \"path\"";
    let has_token =
        ["token", "access_token", "oauth", "password"].map(|key| section.refuse(key, in_file)).contains(&true);
    let login = section.find::<Login>("login");
    let variable = section.find::<VariableName>("token_env").map(|name| TokenSource::Environment(name.0));
    let file = section.find::<PathBuf>("token_file").map(|path| TokenSource::File(folder.join(path)));
    if !section.has("login") {
        section.reject_table("needs a login: login = \"mybot\"");
    }
    match (section.has("token_env"), section.has("token_file")) {
        (true, true) => section.reject_table("needs one token_env or one token_file, not both"),
        (false, false) if !has_token => section.reject_table("needs token_env = \"NAME\" or token_file = \"path\""),
        _ => {}
    }
    let is_new = before.iter().all(|account| Some(&account.login) != login.as_ref());
    section.check("login", is_new, "is the login of another account in this file already");
    section.finish();
    Some(AccountConfig { login: login?, token: variable.or(file)? })
}

fn read_channels(mut section: Section<'_, '_>, accounts: &[AccountConfig]) -> ChannelsConfig {
    let mut join: Vec<SeedChannel> = Vec::new();
    for (index, element) in section.list_elements("join", JOIN).into_iter().enumerate() {
        let Some(seed) = read_seed(&mut section, index, element, accounts) else { continue };
        // Two accounts in one channel would answer each command twice.
        let is_new = join.iter().all(|before| before.login != seed.login);
        section.check("join", is_new, &format!("names the channel {} twice", seed.login));
        join.push(seed);
    }
    section.finish();
    ChannelsConfig { join }
}

/// `"cafe"` or `{ login = "cafe", account = "otherbot" }`.
fn read_seed<'t>(
    section: &mut Section<'t, '_>,
    index: usize,
    element: &'t Spanned<DeValue<'t>>,
    accounts: &[AccountConfig],
) -> Option<SeedChannel> {
    let first = accounts.first()?.login.clone();
    if element.get_ref().is_str() {
        let login = Login::read(element.get_ref());
        let login = login.map_err(|text| section.reject_element("join", index, element, &text));
        return Some(SeedChannel { login: login.ok()?, account: first });
    }
    let mut table = section.element("join", index, element, JOIN)?;
    let login = table.find::<Login>("login");
    let account = table.take("account", first);
    if !table.has("login") {
        table.reject_table("needs a login: the channel's");
    }
    let is_ours = accounts.iter().any(|ours| ours.login == account);
    table.check("account", is_ours, &unknown_account(&account, accounts));
    table.finish();
    Some(SeedChannel { login: login?, account })
}

fn unknown_account(account: &Login, accounts: &[AccountConfig]) -> String {
    let known: Vec<&str> = accounts.iter().map(|account| account.login.as_str()).collect();
    let advice = find_nearest(account.as_str(), known.iter().copied()).map_or_else(
        || format!("the accounts are {}", known.join(", ")),
        |nearest| format!("did you mean \"{nearest}\"?"),
    );
    format!("names no account of this file: {advice}")
}

fn read_limits(mut section: Section<'_, '_>, defaults: LimitsConfig, twitch: &TwitchConfig) -> LimitsConfig {
    let limits = LimitsConfig {
        enforce: section.take("enforce", defaults.enforce),
        messages: section.take("messages", defaults.messages),
        privileged_messages: section.take("privileged_messages", defaults.privileged_messages),
        window: section.take("window", defaults.window),
        message_every: section.take("message_every", defaults.message_every),
        joins: section.take("joins", defaults.joins),
        logins: section.take("logins", defaults.logins),
        login_window: section.take("login_window", defaults.login_window),
        channels: section.take("channels", defaults.channels),
        unprivileged_within: section.take("unprivileged_within", defaults.unprivileged_within),
        stale_after: section.take("stale_after", defaults.stale_after),
        allow_bot_prefixes_in: section.take_list(
            "allow_bot_prefixes_in",
            defaults.allow_bot_prefixes_in,
            "[\"shop\", \"cafe\"]",
        ),
    };
    // Without encryption, so it is on this machine: the address was checked when it was read.
    section.check("enforce", limits.enforce || !twitch.irc_server.is_tls, UNLIMITED);
    let is_ordered = limits.messages <= limits.privileged_messages;
    let is_within = limits.unprivileged_within <= limits.window;
    section.check("unprivileged_within", is_within, "must not be longer than limits.window: no message waits longer");
    section.check("messages", is_ordered, "must not be more than limits.privileged_messages, which counts them too");
    section.finish();
    limits
}

fn read_sandbox(mut section: Section<'_, '_>, defaults: &SandboxConfig) -> SandboxConfig {
    let sandbox = SandboxConfig {
        cpu_budget: section.take("cpu_budget", defaults.cpu_budget),
        deadline: section.take("deadline", defaults.deadline),
        tick: section.take("tick", defaults.tick),
        credit: section.take("credit", defaults.credit),
        credit_window: section.take("credit_window", defaults.credit_window),
        threads: section.take("threads", CountOrAuto(defaults.threads)).0,
        slots: section.take("slots", defaults.slots),
        slots_per_channel: section.take("slots_per_channel", defaults.slots_per_channel),
        host_calls: section.take("host_calls", defaults.host_calls),
        replies: section.take("replies", defaults.replies),
        reply_length: section.take("reply_length", defaults.reply_length),
        log_lines: section.take("log_lines", defaults.log_lines),
        log_line_length: section.take("log_line_length", defaults.log_line_length),
        host_call_bytes: take_length(&mut section, "host_call_bytes", defaults.host_call_bytes),
        storage_bytes: section.take("storage_bytes", Size(defaults.storage_bytes)).0,
        storage_keys: section.take("storage_keys", defaults.storage_keys),
        allow_large: section.take("allow_large", defaults.allow_large),
        compiled_modules: section.take("compiled_modules", defaults.compiled_modules),
        compiled_bytes: section.take("compiled_bytes", Size(defaults.compiled_bytes)).0,
        compile_time: section.take("compile_time", defaults.compile_time),
        compile_memory: take_length(&mut section, "compile_memory", defaults.compile_memory),
        compile_budget: section.take("compile_budget", defaults.compile_budget),
    };
    section.check("tick", sandbox.tick <= sandbox.cpu_budget, "must not be longer than sandbox.cpu_budget");
    section.check("cpu_budget", sandbox.cpu_budget <= sandbox.deadline, "must not be longer than sandbox.deadline");
    section.check("credit", sandbox.credit <= sandbox.credit_window, "must not be longer than sandbox.credit_window");
    let is_share = sandbox.slots_per_channel <= sandbox.slots;
    section.check("slots_per_channel", is_share, "must not be more than sandbox.slots");
    section.finish();
    sandbox
}

fn read_web(mut section: Section<'_, '_>, defaults: &WebConfig) -> WebConfig {
    let web = WebConfig {
        answer_within: section.take("answer_within", defaults.answer_within),
        requests: section.take("requests", defaults.requests),
        response_bytes: take_length(&mut section, "response_bytes", defaults.response_bytes),
        bytes: take_length(&mut section, "bytes", defaults.bytes),
        connections: section.take("connections", defaults.connections),
        connections_per_module: section.take("connections_per_module", defaults.connections_per_module),
    };
    section.check("response_bytes", web.response_bytes <= web.bytes, "must not be more than web.bytes");
    let is_share = web.connections_per_module <= web.connections;
    section.check("connections_per_module", is_share, "must not be more than web.connections");
    section.finish();
    web
}

fn read_modules(mut section: Section<'_, '_>, folder: &Path) -> ModulesConfig {
    let load: Vec<PathBuf> = section.take_list("load", Vec::new(), "[\"dice.wasm\"]");
    section.finish();
    ModulesConfig { load: load.into_iter().map(|path| folder.join(path)).collect() }
}

fn read_telemetry(mut section: Section<'_, '_>, defaults: TelemetryConfig) -> TelemetryConfig {
    let headers = section.take("otlp_headers_env", OrOff(None)).0;
    let telemetry = TelemetryConfig {
        otlp_endpoint: section.take("otlp_endpoint", OrOff(defaults.otlp_endpoint)).0,
        otlp_headers_env: headers.map(|VariableName(name)| name),
        service_name: section.take("service_name", Name(defaults.service_name)).0,
        sample_ratio: section.take("sample_ratio", Ratio(defaults.sample_ratio)).0,
    };
    let is_plain = telemetry.otlp_endpoint.as_ref().is_some_and(|to| !to.server.is_tls && !to.is_on_this_machine());
    section.check("otlp_headers_env", !(is_plain && telemetry.otlp_headers_env.is_some()), PLAIN_HEADERS);
    section.finish();
    telemetry
}

fn read_fuse(mut section: Section<'_, '_>, defaults: &FuseConfig) -> FuseConfig {
    let fuse = FuseConfig {
        faults: section.take("faults", defaults.faults),
        chatters: section.take("chatters", defaults.chatters),
        window: section.take("window", defaults.window),
        ignore_after: section.take("ignore_after", defaults.ignore_after),
        ignore_for: section.take("ignore_for", defaults.ignore_for),
        restore: section.take("restore", defaults.restore),
        channels: section.take("channels", defaults.channels),
        new_for: section.take("new_for", defaults.new_for),
        roll_back: section.take("roll_back", defaults.roll_back),
    };
    section.check("faults", fuse.faults <= MOST_FAULTS, "must not be more than 64");
    section.check("chatters", fuse.chatters <= fuse.faults, "must not be more than fuse.faults");
    section.check("ignore_after", fuse.ignore_after <= MOST_FAULTS, "must not be more than 64");
    section.check("channels", fuse.channels <= MOST_FAULTS, "must not be more than 64");
    section.finish();
    fuse
}

fn read_audit(mut section: Section<'_, '_>, defaults: AuditConfig) -> AuditConfig {
    let audit = AuditConfig {
        keep: section.take("keep", OrOff(defaults.keep)).0,
        keep_calls: section.take("keep_calls", OrOff(defaults.keep_calls)).0,
    };
    let least = |kept: Option<Duration>| kept.is_none_or(|kept| kept >= LEAST_KEPT);
    section.check("keep", least(audit.keep), "must not be less than \"1d\"");
    section.check("keep_calls", least(audit.keep_calls), "must not be less than \"1d\"");
    section.finish();
    audit
}

fn read_http(mut section: Section<'_, '_>, defaults: HttpConfig) -> HttpConfig {
    let http = HttpConfig {
        listen: section.take("listen", Listen(defaults.listen)).0,
        public_url: section.take("public_url", PublicUrlOrAuto(defaults.public_url)).0,
        hosts: section.take_list("hosts", defaults.hosts, "[\"bot.example\"]"),
        trusted_proxies: section.take_list("trusted_proxies", defaults.trusted_proxies, NETWORKS),
        metrics_from: section.take_list("metrics_from", defaults.metrics_from, NETWORKS),
        rate: section.take("rate", defaults.rate),
        burst: section.take("burst", defaults.burst),
        concurrency: section.take("concurrency", defaults.concurrency),
        rate_without_key: section.take("rate_without_key", defaults.rate_without_key),
        burst_without_key: section.take("burst_without_key", defaults.burst_without_key),
        connections: section.take("connections", defaults.connections),
        body: take_length(&mut section, "body", defaults.body),
        header_within: section.take("header_within", defaults.header_within),
        request_within: section.take("request_within", defaults.request_within),
    };
    section.finish();
    http
}

fn read_log(mut section: Section<'_, '_>, defaults: LogConfig) -> LogConfig {
    let log = LogConfig { format: section.take("format", defaults.format) };
    section.finish();
    log
}

fn take_length(section: &mut Section<'_, '_>, key: &'static str, default: usize) -> usize {
    section.find::<Size>(key).and_then(|size| size.0.try_into().ok()).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EXAMPLE: &str = include_str!("../../config.example.toml");
    const ACCOUNT: &str = "[[accounts]]\nlogin = \"mybot\"\ntoken_env = \"TOKEN\"\n";

    fn login(text: &str) -> Login {
        text.parse().unwrap()
    }

    /// `text` with an account below it.
    fn config(text: &str) -> Config {
        parse(&format!("{text}\n{ACCOUNT}"), Path::new("")).unwrap()
    }

    /// What is wrong with `text`, which has an account below it: `line: text`.
    fn problems(text: &str) -> Vec<String> {
        let problems = parse(&format!("{text}\n{ACCOUNT}"), Path::new("")).unwrap_err();
        problems.iter().map(|problem| format!("{}: {}", problem.line, problem.text)).collect()
    }

    /// The example with every setting in force. A setting's line starts with `#` and no blank after it.
    fn uncommented_example() -> String {
        let is_setting = |line: &&str| !line.starts_with("# ");
        let lines: Vec<&str> =
            EXAMPLE.lines().filter(is_setting).map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
        lines.join("\n")
    }

    #[test]
    fn the_example_says_the_defaults() {
        let account = AccountConfig { login: login("mybot"), token: TokenSource::Environment("TWITCHY_TOKEN".into()) };
        let expected = Config { accounts: vec![account], ..Config::default() };
        assert_eq!(parse(&uncommented_example(), Path::new("")), Ok(expected));
    }

    #[test]
    fn the_example_has_every_key() {
        let example = uncommented_example();
        for table in
            ["twitch", "channels", "limits", "sandbox", "web", "modules", "telemetry", "fuse", "audit", "http", "log"]
        {
            let header = format!("[{table}]\n");
            let text = example.replace(&header, &format!("{header}zzzzzzzzzzzzzzzz = 1\n"));
            let problems = parse(&text, Path::new("")).unwrap_err();
            let (_, known) = problems[0].text.split_once("; known are ").unwrap();
            let body = example.split_once(&header).unwrap().1;
            let body = body.split("\n[").next().unwrap();
            for key in known.split(", ") {
                assert!(body.lines().any(|line| line.starts_with(&format!("{key} = "))), "{table}.{key}");
            }
        }
    }

    #[test]
    fn the_untouched_example_asks_for_an_account() {
        let problems = parse(EXAMPLE, Path::new("")).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].text.starts_with("accounts are missing"), "{}", problems[0].text);
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let config = config(
            "data_dir = \"state\"\n[twitch]\nirc_server = \"tcp://127.0.0.1:6667\"\n\
             [limits]\nwindow = \"1m\"\nmessages = 5\nallow_bot_prefixes_in = [\"Shop\"]\n\
             [sandbox]\nhost_call_bytes = \"2 MiB\"\nstorage_bytes = 1024\nallow_large = true\n",
        );
        assert_eq!(config.data_dir, Path::new("state"));
        assert_eq!(config.twitch.irc_server.port, 6667);
        assert!(config.sandbox.allow_large);
        assert_eq!((config.limits.window, config.limits.messages), (Duration::from_secs(60), 5));
        assert_eq!(config.limits.allow_bot_prefixes_in, [login("shop")]);
        assert_eq!((config.sandbox.host_call_bytes, config.sandbox.storage_bytes), (2 << 20, 1024));
    }

    #[test]
    fn relative_paths_start_at_the_files_folder() {
        let text = "data_dir = \"state\"\n[[accounts]]\nlogin = \"a\"\ntoken_file = \"token\"\n\
                    [[accounts]]\nlogin = \"b\"\ntoken_file = \"/run/token\"\n";
        let config = parse(text, Path::new("/etc/twitchy")).unwrap();
        assert_eq!(config.data_dir, Path::new("/etc/twitchy/state"));
        assert_eq!(config.accounts[0].token, TokenSource::File("/etc/twitchy/token".into()));
        assert_eq!(config.accounts[1].token, TokenSource::File("/run/token".into()));
    }

    #[test]
    fn a_channel_is_joined_by_the_first_account_or_the_named_one() {
        let text = format!(
            "{ACCOUNT}[[accounts]]\nlogin = \"other\"\ntoken_env = \"B\"\n[channels]\n\
             join = [\"Shop\", {{ login = \"cafe\", account = \"other\" }}, {{ login = \"bar\" }}]\n"
        );
        let seed = |channel, account| SeedChannel { login: login(channel), account: login(account) };
        let expected = [seed("shop", "mybot"), seed("cafe", "other"), seed("bar", "mybot")];
        assert_eq!(parse(&text, Path::new("")).unwrap().channels.join, expected);
    }

    #[test]
    fn an_unknown_key_is_met_with_the_nearest_known_one() {
        assert_eq!(
            problems("[twitch]\nirc_servr = \"tls://a:1\"\n"),
            ["2: unknown key \"irc_servr\" in [twitch], did you mean \"irc_server\"?"]
        );
        assert_eq!(problems("[chanels]\n"), ["1: unknown key \"chanels\", did you mean \"channels\"?"]);
        assert_eq!(problems("[twitch]\ncolour = 1\n"), ["2: unknown key \"colour\" in [twitch]; known are irc_server"]);
    }

    #[test]
    fn all_mistakes_are_told_at_once_in_order() {
        assert_eq!(
            problems("data_dir = 5\n[sandbox]\nslots = 0\n[limits]\nwindow = \"30\"\nmesages = 1\n"),
            [
                "1: data_dir must be a path in quotes",
                "3: sandbox.slots must be a whole number from 1, not 0",
                "5: limits.window must be a time with its unit, longer than nothing, such as \"50ms\", \"30s\", \
                 \"10m\", \"1h\" or \"2d\", not \"30\"",
                "6: unknown key \"mesages\" in [limits], did you mean \"messages\"?",
            ]
        );
    }

    #[test]
    fn values_of_the_wrong_kind_are_met_with_what_is_right() {
        let cases = [
            ("[sandbox]\nallow_large = \"yes\"", "sandbox.allow_large must be true or false, not \"yes\""),
            ("[limits]\nmessages = -1", "limits.messages must be a whole number from 1, not -1"),
            ("[limits]\nwindow = 30", "limits.window must be a time with its unit"),
            ("[log]\nformat = \"xml\"", "log.format must be \"text\" or \"json\", not \"xml\""),
            ("[sandbox]\nstorage_bytes = \"1 MB\"", "sandbox.storage_bytes must be a number of bytes, or a size"),
            ("[sandbox]\nthreads = 0", "sandbox.threads must be a whole number from 1, or \"auto\", not 0"),
            ("twitch = 1", "twitch must be a table: write its keys below a line [twitch]"),
            ("[channels]\njoin = \"shop\"", "channels.join must be a list such as"),
            ("[channels]\njoin = [1]", "channels.join[0] must be a list such as"),
            (
                "[channels]\njoin = [\"#shop\"]",
                "channels.join[0] must be a login of 1 to 25 letters, digits or underscores, such as \"shop\", not \"#shop\"",
            ),
            ("[channels]\njoin = [\"shop\", \"Shop\"]", "channels.join names the channel shop twice"),
            ("[limits]\nallow_bot_prefixes_in = [\"a b\"]", "limits.allow_bot_prefixes_in[0] must be a login"),
        ];
        for (text, expected) in cases {
            let problems = problems(text);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
        }
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        let cases = [
            ("[sandbox]\ntick = \"60ms\"", "sandbox.tick must not be longer than sandbox.cpu_budget"),
            ("[sandbox]\ndeadline = \"40ms\"", "sandbox.cpu_budget must not be longer than sandbox.deadline"),
            ("[sandbox]\ncredit = \"11s\"", "sandbox.credit must not be longer than sandbox.credit_window"),
            ("[sandbox]\nslots = 7", "sandbox.slots_per_channel must not be more than sandbox.slots"),
            ("[limits]\nmessages = 101", "limits.messages must not be more than limits.privileged_messages"),
            (
                "[limits]\nunprivileged_within = \"31s\"",
                "limits.unprivileged_within must not be longer than limits.window",
            ),
            ("[web]\nresponse_bytes = \"1 MiB\"", "web.response_bytes must not be more than web.bytes"),
            ("[web]\nconnections = 3", "web.connections_per_module must not be more than web.connections"),
        ];
        for (text, expected) in cases {
            let problems = problems(text);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
        }
    }

    #[test]
    fn a_token_never_travels_without_encryption() {
        let problems = problems("[twitch]\nirc_server = \"tcp://irc.chat.twitch.tv:6667\"\n");
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("2: twitch.irc_server must begin with tls://"), "{problems:?}");
    }

    #[test]
    fn limits_are_left_aside_only_on_this_machine() {
        let local = config("[twitch]\nirc_server = \"tcp://[::1]:6667\"\n[limits]\nenforce = false\n");
        assert!(!local.limits.enforce);
        for server in ["", "[twitch]\nirc_server = \"tls://localhost:6697\"\n"] {
            let problems = problems(&format!("{server}[limits]\nenforce = false\n"));
            assert!(
                problems.len() == 1 && problems[0].contains("limits.enforce may be false only where"),
                "{problems:?}"
            );
            assert!(problems[0].ends_with("earns the account a ban"), "{problems:?}");
        }
    }

    #[test]
    fn traces_go_where_they_are_sent_and_their_key_does_not_travel_in_the_open() {
        let telemetry = config(
            "[telemetry]\notlp_endpoint = \"https://otlp.example/a\"\notlp_headers_env = \"OTLP_KEY\"\nsample_ratio = 0.25\n",
        )
        .telemetry;
        let endpoint = telemetry.otlp_endpoint.unwrap();
        let server = &endpoint.server;
        assert_eq!((server.host.as_str(), server.port, endpoint.path.as_str()), ("otlp.example", 443, "/a"));
        assert_eq!((telemetry.otlp_headers_env.as_deref(), telemetry.sample_ratio), (Some("OTLP_KEY"), 0.25));
        let cases = [
            ("otlp_endpoint = \"otlp.example\"", "telemetry.otlp_endpoint must be an address such as"),
            ("sample_ratio = 1.5", "telemetry.sample_ratio must be a number from 0.0 to 1.0, not 1.5"),
            ("sample_ratio = nan", "telemetry.sample_ratio must be a number from 0.0 to 1.0"),
            (
                "otlp_headers_env = \"key=abc\"",
                "telemetry.otlp_headers_env must be the name of an environment variable",
            ),
            (
                "otlp_endpoint = \"http://otlp.example\"\notlp_headers_env = \"A\"",
                "telemetry.otlp_headers_env needs an otlp_endpoint that begins with https://",
            ),
        ];
        for (text, expected) in cases {
            let problems = problems(&format!("[telemetry]\n{text}\n"));
            assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
        }
    }

    #[test]
    fn the_api_is_told_where_it_is() {
        let http = config(
            "[http]\nlisten = \"0.0.0.0:80\"\npublic_url = \"https://bot.example\"\nhosts = [\"bot\"]\n\
             trusted_proxies = [\"10.0.0.0/8\"]\n",
        )
        .http;
        assert_eq!(http.listen, "0.0.0.0:80".parse().ok());
        assert_eq!(http.public_url.unwrap().to_string(), "https://bot.example");
        assert!(http.trusted_proxies[0].contains([10, 1, 2, 3].into()) && http.hosts[0].as_str() == "bot");
        assert_eq!(config("[http]\nlisten = \"off\"\n").http.listen, None);
        for (text, expected) in [
            ("listen = \"8080\"", "http.listen must be an address of this machine and a port"),
            ("listen = false", "http.listen must be an address of this machine and a port"),
            ("public_url = \"bot.example\"", "http.public_url must be \"https://\" or \"http://\" and a host"),
            (
                "hosts = [\"a:1\"]",
                "http.hosts[0] must be a host's name without scheme and port, such as \"bot.example\", not \"a:1\"",
            ),
            ("trusted_proxies = [\"10.0.0.0/99\"]", "http.trusted_proxies[0] must be an address"),
        ] {
            let problems = problems(&format!("[http]\n{text}\n"));
            assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
        }
    }

    #[test]
    fn modules_lie_beside_the_file() {
        let text = format!("[modules]\nload = [\"dice.wasm\", \"/opt/hug.wasm\"]\n{ACCOUNT}");
        let load = parse(&text, Path::new("/etc/twitchy")).unwrap().modules.load;
        assert_eq!(load, [Path::new("/etc/twitchy/dice.wasm"), Path::new("/opt/hug.wasm")]);
        for (load, told) in [
            ("\"dice.wasm\"", "modules.load must be a list such as [\"dice.wasm\"], not \"dice.wasm\""),
            ("[1]", "modules.load[0] must be a path in quotes"),
            ("[\"a.wasm\", \"~/b.wasm\"]", "modules.load[1] must be a path that is written out"),
        ] {
            let problems = problems(&format!("[modules]\nload = {load}\n"));
            assert!(problems.len() == 1 && problems[0].contains(told), "{problems:?}");
        }
        let each = problems("[limits]\nallow_bot_prefixes_in = [\n\"#shop\",\n\"cafe\",\n\"a b\"]\n");
        let told = |index: usize| format!("limits.allow_bot_prefixes_in[{index}] must be a login of 1 to 25");
        assert!(each[0].starts_with("3: ") && each[0].contains(&told(0)), "{each:?}");
        assert!(each[1].starts_with("5: ") && each[1].contains(&told(2)) && each.len() == 2, "{each:?}");
    }

    #[test]
    fn a_token_in_the_file_is_refused_and_not_repeated() {
        let secret = "abcdefghij0123456789";
        for line in [
            format!("token = \"oauth:{secret}\""),
            format!("token_env = \"{secret}\""),
            format!("token_env = \"oauth:{secret}\""),
            format!("token = \"oauth:{secret}"),
        ] {
            let problems = parse(&format!("[[accounts]]\nlogin = \"a\"\n{line}\n"), Path::new("")).unwrap_err();
            assert_eq!(problems[0].line, 3, "{problems:?}");
            assert!(problems.iter().all(|problem| !problem.text.contains(secret)), "{problems:?}");
        }
    }

    #[test]
    fn an_account_has_one_login_of_its_own_and_one_token() {
        let cases = [
            ("[[accounts]]\ntoken_env = \"A\"", "accounts[0] needs a login"),
            ("[[accounts]]\nlogin = \"a\"", "accounts[0] needs token_env = \"NAME\" or token_file"),
            ("[[accounts]]\nlogin = \"a\"\ntoken_env = \"A\"\ntoken_file = \"a\"", "accounts[0] needs one token_env"),
            ("[[accounts]]\nlogin = \"MyBot\"\ntoken_env = \"A\"", "accounts[1].login is the login of another"),
            ("[[accounts]]\nlogin = \"a b\"\ntoken_env = \"A\"", "accounts[0].login must be a login"),
        ];
        for (text, expected) in cases {
            let problems = problems(text);
            assert!(problems.len() == 1 && problems[0].contains(expected), "{text}: {problems:?}");
        }
        let one_table = parse("[accounts]\nlogin = \"a\"\n", Path::new("")).unwrap_err();
        assert!(one_table[0].text.starts_with("accounts must be tables"), "{one_table:?}");
    }

    #[test]
    fn a_channel_names_an_account_that_exists() {
        let text = "[channels]\njoin = [{ login = \"shop\", account = \"mybott\" }]\n";
        assert_eq!(
            problems(text),
            ["2: channels.join[0].account names no account of this file: did you mean \"mybot\"?"]
        );
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        let problems = problems("[twitch]\nirc_server = \n");
        assert!(problems[0].starts_with("2: this is not TOML: "), "{problems:?}");
    }
}
