//! Modules as people read them.

use serde_json::Value;

use crate::cli::table::{Row, align};
use crate::domain::id::ChannelId;

pub(super) fn pushed(version: &Value, is_new: bool, file: &str) -> String {
    let (name, number) = (text(&version["name"]), text(&version["version"]));
    if !is_new {
        return format!("{name} {number} is there already: these very bytes\n");
    }
    format!("{file} is {name} {number} now, on in no channel\n{}", asks(version))
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
    let mut report = format!("{}, {}\n", text(&module["name"]), text(&module["source"]));
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
pub(super) fn in_channel(state: &Value, channel: ChannelId) -> String {
    let name = text(&state["name"]);
    let mut report = match state["running_version"].as_str() {
        Some(version) if state["running"] == true => format!("{name} {version} answers in channel {channel}\n"),
        _ => format!("{name} does not answer in channel {channel}\n"),
    };
    let waiting = &state["waiting"];
    if waiting.is_object() {
        let more: Vec<String> = elements(&waiting["asks_more"]).map(text).collect();
        report +=
            &format!("version {} waits, since it asks for more: {}\n", text(&waiting["version"]), more.join(", "));
    }
    report
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
    use serde_json::json;

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
        assert_eq!(pushed(&version, true, "dice.wasm"), expected);
        assert_eq!(pushed(&version, false, "dice.wasm"), "dice 1.0.0 is there already: these very bytes\n");
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
";
        assert_eq!(in_channel(&state, ChannelId(100)), expected);
    }

    #[test]
    fn no_author_moves_the_cursor() {
        let modules = json!([{ "name": "dice", "latest": null, "source": "uploaded", "summary": "\u{1b}[2Jrolls" }]);
        assert_eq!(list(&modules), "module  latest  source    what it does\ndice    none    uploaded  [2Jrolls\n");
    }
}
