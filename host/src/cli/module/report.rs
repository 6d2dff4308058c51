//! Modules as people read them.

use serde_json::{Value, json};

use super::channel::ChannelName;
use crate::cli::table::{Row, align};

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
            count_channels(channels)
        ),
        Some(channels) => format!("\n{name} is on in {}: they get {latest}", count_channels(channels)),
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
    let canary = &module["canary"];
    let channels: Vec<String> = elements(&canary["channels"]).map(text).collect();
    let place = if channels.is_empty() { "channels of others".to_owned() } else { channels.join(", ") };
    let rest = module["latest"].as_str().unwrap_or("none");
    let (name, version) = (text(&module["name"]), text(&canary["version"]));
    format!("{name} {version} is tried out in {place}; the latest of all others is {rest}\n")
}

/// After a change of what is on the air.
pub(super) fn on_air(what: &str, module: &Value) -> String {
    match module["latest"].as_str() {
        Some(latest) => format!("{what}; the latest is {latest}\n"),
        None => format!("{what}; no version is left, and it is off everywhere\n"),
    }
}

fn count_channels(count: u64) -> String {
    if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") }
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
    let on_in =
        module["enabled_in"].as_u64().map_or_else(String::new, |count| format!(", on in {}", count_channels(count)));
    let mut report = format!("{}, {}{on_in}\n", text(&module["name"]), text(&module["source"]));
    if module["canary"].is_object() {
        let channels: Vec<String> = elements(&module["canary"]["channels"]).map(text).collect();
        report += &format!("version {} is tried out in {}\n", text(&module["canary"]["version"]), channels.join(", "));
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

/// What a module may do in a channel, after a change.
pub(super) fn in_channel(state: &Value, channel: &ChannelName) -> String {
    let (name, place) = (text(&state["name"]), channel.describe());
    let mut report = match state["running_version"].as_str() {
        Some(version) if state["running"] == true => format!("{name} {version} answers in {place}\n"),
        _ => format!("{name} does not answer in {place}\n"),
    };
    if let Some(note) = state["note"].as_str() {
        report += &format!("{}\n", text(&json!(note)));
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
    vec![words, text(&command["role"]), text(&command["cooldown"]), text(&command["summary"])]
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

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// An author's text, on a terminal: without what moves the cursor.
fn text(value: &Value) -> String {
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
    }

    #[test]
    fn no_author_moves_the_cursor() {
        let modules = json!([{ "name": "dice", "latest": null, "source": "uploaded", "summary": "\u{1b}[2Jrolls" }]);
        assert_eq!(list(&modules), "module  latest  source    what it does\ndice    none    uploaded  [2Jrolls\n");
    }
}
