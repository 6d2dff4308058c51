//! Rules about things that only one part of the code may do.

use super::source::{Finding, Line, Source, object};

pub(super) fn only_the_store_has_sql(source: &Source) -> Vec<Finding> {
    if !source.is_host() || is_part(source, "store") {
        return Vec::new();
    }
    const SQL: [&str; 7] =
        ["rusqlite", "SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA ", "BEGIN IMMEDIATE"];
    object(source, "only `store` knows SQL", |line| SQL.iter().any(|word| line.code.contains(word)))
}

pub(super) fn only_config_reads_the_environment(source: &Source) -> Vec<Finding> {
    if !source.is_host() || is_part(source, "config") {
        return Vec::new();
    }
    object(source, "only `config` reads the environment", |line| {
        ["env::var(", "env::var_os(", "env::vars(", "use std::env::var"].iter().any(|call| line.bare.contains(call))
    })
}

/// Otherwise a closed pipe would be a panic in one subcommand and an error in another.
pub(super) fn only_the_output_prints(source: &Source) -> Vec<Finding> {
    if !source.is_host() || is_part(source, "cli/output") {
        return Vec::new();
    }
    object(source, "only `cli/output` prints", |line| {
        ["print!(", "println!(", "writeln!(stdout", "write!(stdout"].iter().any(|call| line.bare.contains(call))
            || is_part(source, "cli") && line.bare.contains("io::stdout()")
    })
}

/// `setup` reloads the set-up after a commit. A commit elsewhere would leave a stale set-up in memory.
pub(super) fn only_the_setup_commits(source: &Source) -> Vec<Finding> {
    if !source.is_host() || is_part(source, "setup") || is_part(source, "store") {
        return Vec::new();
    }
    object(source, "only `setup.rs` commits: it reloads what was changed", |line| line.bare.contains("store.commit("))
}

/// Within `twitch`, only the outbox may send a message; `irc/command` only formats it.
pub(super) fn only_twitch_knows_irc(source: &Source) -> Vec<Finding> {
    if source.path.starts_with("host/fake-twitch/src/world") {
        return object(source, "the world of a Twitch in a box knows no protocol", |line| line.bare.contains("irc::"));
    }
    if !source.is_host() || is_part(source, "twitch/irc/command") {
        return Vec::new();
    }
    if is_part(source, "twitch") {
        let mut findings = object(source, "only `twitch/account/outbox.rs` sends messages", |line| {
            let is_made = line.bare.contains("Departure {") && !line.bare.contains("struct ");
            line.code.contains("PRIVMSG #") || is_made && !is_part(source, "twitch/account/outbox")
        });
        if is_part(source, "twitch/account") {
            findings.extend(object(source, "an account knows no transport", |line| line.bare.contains("irc::")));
        }
        return findings;
    }
    object(source, "only `twitch` knows IRC", |line| {
        line.bare.contains("twitch_irc")
            || ["PRIVMSG", "\"JOIN ", "\"PART "].iter().any(|word| line.code.contains(word))
    })
}

pub(super) fn the_domain_does_no_io(source: &Source) -> Vec<Finding> {
    if !is_part(source, "domain") {
        return Vec::new();
    }
    const IO: [&str; 7] = ["serde", "Serialize", "tokio", "std::fs", "std::net", "std::io", "std::process"];
    object(source, "`domain` does no I/O and is not serialized", |line| mentions(line, &IO))
}

/// An IP address is a value, unlike the sockets of its module.
fn mentions(line: &Line, words: &[&str]) -> bool {
    let code = line.bare.replace("std::net::IpAddr", "");
    words.iter().any(|word| code.contains(word))
}

pub(super) fn nothing_unwraps_outside_tests(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.path.starts_with("tests/") {
        return Vec::new();
    }
    let mut findings = object(source, "no `unwrap` outside tests", |line| line.bare.contains(".unwrap()"));
    findings.extend(object(source, "a lint is turned off with a reason", |line| {
        let turns_off = line.bare.contains("[allow(") || line.bare.contains("[expect(");
        turns_off && !line.bare.contains("reason") && line.bare.trim_end().ends_with(']')
    }));
    findings
}

pub(super) fn only_the_artefact_is_unsafe(source: &Source) -> Vec<Finding> {
    // Generated bindings, the SDK's allocator, and loading checked machine code need `unsafe`.
    let is_allowed = ["host/src/sandbox/compile/artefact", "guest-sdk/src/bindings", "guest-sdk/src/arena"]
        .iter()
        .any(|path| source.path.starts_with(path));
    if is_allowed || !source.is_rust() || source.path.starts_with("tests/") {
        return Vec::new();
    }
    object(source, "`unsafe` has no place here", |line| {
        line.bare.contains("unsafe {") || line.bare.contains("unsafe fn")
    })
}

/// A wasmtime store made elsewhere could run a guest without limits.
pub(super) fn only_an_instance_makes_stores(source: &Source) -> Vec<Finding> {
    if !is_part(source, "sandbox") || is_part(source, "sandbox/run/instance") {
        return Vec::new();
    }
    object(source, "only `sandbox/run/instance.rs` makes stores, with all limits", |line| {
        ["Store::new(", "Store::try_new("].iter().any(|call| line.bare.contains(call))
    })
}

/// A host call that enters with another capability, or with none, would run without the grant of its own one.
pub(super) fn a_host_call_passes_the_door_of_its_capability(source: &Source) -> Vec<Finding> {
    // `vocabulary`, the contract's types, has no functions, and `log` needs no grant.
    if !is_part(source, "sandbox/calls") || source.stem() == "log" {
        return Vec::new();
    }
    let name = source.stem();
    let capability = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let binding = source.program().skip_while(|(_, line)| line.text != "impl Host for Run {");
    let (mut findings, mut open) = (Vec::new(), None);
    for (number, line) in binding.take_while(|(_, line)| line.text != "}") {
        let head = line.text.strip_prefix("    async fn ").or_else(|| line.text.strip_prefix("    fn "));
        if let Some((function, _)) = head.and_then(|head| head.split_once('(')) {
            let function = function.replace('_', "-");
            open = Some((number, format!("self.enter(Capability::{capability}, \"{function}\")?")));
        } else if open.as_ref().is_some_and(|(_, door)| line.text.contains(door)) {
            open = None;
        } else if line.text == "    }" {
            findings.extend(open.take().map(|(began, door)| {
                source.finding(began, format!("this host call of `{name}` begins with `{door}`"))
            }));
        }
    }
    findings
}

/// `net` gives each connection its limits. `sandbox/web`, the guests' only way to it, checks each request's grants.
pub(super) fn only_net_dials(source: &Source) -> Vec<Finding> {
    if !source.is_host() || is_part(source, "net") {
        return Vec::new();
    }
    const DIALS: [&str; 9] = [
        "TcpStream::connect",
        "TcpSocket",
        "UdpSocket",
        "UnixStream",
        "hyper::client",
        "hyper_util::client",
        "TlsConnector",
        "lookup_host",
        "to_socket_addrs",
    ];
    const NETWORK: [&str; 7] =
        ["std::net", "tokio::net", "crate::net", "TcpStream", "UdpSocket", "hyper::", "tokio_rustls"];
    let is_guests = is_part(source, "sandbox") && !is_part(source, "sandbox/web");
    let (words, rule) = if is_guests {
        (NETWORK.as_slice(), "only `sandbox/web` reaches the network")
    } else {
        (DIALS.as_slice(), "only `net` dials")
    };
    // `app` and `twitch` dial a `Server` of `net`. The host and its own command line meet at a socket of this machine.
    let may_dial = is_part(source, "twitch") || is_part(source, "app");
    let has_socket = is_part(source, "app/status_socket") || is_part(source, "cli/local_host");
    object(source, rule, |line| {
        let is_local = has_socket && line.bare.contains("UnixStream");
        mentions(line, words) && !is_local || !may_dial && line.bare.contains(".dial(")
    })
}

/// cargo runs what dependencies bring along: a program that is started elsewhere would get the host's tokens.
pub(super) fn only_the_tool_starts_programs(source: &Source) -> Vec<Finding> {
    let is_build = source.path.starts_with("guest-sdk/build/src/");
    if !is_build || source.path.ends_with("/tool.rs") {
        return Vec::new();
    }
    object(source, "only `tool.rs` starts programs, without credentials", |line| line.bare.contains("Command::new("))
}

fn is_part(source: &Source, part: &str) -> bool {
    let below = source.path.strip_prefix("host/src/").and_then(|path| path.strip_prefix(part));
    below.is_some_and(|rest| rest.starts_with(['/', '.']))
}

#[cfg(test)]
mod tests {
    use super::super::source::objections;
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Source) -> Vec<Finding>, text: &str, wrong: &[&str], right: &[&str]) {
        for path in wrong {
            assert_eq!(objections(rule, path, text).len(), 1, "{path}");
        }
        for path in right {
            assert_eq!(objections(rule, path, text), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        let wrong = ["host/src/chat/dispatch.rs", "host/src/storey.rs"];
        let right = ["host/src/store.rs", "host/src/store/accounts.rs"];
        check(only_the_store_has_sql, "let a = \"SELECT 1\";", &wrong, &right);
        check(only_the_store_has_sql, "use rusqlite::Connection;", &wrong, &right);
        check(only_the_store_has_sql, "// SELECT 1", &[], &wrong);
    }

    #[test]
    fn reading_the_environment_outside_config_is_found() {
        let wrong = ["host/src/app.rs"];
        check(only_config_reads_the_environment, "std::env::var(\"A\")", &wrong, &["host/src/config/environment.rs"]);
        check(only_config_reads_the_environment, "env!(\"CARGO_PKG_VERSION\")", &[], &wrong);
    }

    #[test]
    fn printing_past_the_output_is_found() {
        let wrong = ["host/src/cli/status.rs", "host/src/app.rs"];
        for text in ["println!(\"hello\");", "eprint!(\"hello\");", "writeln!(stdout(), \"hello\")"] {
            check(only_the_output_prints, text, &wrong, &["host/src/cli/output.rs", "tests/src/load.rs"]);
        }
        check(only_the_output_prints, "io::stdout().write_all(b)", &["host/src/cli/module.rs"], &["host/src/app.rs"]);
    }

    #[test]
    fn a_commit_past_the_setup_is_found() {
        let wrong = ["host/src/chat/dispatch.rs", "host/src/http/api/change.rs", "host/src/sandbox/invoke.rs"];
        check(only_the_setup_commits, "self.store.commit(commit).await", &wrong, &["host/src/setup.rs"]);
        check(only_the_setup_commits, "self.setup.commit(commit).await", &[], &wrong);
    }

    #[test]
    fn irc_outside_twitch_is_found_and_sending_outside_the_outbox() {
        check(
            only_twitch_knows_irc,
            "use twitch_irc::message;",
            &["host/src/chat/route.rs"],
            &["host/src/twitch/irc/line.rs"],
        );
        let (line, command) = ("host/src/twitch/irc/line.rs", "host/src/twitch/irc/command.rs");
        let outbox = "host/src/twitch/account/outbox/queue.rs";
        check(only_twitch_knows_irc, "format!(\"PRIVMSG #{channel} :{text}\")", &[line, outbox], &[command]);
        check(only_twitch_knows_irc, "send(Departure { channel, text })", &[line], &[outbox]);
        check(only_twitch_knows_irc, "\"PRIVMSG\" => read(line)", &[], &[line]);
        check(only_twitch_knows_irc, "use crate::twitch::irc::line;", &[outbox], &["host/src/twitch/tests.rs"]);
        let (world, state) = ("host/fake-twitch/src/world/sending.rs", "host/fake-twitch/src/state.rs");
        check(only_twitch_knows_irc, "use crate::irc::line::Tags;", &[world], &[state]);
    }

    #[test]
    fn io_in_the_domain_is_found() {
        let wrong = ["host/src/domain/id.rs"];
        for text in ["#[derive(Serialize)]", "use std::fs;"] {
            check(the_domain_does_no_io, text, &wrong, &["host/src/http/api.rs"]);
        }
        check(the_domain_does_no_io, "use std::net::TcpStream;", &wrong, &[]);
        check(the_domain_does_no_io, "use std::net::IpAddr;", &[], &wrong);
    }

    #[test]
    fn an_unwrap_outside_tests_is_found() {
        let wrong = ["host/src/a.rs", "commands/roll/src/lib.rs"];
        check(nothing_unwraps_outside_tests, "a.unwrap()", &wrong, &["tests/it/main.rs"]);
        check(nothing_unwraps_outside_tests, "#[allow(dead_code)]", &wrong, &[]);
        check(nothing_unwraps_outside_tests, "#[expect(dead_code, reason = \"b\")]", &[], &wrong);
        check(nothing_unwraps_outside_tests, "\n#[cfg(test)]\nmod tests {\n a.unwrap()\n}", &[], &wrong);
    }

    #[test]
    fn a_store_without_limits_is_found() {
        let wrong = ["host/src/sandbox/compile/registry.rs"];
        check(
            only_an_instance_makes_stores,
            "Store::new(&engine, run)",
            &wrong,
            &["host/src/sandbox/run/instance.rs", "host/src/app.rs"],
        );
    }

    #[test]
    fn a_host_call_past_the_door_of_its_capability_is_found() {
        let binding = |door: &str| {
            let call = |name: &str, door: &str| {
                format!("    fn {name}(&mut self) -> u64 {{\n        {door}.{name}()\n    }}\n")
            };
            let calls = [("load_all", "load-all"), ("save", "save")];
            let calls = calls.map(|(name, function)| call(name, &door.replace("{function}", function)));
            format!("impl Host for Run {{\n{}}}\n", calls.concat())
        };
        let rule = a_host_call_passes_the_door_of_its_capability;
        for (door, count) in [
            ("self.enter(Capability::Storage, \"{function}\")?", 0),
            ("self.enter(Capability::Storage, \"save\")?", 1),
            ("self.enter(Capability::Words, \"{function}\")?", 2),
            ("run", 2),
        ] {
            assert_eq!(objections(rule, "host/src/sandbox/calls/storage.rs", &binding(door)).len(), count, "{door}");
        }
        check(rule, &binding("self"), &[], &["host/src/sandbox/calls/log.rs", "host/src/sandbox/call.rs"]);
    }

    #[test]
    fn a_second_door_to_the_network_is_found() {
        let (guests, others) = (["host/src/sandbox/calls/http.rs"], ["host/src/sandbox/web/client.rs"]);
        for text in ["use tokio::net::TcpListener;", "use hyper::Request;", "use crate::net::guarded::GuardedClient;"] {
            check(only_net_dials, text, &guests, &others);
        }
        let wrong = ["host/src/sandbox/web/client.rs", "host/src/telemetry/otlp.rs"];
        for text in [
            "TcpStream::connect(address).await",
            "TcpSocket::new_v4()",
            "UdpSocket::bind(address).await",
            "UnixStream::connect(path).await",
            "use hyper::client::conn::http1;",
            "use hyper_util::client::legacy::Client;",
            "TlsConnector::from(config)",
            "lookup_host(name).await",
            "name.to_socket_addrs()",
            "server.dial().await",
        ] {
            check(only_net_dials, text, &wrong, &["host/src/net/server.rs"]);
        }
        check(only_net_dials, "TcpStream::connect(address).await", &guests, &[]);
        check(only_net_dials, "server.dial().await", &guests, &["host/src/twitch/dial.rs", "host/src/app.rs"]);
        let sockets = ["host/src/app/status_socket.rs", "host/src/cli/local_host.rs"];
        check(only_net_dials, "UnixStream::connect(path)", &["host/src/app/check.rs"], &sockets);
    }

    #[test]
    fn a_program_with_the_hosts_variables_is_found() {
        let right = ["guest-sdk/build/src/tool.rs", "guest-sdk/build/tests/packages.rs", "host/src/a.rs"];
        let wrong = ["guest-sdk/build/src/debian.rs"];
        check(only_the_tool_starts_programs, "Command::new(\"cargo\")", &wrong, &right);
    }

    #[test]
    fn unsafe_code_is_found() {
        check(
            only_the_artefact_is_unsafe,
            "unsafe { a() }",
            &["host/src/a.rs"],
            &["host/src/sandbox/compile/artefact.rs"],
        );
    }
}
