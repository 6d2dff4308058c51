//! `twitchy module diff`: what changes between two versions, and what creators will be asked.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use super::blocking::block_on;
use super::gate::Gate;
use crate::cli::module::report::text;
use crate::cli::output;
use crate::domain::manifest::{Manifest, SizeClass};
use crate::http::api::modules::shown::show_fixed;
use crate::http::shapes::module::{CommandDetail, SettingDetail, VersionDetail};
use crate::setup::upgrade::list_further_requests;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  twitchy module diff dice-1.0.0.wasm dice.wasm")]
pub(in crate::cli) struct Diff {
    /// The component that channels have accepted.
    old: PathBuf,
    /// The component that is to replace it.
    new: PathBuf,
    /// Both bring a JavaScript or Python runtime along.
    #[arg(long)]
    large: bool,
}

impl Diff {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        output::print(block_on(self.compare())?)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn compare(self) -> anyhow::Result<String> {
        let size = if self.large { SizeClass::Large } else { SizeClass::Small };
        let gate = Gate::open().await?;
        let old = gate.judge(&self.old, size).await?.admitted.manifest;
        let new = gate.judge(&self.new, size).await?.admitted.manifest;
        gate.close().await;
        let asks = list_further_requests(&old, &new);
        Ok(compare(&show_fixed(&old), &show_fixed(&new)) + &describe_consent(&old, &asks, &new))
    }
}

fn compare(old: &VersionDetail, new: &VersionDetail) -> String {
    let mut report =
        format!("{} {} -> {} {}\n", text(&old.name), text(&old.version), text(&new.name), text(&new.version));
    let mut lines = vec![change("bytes", &old.bytes.to_string(), &new.bytes.to_string())];
    lines.push(change("what it does", &old.summary, &new.summary));
    lines.push(change("capabilities", &list_capabilities(old), &list_capabilities(new)));
    lines.push(change("web hosts", &old.http_hosts.join(", "), &new.http_hosts.join(", ")));
    lines.extend(compare_items("!", &old.commands, &new.commands, |command| &command.name, describe_command));
    lines.extend(compare_items("setting ", &old.settings, &new.settings, |setting| &setting.key, describe_setting));
    report.extend(lines.into_iter().flatten());
    report
}

/// `None` if both are the same.
fn change(what: &str, old: &str, new: &str) -> Option<String> {
    let shown = |value: &str| if value.is_empty() { "none".to_owned() } else { text(value) };
    (old != new).then(|| format!("~ {what}: {} -> {}\n", shown(old), shown(new)))
}

fn list_capabilities(version: &VersionDetail) -> String {
    version.capabilities.iter().map(|capability| capability.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// One line for each item that is new, gone or changed, in the order of their names.
fn compare_items<T>(
    prefix: &str,
    old: &[T],
    new: &[T],
    name: fn(&T) -> &String,
    describe: fn(&T) -> String,
) -> Vec<Option<String>> {
    let by_name =
        |items: &[T]| items.iter().map(|item| (name(item).clone(), describe(item))).collect::<BTreeMap<_, _>>();
    let (before, after) = (by_name(old), by_name(new));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let line = |name: &String| {
        let named = format!("{prefix}{}", text(name));
        match (before.get(name), after.get(name)) {
            (None, Some(added)) => Some(format!("+ {named}: {added}\n")),
            (Some(_), None) => Some(format!("- {named}\n")),
            (Some(before), Some(after)) => change(&named, before, after),
            (None, None) => None,
        }
    };
    names.into_iter().map(line).collect()
}

fn describe_command(command: &CommandDetail) -> String {
    let CommandDetail { aliases, usage, summary, role, cooldown, chatter_cooldown, .. } = command;
    let mut parts = vec![text(summary), format!("for {role}")];
    parts.extend((!usage.is_empty()).then(|| format!("usage {}", text(usage))));
    parts.extend((!aliases.is_empty()).then(|| format!("also !{}", text(&aliases.join(", !")))));
    parts.extend((cooldown != "0s").then(|| format!("cooldown {cooldown}")));
    parts.extend((chatter_cooldown != "0s").then(|| format!("cooldown {chatter_cooldown} a chatter")));
    parts.join("; ")
}

fn describe_setting(setting: &SettingDetail) -> String {
    let SettingDetail { summary, kind, least, most, choices, default, .. } = setting;
    let mut parts = vec![text(summary), kind.clone()];
    parts.extend(least.zip(*most).map(|(least, most)| format!("{least} to {most}")));
    parts.extend(choices.as_ref().map(|choices| text(&choices.join(", "))));
    parts.extend((!default.is_empty()).then(|| format!("default {}", text(default))));
    parts.join("; ")
}

/// What a channel that has accepted the old version is asked.
fn describe_consent(old: &Manifest, asks: &[String], new: &Manifest) -> String {
    if old.name != new.name {
        return "\nThese are two modules: each is enabled and granted by itself.\n".to_owned();
    }
    if old.digest == new.digest {
        return "\nThese are the same bytes.\n".to_owned();
    }
    let number = match new.version.cmp(&old.version) {
        Ordering::Greater => "",
        Ordering::Equal => {
            "\nBoth have the same version, and a host refuses other bytes under a version that it has: raise `version` in \
             Cargo.toml.\n"
        }
        Ordering::Less => {
            "\nThe new version has the lower number, so no channel moves to it by itself: raise `version` in Cargo.toml.\n"
        }
    };
    let consent = match asks {
        [] => format!("\nChannels that run {} get {} at once: it asks for no more.\n", old.version, new.version),
        asks => {
            let lines: String = asks.iter().map(|ask| format!("- {}\n", text(ask))).collect();
            format!("\nChannels that run {} stay on it until their creator accepts that\n{lines}", old.version)
        }
    };
    number.to_owned() + &consent
}
