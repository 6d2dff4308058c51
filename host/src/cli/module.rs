//! `twitchy module`: the life of modules on a running host, over its API.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::api_client::{ApiClient, HostArguments, Question};
use crate::domain::id::{ChannelId, ModuleName};

mod report;
mod upload;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Upload a component: a new module, or a new version of one.
    Push(Push),
    /// List the modules of the host.
    List(List),
    /// Show a module, or one version of it: what it offers, and what it asks for.
    Show(Show),
    /// Let a module answer in a channel.
    Enable(Enable),
    /// Switch a module off in a channel.
    Disable(Disable),
    /// Take a bad version off the air.
    Rollback(Rollback),
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    host: HostArguments,
    /// Print the host's answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Push {
    /// The component: WebAssembly, never machine code.
    file: PathBuf,
    /// It brings a JavaScript or Python runtime along.
    #[arg(long)]
    large: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Show {
    name: ModuleName,
    /// Show this version.
    #[arg(long, value_name = "VERSION")]
    version: Option<semver::Version>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Enable {
    name: ModuleName,
    /// The channel's Twitch id.
    #[arg(long, value_name = "ID")]
    channel: ChannelId,
    /// Stay on this version; `latest` follows new ones.
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Grant a capability that it requests, or `all` of them.
    #[arg(long, value_name = "CAPABILITY")]
    grant: Vec<String>,
    /// Grant a web host that it may ask.
    #[arg(long, value_name = "HOST")]
    web_host: Vec<String>,
    /// Accept all else that the version which waits asks for; a grant of what it asks for says so too.
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Disable {
    name: ModuleName,
    /// The channel's Twitch id.
    #[arg(long, value_name = "ID")]
    channel: ChannelId,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    name: ModuleName,
    /// The version to go back to, instead of the one that ran before.
    #[arg(long, value_name = "VERSION")]
    to: Option<semver::Version>,
    /// Only in the channel with this Twitch id, instead of everywhere.
    #[arg(long, value_name = "ID")]
    channel: Option<ChannelId>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shown = runtime.block_on(async {
        match arguments.action {
            Action::Push(push) => push.run().await,
            Action::List(list) => list.run().await,
            Action::Show(show) => show.run().await,
            Action::Enable(enable) => enable.run().await,
            Action::Disable(disable) => disable.run().await,
            Action::Rollback(rollback) => rollback.run().await,
        }
    })?;
    io::stdout().write_all(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

impl Common {
    fn client(&self) -> anyhow::Result<ApiClient> {
        ApiClient::new(&self.host)
    }

    /// The answer as it was asked for: for a program, or for people.
    fn show(&self, body: &Value, report: impl FnOnce(&Value) -> String) -> String {
        if self.json { format!("{body:#}\n") } else { report(body) }
    }
}

impl Push {
    async fn run(self) -> anyhow::Result<String> {
        let bytes = std::fs::read(&self.file).with_context(|| format!("cannot read {}", self.file.display()))?;
        let client = self.common.client()?;
        let class = if self.large { "large" } else { "small" };
        let answer = upload::send(&client, &format!("/api/v1/modules?class={class}"), bytes).await?;
        let is_new = answer.status == StatusCode::CREATED;
        Ok(self.common.show(&answer.body, |version| report::pushed(version, is_new, &file_name(&self.file))))
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

impl List {
    async fn run(self) -> anyhow::Result<String> {
        let modules = self.common.client()?.list("/api/v1/modules").await?;
        Ok(self.common.show(&Value::Array(modules), report::list))
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let module = client.ask(Question::new(Method::GET, format!("/api/v1/modules/{}", self.name))).await?.body;
        let version = self.version.map(|version| version.to_string());
        let Some(version) = version.as_deref().or(module["latest"].as_str()) else {
            return Ok(self.common.show(&module, |module| report::module(module, &Value::Null)));
        };
        let path = format!("/api/v1/modules/{}/versions/{version}", self.name);
        let detail = client.ask(Question::new(Method::GET, path)).await?.body;
        Ok(self.common.show(&json!({ "module": module, "version": detail }), |_| report::module(&module, &detail)))
    }
}

impl Enable {
    async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let path = path_in_channel(self.channel, &self.name);
        let there = client.ask(Question::new(Method::GET, path.clone())).await?;
        let wanted = self.wanted(&there.body)?;
        let answer = client.ask(Question::new(Method::PUT, path).with_json(&wanted).if_match(there.etag)).await?;
        Ok(self.common.show(&answer.body, |state| report::in_channel(state, self.channel)))
    }

    /// What is there, enabled and with these grants besides.
    fn wanted(&self, there: &Value) -> anyhow::Result<Value> {
        let missing: Vec<&str> = texts(&there["missing_grants"]).collect();
        let is_granted = |name: &str| self.grant.iter().any(|granted| granted == name || granted == "all");
        let unasked: Vec<&str> = missing.iter().copied().filter(|name| !is_granted(name)).collect();
        if !unasked.is_empty() {
            let flags: String = unasked.iter().map(|name| format!(" --grant {name}")).collect();
            bail!("{} asks for {}; if you agree, say so:{flags}", self.name, unasked.join(", "));
        }
        let mut wanted = json!({ "enabled": true });
        for field in ["version", "grants", "settings", "commands"] {
            wanted[field] = there[field].clone();
        }
        if let Some(version) = &self.version {
            wanted["version"] = json!(version);
        }
        let agrees = self.accept || !self.grant.is_empty();
        if agrees && self.version.is_none() && there["waiting"].is_object() {
            wanted["accept"] = there["waiting"]["version"].clone();
        }
        let grants = &mut wanted["grants"];
        add_texts(&mut grants["capabilities"], &missing);
        add_texts(&mut grants["http_hosts"], &self.web_host.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(wanted)
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn add_texts(list: &mut Value, added: &[&str]) {
    let mut all: Vec<String> = texts(list).map(str::to_owned).collect();
    for text in added {
        if !all.iter().any(|there| there == text) {
            all.push((*text).to_owned());
        }
    }
    *list = json!(all);
}

impl Disable {
    async fn run(self) -> anyhow::Result<String> {
        let path = path_in_channel(self.channel, &self.name);
        let answer = self.common.client()?.ask(Question::new(Method::DELETE, path)).await?;
        Ok(self.common.show(&answer.body, |_| format!("{} is off in channel {}\n", self.name, self.channel)))
    }
}

impl Rollback {
    async fn run(self) -> anyhow::Result<String> {
        let path = match self.channel {
            Some(channel) => format!("{}/rollback", path_in_channel(channel, &self.name)),
            None => format!("/api/v1/modules/{}/rollback", self.name),
        };
        let body = match &self.to {
            Some(version) => json!({ "to": version.to_string() }),
            None => json!({}),
        };
        let answer = self.common.client()?.ask(Question::new(Method::POST, path).with_json(&body)).await?;
        Ok(self.common.show(&answer.body, |state| match self.channel {
            Some(channel) => report::in_channel(state, channel),
            None => report::rolled_back(state),
        }))
    }
}

fn path_in_channel(channel: ChannelId, name: &ModuleName) -> String {
    format!("/api/v1/channels/{channel}/modules/{name}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(subcommand)]
        action: Action,
    }

    fn enable(line: &str) -> Enable {
        match Line::try_parse_from(line.split(' ')).map(|line| line.action) {
            Ok(Action::Enable(enable)) => enable,
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn enabling_keeps_what_is_set_up_and_adds_the_grants() {
        let there = json!({
            "enabled": false, "version": "latest", "settings": { "sides": "8" }, "commands": { "roll": { "role": "vip" } },
            "grants": { "capabilities": ["storage"], "http_hosts": [], "payments": { "per_day": "5" } },
            "missing_grants": ["http"], "running": false,
        });
        let wanted = enable("twitchy enable dice --channel 100 --grant all --web-host a.example --version 1.2.0");
        let expected = json!({
            "enabled": true, "version": "1.2.0", "settings": { "sides": "8" }, "commands": { "roll": { "role": "vip" } },
            "grants": { "capabilities": ["storage", "http"], "http_hosts": ["a.example"], "payments": { "per_day": "5" } },
        });
        assert_eq!(wanted.wanted(&there).unwrap(), expected);
    }

    #[test]
    fn a_version_that_waits_is_accepted_by_whoever_says_so() {
        let there = json!({ "missing_grants": [], "waiting": { "version": "2.0.0" } });
        let accept = |line: &str| enable(line).wanted(&there).unwrap()["accept"].clone();
        assert_eq!(accept("twitchy enable dice --channel 100"), json!(null));
        assert_eq!(accept("twitchy enable dice --channel 100 --accept"), json!("2.0.0"));
        assert_eq!(accept("twitchy enable dice --channel 100 --accept --version 2.0.0"), json!(null));
        assert_eq!(accept("twitchy enable dice --channel 100 --grant all"), json!("2.0.0"));
    }

    #[test]
    fn nothing_is_granted_that_nobody_agreed_to() {
        let there = json!({ "missing_grants": ["storage", "http"] });
        let error = enable("twitchy enable dice --channel 100 --grant storage").wanted(&there).unwrap_err();
        assert_eq!(error.to_string(), "dice asks for http; if you agree, say so: --grant http");
    }
}
