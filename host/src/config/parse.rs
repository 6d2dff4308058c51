//! Parses the file's text into a [`Config`], table by table, and checks that the values fit together.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::section::{Problem, Problems, Section};
use super::value::{ReadValue, VariableName};
use super::{
    AccountConfig, AuditConfig, ChannelsConfig, Config, FuseConfig, HttpConfig, LimitsConfig, LogConfig, ModulesConfig,
    SandboxConfig, SeedChannel, TelemetryConfig, TokenSource, TwitchConfig, WebConfig,
};
use crate::domain::id::Login;
use crate::domain::nearest::find_nearest;

const ACCOUNTS: &str = "must be tables: write login and token_env below a line [[accounts]]";
const UNLIMITED: &str = "may be false only where twitch.irc_server is a tcp:// server on this machine: speaking to Twitch without its \
                         limits earns the account a ban";
/// The default of `data_dir`.
const USUAL_DATA_DIR: &str = "data";

/// The least time to keep the audit: a typing error in `audit.keep` must not delete all of it.
const LEAST_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The upper bound of the counts in `[fuse]`: the fuse remembers this many faults in a channel, and this many channels.
const MOST_FAULTS: usize = 64;
const JOIN: &str = "must be a list such as [\"shop\", { login = \"cafe\", account = \"otherbot\" }]";

const PLAIN_HEADERS: &str = "needs an otlp_endpoint that begins with https:// or is on this machine: the headers are most likely a key, and \
                             http:// is not encrypted";

/// Relative paths in `text` start at `folder`. The problems are sorted by line.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::new(text);
    let (table, mistakes) = DeTable::parse_recoverable(text);
    if !mistakes.is_empty() {
        // Only the parser's message: the rest of its error quotes the line, which may contain a token.
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
    let data_dir = folder.join(file.find::<PathBuf>("data_dir").unwrap_or_else(|| USUAL_DATA_DIR.into()));
    let twitch = TwitchConfig::read(&mut file, |_, _| {});
    let accounts = read_accounts(&mut file, folder);
    let channels = read_channels(file.section("channels"), &accounts);
    let limits = LimitsConfig::read(&mut file, |limits, section| check_limits(limits, &twitch, section));
    let sandbox = SandboxConfig::read(&mut file, check_sandbox);
    let web = WebConfig::read(&mut file, check_web);
    let ModulesConfig { load } = ModulesConfig::read(&mut file, |_, _| {});
    let modules = ModulesConfig { load: load.into_iter().map(|path| folder.join(path)).collect() };
    let telemetry = TelemetryConfig::read(&mut file, check_telemetry);
    let fuse = FuseConfig::read(&mut file, check_fuse);
    let audit = AuditConfig::read(&mut file, check_audit);
    let http = HttpConfig::read(&mut file, |_, _| {});
    let log = LogConfig::read(&mut file, |_, _| {});
    file.finish();
    Config { data_dir, twitch, accounts, channels, limits, sandbox, web, modules, telemetry, fuse, audit, http, log }
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
        let login = login.map_err(|text| section.reject_element("join", index, element.span().start, &text));
        return Some(SeedChannel { login: login.ok()?, account: first });
    }
    let mut table = section.element("join", index, element, JOIN)?;
    let login = table.find::<Login>("login");
    let account = table.find("account").unwrap_or(first);
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

fn check_limits(limits: &LimitsConfig, twitch: &TwitchConfig, section: &mut Section<'_, '_>) {
    // A server without TLS is on this machine: reading `irc_server` refuses all others.
    section.check("enforce", limits.enforce || !twitch.irc_server.is_tls, UNLIMITED);
    let is_ordered = limits.messages <= limits.privileged_messages;
    let is_within = limits.unprivileged_within <= limits.window;
    section.check("unprivileged_within", is_within, "must not be longer than limits.window: no message waits longer");
    section.check("messages", is_ordered, "must not be more than limits.privileged_messages, which counts them too");
}

fn check_sandbox(sandbox: &SandboxConfig, section: &mut Section<'_, '_>) {
    section.check("tick", sandbox.tick <= sandbox.cpu_budget, "must not be longer than sandbox.cpu_budget");
    section.check("cpu_budget", sandbox.cpu_budget <= sandbox.deadline, "must not be longer than sandbox.deadline");
    section.check("credit", sandbox.credit <= sandbox.credit_window, "must not be longer than sandbox.credit_window");
    let is_share = sandbox.slots_per_channel <= sandbox.slots;
    section.check("slots_per_channel", is_share, "must not be more than sandbox.slots");
}

fn check_web(web: &WebConfig, section: &mut Section<'_, '_>) {
    section.check("response_bytes", web.response_bytes <= web.bytes, "must not be more than web.bytes");
    let is_share = web.connections_per_module <= web.connections;
    section.check("connections_per_module", is_share, "must not be more than web.connections");
}

fn check_telemetry(telemetry: &TelemetryConfig, section: &mut Section<'_, '_>) {
    let is_plain = telemetry.otlp_endpoint.as_ref().is_some_and(|to| !to.server.is_tls && !to.is_on_this_machine());
    section.check("otlp_headers_env", !(is_plain && telemetry.otlp_headers_env.is_some()), PLAIN_HEADERS);
}

fn check_fuse(fuse: &FuseConfig, section: &mut Section<'_, '_>) {
    section.check("faults", fuse.faults <= MOST_FAULTS, "must not be more than 64");
    section.check("chatters", fuse.chatters <= fuse.faults, "must not be more than fuse.faults");
    section.check("ignore_after", fuse.ignore_after <= MOST_FAULTS, "must not be more than 64");
    section.check("channels", fuse.channels <= MOST_FAULTS, "must not be more than 64");
}

fn check_audit(audit: &AuditConfig, section: &mut Section<'_, '_>) {
    let least = |kept: Option<Duration>| kept.is_none_or(|kept| kept >= LEAST_KEPT);
    section.check("keep", least(audit.keep), "must not be less than \"1d\"");
    section.check("keep_calls", least(audit.keep_calls), "must not be less than \"1d\"");
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

    /// The configuration of `text` with an account appended.
    fn config(text: &str) -> Config {
        parse(&format!("{text}\n{ACCOUNT}"), Path::new("")).unwrap()
    }

    /// The problems of `text` with an account appended, each as `line: text`.
    fn problems(text: &str) -> Vec<String> {
        let problems = parse(&format!("{text}\n{ACCOUNT}"), Path::new("")).unwrap_err();
        problems.iter().map(|problem| format!("{}: {}", problem.line, problem.text)).collect()
    }

    /// The example file with every setting uncommented. The line of a setting starts with `#` and no blank after it.
    fn uncommented_example() -> String {
        let is_setting = |line: &&str| !line.starts_with("# ");
        let lines: Vec<&str> =
            EXAMPLE.lines().filter(is_setting).map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
        lines.join("\n")
    }

    #[test]
    fn the_example_says_the_defaults() {
        let account = AccountConfig { login: login("mybot"), token: TokenSource::Environment("TWITCHY_TOKEN".into()) };
        let expected = Config { data_dir: USUAL_DATA_DIR.into(), accounts: vec![account], ..Config::default() };
        assert_eq!(parse(&uncommented_example(), Path::new("")), Ok(expected));
    }

    #[test]
    fn the_example_is_what_the_declarations_say() {
        let declared = [
            TwitchConfig::EXAMPLE,
            LimitsConfig::EXAMPLE,
            SandboxConfig::EXAMPLE,
            WebConfig::EXAMPLE,
            ModulesConfig::EXAMPLE,
            TelemetryConfig::EXAMPLE,
            FuseConfig::EXAMPLE,
            AuditConfig::EXAMPLE,
            HttpConfig::EXAMPLE,
            LogConfig::EXAMPLE,
        ];
        for table in declared {
            assert!(EXAMPLE.contains(&format!("\n\n{table}")), "config.example.toml has to have this:\n{table}");
        }
        // The check covers every table: the reader lists those that it knows.
        let problems = problems("zzzzzzzzzzzzzzzz = 1\n");
        let (_, known) = problems[0].split_once("; known are ").unwrap();
        for key in known.split(", ").filter(|key| !["data_dir", "accounts", "channels"].contains(key)) {
            assert!(declared.iter().any(|table| table.contains(&format!("[{key}]\n"))), "{key}");
        }
        assert!(["\n#data_dir = ", "\n#[[accounts]]\n", "\n[channels]\n"].iter().all(|key| EXAMPLE.contains(key)));
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
    fn all_mistakes_are_reported_at_once_in_order() {
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
    fn the_api_learns_where_it_is() {
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
    fn broken_toml_is_reported_with_its_line() {
        let problems = problems("[twitch]\nirc_server = \n");
        assert!(problems[0].starts_with("2: this is not TOML: "), "{problems:?}");
    }
}
