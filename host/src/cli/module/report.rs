//! Modules as people read them.

use serde_json::{Value, json};

use crate::cli::table::{Row, align};
use crate::domain::channel_name::ChannelName;

/// `module` is all of it after the upload; null where that is not told.
pub(super) fn pushed(version: &Value, module: &Value, is_new: bool, file: &str) -> String {
    let (name, number) = (text(&version["name"]), text(&version["version"]));
    if !is_new {
        return match version["withdrawn_at"].is_string() {
            true => format!(
                "{name} {number} is there already, and withdrawn: these very bytes\n\
                 to put it on the air again: twitchy module restore {name} {number}\n"
            ),
            false => format!("{name} {number} is there already: these very bytes\n"),
        };
    }
    if module["canary"]["version"] == version["version"] {
        return format!("{file} is {name} {number} now\n{}{}", tried_out(module), asks(version));
    }
    let latest = text(&module["latest"]);
    let place = match module["enabled_in"].as_u64() {
        Some(0) => ", on in no channel".to_owned(),
        Some(channels) if latest == number => format!(
            "\n{name} is on in {}: where this version asks for no more than was accepted, it answers from now on",
            count_of(channels, "channel")
        ),
        Some(channels) => format!("\n{name} is on in {}: they get {latest}", count_of(channels, "channel")),
        None => String::new(),
    };
    format!("{file} is {name} {number} now{place}\n{}", asks(version))
}

/// Where bytes that were there already were to be tried out.
pub(super) fn no_canary(version: &Value, channels: &[ChannelName]) -> String {
    if channels.is_empty() {
        return String::new();
    }
    let flags: String = channels.iter().map(|channel| format!(" --channel {channel}")).collect();
    let (name, number) = (text(&version["name"]), text(&version["version"]));
    format!("nothing is changed; to try it out: twitchy module canary set {name} {number}{flags}\n")
}

/// Who has the version that is tried out, of the channels that the key opens.
pub(super) fn tried_out(module: &Value) -> String {
    let rest = module["latest"].as_str().unwrap_or("none");
    format!("{} {}; the latest of all others is {rest}\n", text(&module["name"]), canary(module))
}

fn canary(module: &Value) -> String {
    let canary = &module["canary"];
    let channels: Vec<String> = elements(&canary["channels"]).map(text).collect();
    let place = if channels.is_empty() { "channels of others".to_owned() } else { channels.join(", ") };
    format!("{} is tried out in {place}", text(&canary["version"]))
}

/// After a change of what is on the air.
pub(super) fn on_air(what: &str, module: &Value) -> String {
    match module["latest"].as_str() {
        Some(latest) => format!("{what}; the latest is {latest}\n"),
        None if module["canary"].is_object() => {
            format!("{what}; {}, and it is off everywhere else\n", canary(module))
        }
        None => format!("{what}; no version is left, and it is off everywhere\n"),
    }
}

fn count_of(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

pub(super) fn list(modules: &Value) -> String {
    let row = |module: &Value| {
        let latest = module["latest"].as_str().unwrap_or("none");
        vec![text(&module["name"]), latest.to_owned(), text(&module["source"]), text(&module["summary"])]
    };
    let rows: Vec<Row> = elements(modules).map(row).collect();
    align(&["module", "latest", "source", "what it does"], &rows)
}

/// `version` is the version that is looked at; null where there is none.
pub(super) fn module(module: &Value, version: &Value) -> String {
    let on_in = module["enabled_in"]
        .as_u64()
        .map_or_else(String::new, |count| format!(", on in {}", count_of(count, "channel")));
    let mut report = format!("{}, {}{on_in}\n", text(&module["name"]), text(&module["source"]));
    if module["canary"].is_object() {
        report += &format!("version {}\n", canary(module));
    }
    if version.is_object() {
        report += &format!("version {}: {}\n", text(&version["version"]), text(&version["summary"]));
        report += &format!(
            "{} bytes, {}, sha256 {}\n\n",
            version["bytes"],
            text(&version["class"]),
            text(&version["digest"])
        );
        report += &asks(version);
        report +=
            &section(&["command", "for", "cooldown", "what it does"], elements(&version["commands"]).map(command_row));
        report +=
            &section(&["setting", "kind", "default", "what it does"], elements(&version["settings"]).map(setting_row));
    }
    report + &section(&["version", "uploaded", "by", "state"], elements(&module["versions"]).map(version_row))
}

/// A channel's modules.
pub(super) fn list_in_channel(modules: &Value) -> String {
    let row = |state: &Value| {
        let stands = match (state["running"] == true, state["enabled"] == true) {
            (true, _) => "answers",
            (false, true) if state["blown"].is_object() => "broke too often",
            (false, true) => "on, does not answer",
            (false, false) => "off",
        };
        let waits = state["waiting"]["version"].as_str().unwrap_or_default();
        vec![text(&state["name"]), stands.to_owned(), text(&state["running_version"]), waits.to_owned()]
    };
    align(&["module", "here", "version", "waits"], &elements(modules).map(row).collect::<Vec<Row>>())
}

/// All that was set up of a module in a channel.
pub(super) fn set_up(state: &Value, channel: &ChannelName) -> String {
    let grants = &state["grants"];
    let listed = |list: &Value| match elements(list).map(text).collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => "nothing".to_owned(),
        names => names,
    };
    let mut rows = vec![
        vec!["version".to_owned(), text(&state["version"])],
        vec!["granted".to_owned(), listed(&grants["capabilities"])],
        vec!["not granted".to_owned(), listed(&state["missing_grants"])],
        vec!["web hosts".to_owned(), listed(&grants["http_hosts"])],
    ];
    for (key, value) in state["settings"].as_object().into_iter().flatten() {
        rows.push(vec![format!("setting {}", text(&json!(key))), text(value)]);
    }
    for (key, is_entered) in state["secrets"].as_object().into_iter().flatten() {
        let entered = if *is_entered == true { "entered" } else { "not entered" };
        rows.push(vec![format!("secret {}", text(&json!(key))), entered.to_owned()]);
    }
    let [keys, bytes] = ["keys", "bytes"].map(|field| state["storage"][field].as_u64().unwrap_or_default());
    rows.push(vec!["keeps".to_owned(), format!("{} in {}", count_of(bytes, "byte"), count_of(keys, "key"))]);
    format!("{}\n{}", in_channel(state, channel), align(&["set up", ""], &rows))
}

/// Whether and how a module answers in a channel.
pub(super) fn in_channel(state: &Value, channel: &ChannelName) -> String {
    let (name, place) = (text(&state["name"]), channel.describe());
    let mut report = match state["running_version"].as_str() {
        Some(version) if state["running"] == true => format!("{name} {version} answers in {place}\n"),
        _ => format!("{name} does not answer in {place}\n"),
    };
    if let Some(note) = state["note"].as_str() {
        report += &format!("{}\n", text(&json!(note)));
    }
    if state["running"] == false && state["blown"].is_object() {
        let until = match state["blown"]["until"].as_str() {
            Some(until) => format!("until {until}, or"),
            None => "until".to_owned(),
        };
        report += &format!("it broke too often, and is off {until} somebody enables it again\n");
    }
    let waiting = &state["waiting"];
    if waiting.is_object() {
        let more: Vec<String> = elements(&waiting["asks_more"]).map(text).collect();
        report +=
            &format!("version {} waits, since it asks for more: {}\n", text(&waiting["version"]), more.join(", "));
        report += &format!("if you agree: twitchy module enable {name} --channel {channel} --grant all --accept\n");
    }
    report
}

/// Hosts that are not granted, to a module that may use the web.
pub(super) fn closed_hosts(hosts: &[String]) -> String {
    match hosts {
        [] => String::new(),
        hosts => {
            let flags: String = hosts.iter().map(|host| format!(" --web-host {}", text(&json!(host)))).collect();
            format!("it may not ask all the web hosts that it names; if it is to, add:{flags}\n")
        }
    }
}

pub(super) fn rolled_back(module: &Value) -> String {
    match module["latest"].as_str() {
        Some(latest) => format!("{} is back on {latest}, everywhere\n", text(&module["name"])),
        None => format!("{} has no version left, and is off everywhere\n", text(&module["name"])),
    }
}

fn asks(version: &Value) -> String {
    let needs_grant = |capability: &&Value| capability["needs_grant"] == true;
    let row = |capability: &Value| vec![text(&capability["name"]), text(&capability["granted_by"])];
    let rows: Vec<Row> = elements(&version["capabilities"]).filter(needs_grant).map(row).collect();
    let hosts: Vec<String> = elements(&version["http_hosts"]).map(text).collect();
    let mut report = match rows.is_empty() {
        true => "it asks for nothing that needs a grant\n".to_owned(),
        false => align(&["it asks for", "to be granted by the"], &rows),
    };
    if !hosts.is_empty() {
        report += &format!("and to reach {}\n", hosts.join(", "));
    }
    report
}

fn command_row(command: &Value) -> Row {
    let aliases: Vec<String> = elements(&command["aliases"]).map(text).collect();
    let words = std::iter::once(text(&command["name"])).chain(aliases).collect::<Vec<_>>().join(", ");
    let words = format!("{words} {}", text(&command["usage"])).trim_end().to_owned();
    let cooldowns = match (text(&command["cooldown"]).as_str(), text(&command["chatter_cooldown"]).as_str()) {
        (all, "0s" | "") => all.to_owned(),
        ("0s" | "", chatter) => format!("{chatter} a chatter"),
        (all, chatter) => format!("{all}, {chatter} a chatter"),
    };
    vec![words, text(&command["role"]), cooldowns, text(&command["summary"])]
}

fn setting_row(setting: &Value) -> Row {
    ["key", "kind", "default", "summary"].map(|field| text(&setting[field])).to_vec()
}

fn version_row(version: &Value) -> Row {
    let state = if version["withdrawn_at"].is_null() { "offered" } else { "withdrawn" };
    vec![text(&version["version"]), text(&version["uploaded_at"]), text(&version["uploaded_by"]), state.to_owned()]
}

fn section(heading: &[&str], rows: impl Iterator<Item = Row>) -> String {
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() { String::new() } else { format!("\n{}", align(heading, &rows)) }
}

pub(super) fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// An author's text, on a terminal: without what moves the cursor.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pushed_module_says_what_it_asks_for() {
        let version = json!({
            "name": "dice", "version": "1.0.0", "http_hosts": ["dice.example"],
            "capabilities": [
                { "name": "clock", "needs_grant": false, "granted_by": "nobody" },
                { "name": "http", "needs_grant": true, "granted_by": "operator" },
            ],
        });
        let expected = "\
dice.wasm is dice 1.0.0 now, on in no channel
it asks for  to be granted by the
http         operator
and to reach dice.example
";
        let module = |latest: &str, enabled_in: u64| json!({ "latest": latest, "enabled_in": enabled_in });
        assert_eq!(pushed(&version, &module("1.0.0", 0), true, "dice.wasm"), expected);
        let expected = "dice 1.0.0 is there already: these very bytes\n";
        assert_eq!(pushed(&version, &module("1.0.0", 0), false, "dice.wasm"), expected);
        let told = |latest, enabled_in| pushed(&version, &module(latest, enabled_in), true, "dice.wasm");
        let taken = "dice is on in 1 channel: where this version asks for no more than was accepted";
        assert!(told("1.0.0", 1).contains(taken), "{}", told("1.0.0", 1));
        assert!(told("1.2.0", 2).contains("dice is on in 2 channels: they get 1.2.0"), "{}", told("1.2.0", 2));
    }

    #[test]
    fn a_withdrawn_version_that_is_pushed_again_stays_withdrawn_and_says_so() {
        let version = json!({ "name": "dice", "version": "1.0.0", "withdrawn_at": "2026-11-24T12:00:00Z" });
        let told = pushed(&version, &Value::Null, false, "dice.wasm");
        assert!(told.contains("and withdrawn") && told.contains("twitchy module restore dice 1.0.0"), "{told}");
    }

    #[test]
    fn a_cooldown_of_each_chatter_is_shown() {
        let command = |all: &str, chatter: &str| {
            command_row(&json!({ "name": "roll", "cooldown": all, "chatter_cooldown": chatter }))[2].clone()
        };
        let shown = [command("0s", "0s"), command("5s", "0s"), command("0s", "3s"), command("5s", "3s")];
        assert_eq!(shown, ["0s", "5s", "3s a chatter", "5s, 3s a chatter"]);
    }

    #[test]
    fn a_channels_modules_are_listed_by_how_they_stand() {
        let modules = json!([
            { "name": "bad", "enabled": true, "running": false, "blown": { "until": null }, "running_version": null },
            { "name": "dice", "enabled": true, "running": true, "running_version": "1.0.0", "waiting": { "version": "1.1.0" } },
            { "name": "hug", "enabled": false, "running": false, "running_version": null, "waiting": null },
            { "name": "poll", "enabled": true, "running": false, "running_version": null, "blown": null },
        ]);
        let expected = "\
module  here                 version  waits
bad     broke too often
dice    answers              1.0.0    1.1.0
hug     off
poll    on, does not answer
";
        assert_eq!(list_in_channel(&modules), expected);
    }

    #[test]
    fn what_is_set_up_in_a_channel_is_shown() {
        let state = json!({
            "name": "dice", "enabled": true, "running": false, "running_version": null, "version": "latest",
            "blown": { "until": "2026-11-24T12:00:00Z" }, "missing_grants": ["http"],
            "grants": { "capabilities": ["storage"], "http_hosts": [] },
            "settings": { "sides": "20" }, "secrets": { "token": true }, "storage": { "keys": 1, "bytes": 12 },
        });
        let expected = "\
dice does not answer in #shop
it broke too often, and is off until 2026-11-24T12:00:00Z, or somebody enables it again

set up
version        latest
granted        storage
not granted    http
web hosts      nothing
setting sides  20
secret token   entered
keeps          12 bytes in 1 key
";
        assert_eq!(set_up(&state, &"shop".parse().unwrap()), expected);
    }

    #[test]
    fn an_upgrade_that_waits_is_told() {
        let state = json!({
            "name": "dice", "running": true, "running_version": "1.0.0",
            "waiting": { "version": "1.1.0", "asks_more": ["the capability http"] },
        });
        let expected = "\
dice 1.0.0 answers in channel 100
version 1.1.0 waits, since it asks for more: the capability http
if you agree: twitchy module enable dice --channel 100 --grant all --accept
";
        assert_eq!(in_channel(&state, &"100".parse().unwrap()), expected);
    }

    #[test]
    fn a_canary_is_told_with_its_channels_and_what_all_others_have() {
        let version = json!({ "name": "dice", "version": "1.1.0", "capabilities": [], "http_hosts": [] });
        let module = json!({
            "name": "dice", "latest": "1.0.0", "enabled_in": 3, "canary": { "version": "1.1.0", "channels": ["100", "200"] },
        });
        let expected = "\
dice.wasm is dice 1.1.0 now
dice 1.1.0 is tried out in 100, 200; the latest of all others is 1.0.0
it asks for nothing that needs a grant
";
        assert_eq!(pushed(&version, &module, true, "dice.wasm"), expected);
        let channels = ["shop".parse().unwrap(), "#7".parse().unwrap()];
        let told = no_canary(&version, &channels);
        assert!(told.ends_with("twitchy module canary set dice 1.1.0 --channel shop --channel '#7'\n"), "{told}");
        assert_eq!(no_canary(&version, &[]), "");
    }

    #[test]
    fn after_a_change_the_latest_is_told() {
        let told = |latest: Value| on_air("dice 1.1.0 is withdrawn", &json!({ "latest": latest }));
        assert_eq!(told(json!("1.0.0")), "dice 1.1.0 is withdrawn; the latest is 1.0.0\n");
        assert!(told(Value::Null).ends_with("no version is left, and it is off everywhere\n"));
        let canary = json!({ "version": "1.2.0", "channels": ["100"] });
        let told = on_air("dice 1.1.0 is withdrawn", &json!({ "latest": null, "canary": canary }));
        assert_eq!(told, "dice 1.1.0 is withdrawn; 1.2.0 is tried out in 100, and it is off everywhere else\n");
    }

    #[test]
    fn no_author_moves_the_cursor() {
        let modules = json!([{ "name": "dice", "latest": null, "source": "uploaded", "summary": "\u{1b}[2Jrolls" }]);
        assert_eq!(list(&modules), "module  latest  source    what it does\ndice    none    uploaded  [2Jrolls\n");
    }
}
