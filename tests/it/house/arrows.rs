//! Rules about imports between the parts of the host, the SDK and the commands.

use super::source::{Finding, Source};

/// The parts that each part of the host may import, besides itself. `a::b` allows only the module `b` of `a`.
///
/// There are no circles: a part may import only parts that are listed before it.
const ARROWS: [(&str, &[&str]); 19] = [
    ("domain", &[]),
    ("config", &["domain"]),
    ("store", &["domain"]),
    ("net", &["domain"]),
    ("transcript", &["domain"]),
    ("telemetry", &["domain", "config", "net"]),
    ("twitch", &["domain", "config", "net"]),
    ("admission", &["domain", "config"]),
    ("modules", &["domain", "config", "store"]),
    ("setup", &["domain", "config", "store", "modules"]),
    ("joining", &["domain", "config", "store"]),
    ("balances", &["domain", "config", "store"]),
    ("vault", &["domain", "config", "store", "twitch::oauth"]),
    (
        "sandbox",
        &[
            "domain",
            "config",
            "store",
            // Of `net`, a guest's requests get the guarded client alone: the plain one reaches private addresses.
            "net::guarded",
            "net::lookups",
            "net::network",
            "net::tls",
            "telemetry",
            "admission",
            "modules",
            "setup",
            "joining",
            "balances",
        ],
    ),
    ("chat", &["domain", "config", "store", "telemetry", "admission", "modules", "setup", "sandbox"]),
    (
        "http",
        &[
            "domain",
            "config",
            "store",
            "telemetry",
            "twitch::oauth",
            "twitch::helix",
            "modules",
            "setup",
            "joining",
            "balances",
            "vault",
            "sandbox",
            "chat::dispatch",
        ],
    ),
    (
        "bench",
        &[
            "domain",
            "config",
            "store",
            "telemetry",
            "modules",
            "setup",
            "joining",
            "balances",
            "vault",
            "sandbox",
            "chat",
        ],
    ),
    (
        "app",
        &[
            "domain",
            "config",
            "store",
            "net",
            "telemetry",
            "twitch",
            "admission",
            "modules",
            "setup",
            "joining",
            "balances",
            "vault",
            "sandbox",
            "chat",
            "http",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "config",
            "store",
            "net",
            "telemetry",
            "twitch",
            "admission",
            "modules",
            "setup",
            "joining",
            "balances",
            "vault",
            "sandbox",
            "chat",
            "http",
            "transcript",
            "app",
            "bench",
        ],
    ),
];

/// Sources without restrictions: they join the parts, or help the tests of all parts.
const OUTSIDE: [&str; 3] = ["main", "lib", "testing"];
/// Parts that the tests of every part may import as well.
const SHARED_BY_TESTS: [&str; 2] = ["testing", "bench"];

pub(super) fn imports_follow_the_arrows(source: &Source) -> Vec<Finding> {
    let Some(module) = module_of(source).filter(|module| source.is_host() && !OUTSIDE.contains(module)) else {
        return Vec::new();
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![
            source.finding(1, format!("`{module}` is no part of the house: it needs a place among the arrows")),
        ];
    };
    let is_allowed = |import: &str, is_test: bool| {
        let shared: &[&str] = if is_test { &SHARED_BY_TESTS } else { &[] };
        let is_within = |arrow: &&str| import == *arrow || import.starts_with(&format!("{arrow}::"));
        [module].iter().chain(*allowed).chain(shared).any(is_within)
    };
    list_imports(source)
        .into_iter()
        .filter(|(_, is_test, import)| !is_allowed(import, *is_test))
        .map(|(line, _, import)| source.finding(line, format!("there is no arrow from `{module}` to `{import}`")))
        .collect()
}

pub(super) fn commands_import_only_the_sdk(source: &Source) -> Vec<Finding> {
    let is_guest = source.path.starts_with("commands/") && source.path.matches('/').count() > 1;
    if !is_guest || source.path.starts_with("commands/src/") {
        return Vec::new();
    }
    let rule = "a command imports the SDK and nothing else";
    if source.is_rust() {
        let is_foreign = |code: &str| {
            let root = code.trim_start().strip_prefix("use ").and_then(|path| path.split([':', ';', ' ']).next());
            root.is_some_and(|root| !["std", "crate", "self", "super", "twitchy_sdk"].contains(&root))
        };
        return super::source::object(source, rule, move |line| is_foreign(&line.code));
    }
    list_dependencies(source)
        .filter(|(_, name)| *name != "twitchy-sdk")
        .map(|(line, _)| source.finding(line, rule))
        .collect()
}

pub(super) fn the_sdk_and_the_guests_stay_outside_the_host(source: &Source) -> Vec<Finding> {
    let forbidden: &[&str] = match source.path.as_str() {
        "host/Cargo.toml" => &["twitchy-sdk"],
        path if path.starts_with("guest-sdk/") => &["twitchy", "twitchy-commands", "fake-twitch", "wasmtime"],
        _ => return Vec::new(),
    };
    let rule = "the host and the SDK meet only in the contract";
    list_dependencies(source)
        .filter(|(_, name)| forbidden.contains(name))
        .map(|(line, _)| source.finding(line, rule))
        .collect()
}

/// The part of the host that a source belongs to.
fn module_of(source: &Source) -> Option<&str> {
    let below = source.path.strip_prefix("host/src/")?;
    below.split(['/', '.']).next()
}

/// Every `part::file` that a source names, with its line and whether a test does. `super` to the root counts as
/// `crate`.
fn list_imports(source: &Source) -> Vec<(usize, bool, String)> {
    let depth = source.path.matches('/').count() - 1;
    let mut imports = Vec::new();
    for (number, line) in source.lines() {
        let mut code = line.bare.clone();
        if code.trim_start().starts_with("pub(") {
            code = code.replacen("crate", "", 1);
        }
        // Inline tests are one module deeper than their file.
        let to_root = "super::".repeat(depth + usize::from(line.is_test));
        let code = code.replace(&to_root, "crate::");
        for path in code.split("crate::").skip(1) {
            imports.extend(read_paths(path).into_iter().map(|path| (number, line.is_test, path)));
        }
    }
    imports
}

/// Reads `a::b::c` as `a::b`, and `{a, b::c}` as `a` and `b::c`. rustfmt keeps such a group on one line.
fn read_paths(text: &str) -> Vec<String> {
    let take = |text: &str| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let path = text.split(|c: char| !is_path(c)).next().unwrap_or_default();
        path.split("::").filter(|part| !part.is_empty()).take(2).collect::<Vec<_>>().join("::")
    };
    match text.strip_prefix('{') {
        Some(group) => group.split(',').map(|path| take(path.trim())).filter(|path| !path.is_empty()).collect(),
        None => vec![take(text)],
    }
}

/// The names below `[dependencies]` in a manifest, with their lines.
fn list_dependencies(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut is_inside = false;
    let lines = source.lines().filter(|_| source.path.ends_with("Cargo.toml"));
    lines.filter_map(move |(number, line)| {
        if line.text.starts_with('[') {
            is_inside = line.text == "[dependencies]";
            return None;
        }
        let name = line.text.split(['.', '=', ' ']).next().filter(|name| !name.is_empty())?;
        is_inside.then_some((number, name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::source::objections;
    use super::*;

    #[test]
    fn an_arrow_that_is_not_there_is_found_however_it_is_written() {
        let check = |path, text| objections(imports_follow_the_arrows, path, text);
        let to_chat = ["host/src/sandbox/invoke.rs:1: there is no arrow from `sandbox` to `chat::route`"];
        assert_eq!(check("host/src/sandbox/invoke.rs", "use crate::chat::route::route;"), to_chat);
        assert_eq!(check("host/src/sandbox/invoke.rs", "let a = crate::chat::route();"), to_chat);
        assert_eq!(check("host/src/sandbox/invoke.rs", "use super::super::chat::route;"), to_chat);
        assert_eq!(check("host/src/sandbox/invoke.rs", "use crate::{domain, chat::route};"), to_chat);
        assert_eq!(check("host/src/domain.rs", "use super::config;").len(), 1);
        assert_eq!(check("host/src/vault.rs", "use crate::twitch::account;").len(), 1);
        assert_eq!(check("host/src/sandbox/web/client.rs", "use crate::net::plain::PlainClient;").len(), 1);
        assert_eq!(check("host/src/sandbox/web/client.rs", "use crate::net::server::Server;").len(), 1);
        assert_eq!(check("host/src/misplaced.rs", "").len(), 1);
        assert_eq!(check("host/src/store.rs", "use crate::bench::Ground;").len(), 1);
        assert_eq!(check("host/src/store.rs", "#[cfg(test)]\nmod tests {\n    use crate::bench::Ground;\n}").len(), 0);
    }

    #[test]
    fn arrows_that_are_there_are_none_of_its_business() {
        let check = |path, text| objections(imports_follow_the_arrows, path, text);
        for (path, text) in [
            ("host/src/vault.rs", "use crate::twitch::oauth::refresh;"),
            ("host/src/sandbox/web/client.rs", "use crate::net::guarded::GuardedClient;"),
            ("host/src/chat/dispatch.rs", "use super::route::route;\nuse crate::sandbox::Call;\n// crate::http"),
            ("host/src/chat/dispatch.rs", "pub(crate) fn a() {}"),
            ("host/src/lib.rs", "use crate::chat;"),
            ("host/fake-twitch/src/lib.rs", "use crate::irc;"),
        ] {
            assert_eq!(check(path, text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn the_arrows_go_one_way() {
        for (index, (name, allowed)) in ARROWS.iter().enumerate() {
            for arrow in *allowed {
                let target = arrow.split("::").next().unwrap();
                let above = ARROWS[..index].iter().any(|(above, _)| *above == target);
                assert!(above, "{name} -> {arrow}");
            }
        }
    }

    #[test]
    fn a_command_that_imports_more_is_found() {
        let check = |path, text| objections(commands_import_only_the_sdk, path, text);
        assert_eq!(
            check("commands/roll/src/lib.rs", "use twitchy_sdk::answer;\nuse rand::Rng;"),
            ["commands/roll/src/lib.rs:2: a command imports the SDK and nothing else"]
        );
        let manifest = "[dependencies]\ntwitchy-sdk.workspace = true\nrand = \"1\"\n[dev-dependencies]\nserde = \"1\"";
        assert_eq!(check("commands/roll/Cargo.toml", manifest).len(), 1);
        assert_eq!(check("commands/Cargo.toml", "[dependencies]\nanyhow = \"1\"").len(), 0);
    }

    #[test]
    fn a_host_that_imports_the_sdk_is_found() {
        let check = |path, text| objections(the_sdk_and_the_guests_stay_outside_the_host, path, text);
        assert_eq!(check("host/Cargo.toml", "[dependencies]\ntwitchy-sdk.workspace = true").len(), 1);
        assert_eq!(check("guest-sdk/Cargo.toml", "[dependencies]\ntwitchy.workspace = true").len(), 1);
        assert_eq!(check("guest-sdk/Cargo.toml", "[dependencies]\nwit-bindgen.workspace = true").len(), 0);
    }
}
