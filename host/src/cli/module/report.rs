//! Reports about modules, as text for people.

use crate::cli::table::{Row, align, section};
use crate::domain::channel_name::ChannelName;
use crate::http::shapes::channel_module::{ChannelModule, ChannelModuleState, ModuleGrants, WaitingVersion};
use crate::http::shapes::module::{
    CanaryDetail, CommandDetail, ModuleDetail, ModuleSummary, SettingDetail, VersionDetail, VersionSummary,
};

/// A new version was uploaded. `module` is the module after the upload; `None` if the host did not answer with it.
pub(super) fn pushed(version: &VersionDetail, module: Option<&ModuleDetail>, file: &str) -> String {
    let (name, number) = (text(&version.name), text(&version.version));
    let place = match module {
        None => String::new(),
        Some(module) if module.canary.as_ref().is_some_and(|canary| canary.version == version.version) => {
            return format!("{file} is {name} {number} now\n{}{}", tried_out(module), asks(version));
        }
        Some(ModuleDetail { enabled_in: 0, .. }) => ", on in no channel".to_owned(),
        Some(module) => {
            let (channels, latest) = (count_of(module.enabled_in as u64, "channel"), show(module.latest.as_deref()));
            match latest == number {
                true => format!(
                    "\n{name} is on in {channels}: where this version asks for no more than was accepted, it answers from \
                     now on"
                ),
                false => format!("\n{name} is on in {channels}: they get {latest}"),
            }
        }
    };
    format!("{file} is {name} {number} now{place}\n{}", asks(version))
}

/// The uploaded bytes were those of an existing version.
pub(super) fn there_already(version: &VersionDetail) -> String {
    let (name, number) = (text(&version.name), text(&version.version));
    match version.life.withdrawn_at {
        Some(_) => format!(
            "{name} {number} is there already, and withdrawn: these very bytes\n\
             to put it on the air again: twitchy module restore {name} {number}\n"
        ),
        None => format!("{name} {number} is there already: these very bytes\n"),
    }
}

/// The command to make an existing version the canary, because uploading its bytes again did not.
pub(super) fn no_canary(version: &VersionDetail, channels: &[ChannelName]) -> String {
    if channels.is_empty() {
        return String::new();
    }
    let flags: String = channels.iter().map(|channel| format!(" --channel {channel}")).collect();
    let (name, number) = (text(&version.name), text(&version.version));
    format!("nothing is changed; to try it out: twitchy module canary set {name} {number}{flags}\n")
}

/// The canary version and its channels. `canary.channels` holds only those that the key may see.
pub(super) fn tried_out(module: &ModuleDetail) -> String {
    let rest = module.latest.as_deref().unwrap_or("none");
    let canary = module.canary.as_ref().map(canary).unwrap_or_default();
    format!("{} {canary}; the latest of all others is {rest}\n", text(&module.name))
}

fn canary(canary: &CanaryDetail) -> String {
    let place = if canary.channels.is_empty() { "channels of others".to_owned() } else { join(&canary.channels) };
    format!("{} is tried out in {place}", text(&canary.version))
}

/// The published versions of a module changed; `what` describes how.
pub(super) fn on_air(what: &str, module: &ModuleDetail) -> String {
    match (&module.latest, &module.canary) {
        (Some(latest), _) => format!("{what}; the latest is {latest}\n"),
        (None, Some(tried_out)) => format!("{what}; {}, and it is off everywhere else\n", canary(tried_out)),
        (None, None) => format!("{what}; no version is left, and it is off everywhere\n"),
    }
}

fn count_of(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

pub(super) fn list(modules: &[ModuleSummary]) -> String {
    let row = |module: &ModuleSummary| {
        let latest = module.latest.as_deref().unwrap_or("none");
        vec![text(&module.name), latest.to_owned(), text(&module.source), text(&module.summary)]
    };
    align(&["module", "latest", "source", "what it does"], modules.iter().map(row))
}

/// A module; `version` is the version to show in detail.
pub(super) fn module(module: &ModuleDetail, version: Option<&VersionDetail>) -> String {
    let on_in = count_of(module.enabled_in as u64, "channel");
    let mut report = format!("{}, {}, on in {on_in}\n", text(&module.name), text(&module.source));
    if let Some(tried_out) = &module.canary {
        report += &format!("version {}\n", canary(tried_out));
    }
    if let Some(version) = version {
        report += &format!("version {}: {}\n", text(&version.version), text(&version.summary));
        let (class, digest) = (text(&version.class), text(&version.digest));
        report += &format!("{} bytes, {class}, sha256 {digest}\n\n", version.bytes);
        report += &asks(version);
        report += &offers(version);
    }
    report + &section(&["version", "uploaded", "by", "state"], module.versions.iter().map(version_row))
}

/// The commands and settings of a version.
pub(in crate::cli) fn offers(version: &VersionDetail) -> String {
    section(&["command", "for", "cooldown", "what it does"], version.commands.iter().map(command_row))
        + &section(&["setting", "kind", "default", "what it does"], version.settings.iter().map(setting_row))
}

pub(super) fn list_in_channel(modules: &[ChannelModuleState]) -> String {
    let row = |state: &ChannelModuleState| {
        let stands = match (state.running, state.enabled) {
            (true, _) => "answers",
            (false, true) if state.blown.is_some() => "broke too often",
            (false, true) => "on, does not answer",
            (false, false) => "off",
        };
        let waits = state.waiting.as_ref().map(|waiting| waiting.version.clone()).unwrap_or_default();
        vec![text(&state.name), stands.to_owned(), show(state.running_version.as_deref()), waits]
    };
    align(&["module", "here", "version", "waits"], modules.iter().map(row))
}

/// A module's set-up in a channel.
pub(super) fn set_up(module: &ChannelModule, channel: &ChannelName) -> String {
    let ChannelModule { state, grants: ModuleGrants { capabilities, http_hosts, .. }, storage, .. } = module;
    let listed = |list: &[String]| if list.is_empty() { "nothing".to_owned() } else { join(list) };
    let mut rows = vec![
        vec!["version".to_owned(), text(&state.version)],
        vec!["granted".to_owned(), listed(capabilities)],
        vec!["not granted".to_owned(), listed(&module.missing_grants)],
        vec!["web hosts".to_owned(), listed(http_hosts)],
    ];
    for (key, value) in &module.settings {
        rows.push(vec![format!("setting {}", text(key)), text(value)]);
    }
    for (key, is_entered) in &module.secrets {
        let entered = if *is_entered { "entered" } else { "not entered" };
        rows.push(vec![format!("secret {}", text(key)), entered.to_owned()]);
    }
    let (bytes, keys) = (count_of(storage.bytes, "byte"), count_of(storage.keys, "key"));
    rows.push(vec!["keeps".to_owned(), format!("{bytes} in {keys}")]);
    format!("{}\n{}", in_channel(state, channel), align(&["set up", ""], rows))
}

/// Whether a module answers in a channel. If it does not, or a version waits, the report says why.
pub(super) fn in_channel(state: &ChannelModuleState, channel: &ChannelName) -> String {
    let (name, place) = (text(&state.name), channel.describe());
    let mut report = match &state.running_version {
        Some(version) if state.running => format!("{name} {version} answers in {place}\n"),
        _ => format!("{name} does not answer in {place}\n"),
    };
    if let Some(note) = &state.note {
        report += &format!("{}\n", text(note));
    }
    if let (Some(blown), false) = (&state.blown, state.running) {
        let until = match &blown.until {
            Some(until) => format!("until {until}, or"),
            None => "until".to_owned(),
        };
        report += &format!("it broke too often, and is off {until} somebody enables it again\n");
    }
    if let Some(WaitingVersion { version, asks_more }) = &state.waiting {
        report += &format!("version {} waits, since it asks for more: {}\n", text(version), join(asks_more));
        report += &format!("if you agree: twitchy module enable {name} --channel {channel} --grant all --accept\n");
    }
    report
}

/// Hosts that are not granted to a module with the capability `http`.
pub(super) fn closed_hosts(hosts: &[String]) -> String {
    if hosts.is_empty() {
        return String::new();
    }
    let flags: String = hosts.iter().map(|host| format!(" --web-host {}", text(host))).collect();
    format!("it may not ask all the web hosts that it names; if it is to, add:{flags}\n")
}

pub(super) fn rolled_back(module: &ModuleDetail) -> String {
    match &module.latest {
        Some(latest) => format!("{} is back on {latest}, everywhere\n", text(&module.name)),
        None => format!("{} has no version left, and is off everywhere\n", text(&module.name)),
    }
}

fn asks(version: &VersionDetail) -> String {
    let asked = version.capabilities.iter().filter(|capability| capability.needs_grant);
    let rows: Vec<Row> = asked.map(|asked| vec![text(&asked.name), text(&asked.granted_by)]).collect();
    let mut report = match rows.is_empty() {
        true => "it asks for nothing that needs a grant\n".to_owned(),
        false => align(&["it asks for", "to be granted by the"], rows),
    };
    if !version.http_hosts.is_empty() {
        report += &format!("and to reach {}\n", join(&version.http_hosts));
    }
    report
}

fn command_row(command: &CommandDetail) -> Row {
    let words = std::iter::once(&command.name).chain(&command.aliases).map(|word| text(word)).collect::<Vec<_>>();
    let words = format!("{} {}", words.join(", "), text(&command.usage)).trim_end().to_owned();
    let cooldowns = match (text(&command.cooldown).as_str(), text(&command.chatter_cooldown).as_str()) {
        (all, "0s" | "") => all.to_owned(),
        ("0s" | "", chatter) => format!("{chatter} a chatter"),
        (all, chatter) => format!("{all}, {chatter} a chatter"),
    };
    vec![words, text(&command.role), cooldowns, text(&command.summary)]
}

fn setting_row(setting: &SettingDetail) -> Row {
    [&setting.key, &setting.kind, &setting.default, &setting.summary].map(|field| text(field)).to_vec()
}

fn version_row(VersionSummary { version, life, .. }: &VersionSummary) -> Row {
    let state = if life.withdrawn_at.is_none() { "offered" } else { "withdrawn" };
    let [at, by] = [&life.uploaded_at, &life.uploaded_by].map(|field| show(field.as_deref()));
    vec![text(version), at, by, state.to_owned()]
}

fn join(texts: &[String]) -> String {
    texts.iter().map(|each| text(each)).collect::<Vec<_>>().join(", ")
}

fn show(value: Option<&str>) -> String {
    value.map(text).unwrap_or_default()
}

/// A text by a module's author without control characters, which could move the terminal's cursor.
pub(in crate::cli) fn text(value: &str) -> String {
    value.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::module::tests::shaped;

    #[test]
    fn a_pushed_module_says_what_it_asks_for() {
        let version = shaped(json!({
            "name": "dice", "version": "1.0.0", "http_hosts": ["dice.example"],
            "capabilities": [
                { "name": "clock", "needs_grant": false, "granted_by": "nobody" },
                { "name": "http", "needs_grant": true, "granted_by": "operator" },
            ],
        }));
        let expected = "\
dice.wasm is dice 1.0.0 now, on in no channel
it asks for  to be granted by the
http         operator
and to reach dice.example
";
        let told = |latest: &str, enabled_in: u64| {
            let module = shaped(json!({ "latest": latest, "enabled_in": enabled_in }));
            pushed(&version, Some(&module), "dice.wasm")
        };
        assert_eq!(told("1.0.0", 0), expected);
        assert_eq!(there_already(&version), "dice 1.0.0 is there already: these very bytes\n");
        let taken = "dice is on in 1 channel: where this version asks for no more than was accepted";
        assert!(told("1.0.0", 1).contains(taken), "{}", told("1.0.0", 1));
        assert!(told("1.2.0", 2).contains("dice is on in 2 channels: they get 1.2.0"), "{}", told("1.2.0", 2));
    }

    #[test]
    fn a_withdrawn_version_that_is_pushed_again_stays_withdrawn_and_says_so() {
        let withdrawn = json!({ "name": "dice", "version": "1.0.0", "withdrawn_at": "2026-11-24T12:00:00Z" });
        let told = there_already(&shaped(withdrawn));
        assert!(told.contains("and withdrawn") && told.contains("twitchy module restore dice 1.0.0"), "{told}");
    }

    #[test]
    fn a_cooldown_of_each_chatter_is_shown() {
        let command = |all: &str, chatter: &str| {
            command_row(&shaped(json!({ "name": "roll", "cooldown": all, "chatter_cooldown": chatter })))[2].clone()
        };
        let shown = [command("0s", "0s"), command("5s", "0s"), command("0s", "3s"), command("5s", "3s")];
        assert_eq!(shown, ["0s", "5s", "3s a chatter", "5s, 3s a chatter"]);
    }

    #[test]
    fn a_channels_modules_are_listed_by_how_they_stand() {
        let (blown, waiting) = (json!({ "digest": "", "times": 1 }), json!({ "version": "1.1.0", "asks_more": [] }));
        let modules = [
            json!({ "name": "bad", "enabled": true, "blown": blown }),
            json!({ "name": "dice", "enabled": true, "running": true, "running_version": "1.0.0", "waiting": waiting }),
            json!({ "name": "hug", "enabled": false }),
            json!({ "name": "poll", "enabled": true }),
        ];
        let expected = "\
module  here                 version  waits
bad     broke too often
dice    answers              1.0.0    1.1.0
hug     off
poll    on, does not answer
";
        assert_eq!(list_in_channel(&modules.map(shaped)), expected);
    }

    #[test]
    fn what_is_set_up_in_a_channel_is_shown() {
        let module = json!({
            "name": "dice", "enabled": true, "version": "latest", "missing_grants": ["http"],
            "blown": { "until": "2026-11-24T12:00:00Z", "digest": "", "times": 1 },
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
        assert_eq!(set_up(&shaped(module), &"shop".parse().unwrap()), expected);
    }

    #[test]
    fn an_upgrade_that_waits_is_shown() {
        let state = json!({
            "name": "dice", "running": true, "running_version": "1.0.0",
            "waiting": { "version": "1.1.0", "asks_more": ["the capability http"] },
        });
        let expected = "\
dice 1.0.0 answers in channel 100
version 1.1.0 waits, since it asks for more: the capability http
if you agree: twitchy module enable dice --channel 100 --grant all --accept
";
        assert_eq!(in_channel(&shaped(state), &"100".parse().unwrap()), expected);
    }

    #[test]
    fn a_canary_is_shown_with_its_channels_and_what_all_others_have() {
        let version = shaped(json!({ "name": "dice", "version": "1.1.0" }));
        let module = shaped(json!({
            "name": "dice", "latest": "1.0.0", "enabled_in": 3, "canary": { "version": "1.1.0", "channels": ["100", "200"] },
        }));
        let expected = "\
dice.wasm is dice 1.1.0 now
dice 1.1.0 is tried out in 100, 200; the latest of all others is 1.0.0
it asks for nothing that needs a grant
";
        assert_eq!(pushed(&version, Some(&module), "dice.wasm"), expected);
        let channels = ["shop".parse().unwrap(), "#7".parse().unwrap()];
        let told = no_canary(&version, &channels);
        assert!(told.ends_with("twitchy module canary set dice 1.1.0 --channel shop --channel '#7'\n"), "{told}");
        assert_eq!(no_canary(&version, &[]), "");
    }

    #[test]
    fn after_a_change_the_latest_is_shown() {
        let told = |module: Value| on_air("dice 1.1.0 is withdrawn", &shaped(module));
        assert_eq!(told(json!({ "latest": "1.0.0" })), "dice 1.1.0 is withdrawn; the latest is 1.0.0\n");
        assert!(told(json!({})).ends_with("no version is left, and it is off everywhere\n"));
        let canary = json!({ "version": "1.2.0", "channels": ["100"] });
        let expected = "dice 1.1.0 is withdrawn; 1.2.0 is tried out in 100, and it is off everywhere else\n";
        assert_eq!(told(json!({ "canary": canary })), expected);
    }

    #[test]
    fn no_author_moves_the_cursor() {
        let module = json!({ "name": "dice", "source": "uploaded", "summary": "\u{1b}[2Jrolls" });
        assert_eq!(
            list(&[shaped(module)]),
            "module  latest  source    what it does\ndice    none    uploaded  [2Jrolls\n"
        );
    }

    #[test]
    fn a_report_leaves_empty_what_an_answer_lacks() {
        let (channel, dice) = ("shop".parse().unwrap(), json!({ "name": "dice" }));
        assert_eq!(in_channel(&shaped(dice.clone()), &channel), "dice does not answer in #shop\n");
        assert_eq!(list_in_channel(&[shaped(dice.clone())]).lines().count(), 2);
        assert!(set_up(&shaped(dice.clone()), &channel).contains("keeps        0 bytes in 0 keys\n"));
        assert_eq!(rolled_back(&shaped(dice.clone())), "dice has no version left, and is off everywhere\n");
        let withdrawn = "done;  is tried out in channels of others, and it is off everywhere else\n";
        assert_eq!(on_air("done", &shaped(json!({ "canary": {} }))), withdrawn);
        assert_eq!(list(&[shaped(dice)]), list(&[shaped(json!({ "name": "dice", "summary": null }))]));
        let version = shaped(json!({ "commands": [{}], "settings": [{}], "capabilities": [{ "needs_grant": true }] }));
        let uploaded = shaped(json!({ "versions": [{}] }));
        assert!(module(&uploaded, Some(&version)).starts_with(", , on in 0 channels\nversion : \n0 bytes"));
        assert_eq!(there_already(&version), "  is there already: these very bytes\n");
    }
}
