//! `twitchy module enable`: what is wanted in a channel is what is there, and what the line says besides.

use anyhow::{Context, anyhow};
use hyper::Method;
use serde_json::{Value, json};

use super::{Common, path_in_channel, report};
use crate::cli::api_client::{ApiClient, Question};
use crate::cli::channel_name::find_channel_id;
use crate::domain::channel_name::ChannelName;
use crate::domain::id::ModuleName;
use crate::modules::consent::enable::{AgreeError, Standing, agree};

const LATEST: &str = "latest";

const EXAMPLE: &str = "\
Example:
  twitchy module enable dice --channel shop --grant storage --set sides=20
  twitchy module enable dice --channel shop --version 1.2.0";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Enable {
    /// The module's name, as `list` has it.
    pub(super) name: ModuleName,
    /// The channel's login, or its Twitch id.
    #[arg(long, value_name = "CHANNEL")]
    channel: ChannelName,
    /// Stay on this version; `latest` follows new ones.
    #[arg(long, value_name = "VERSION", value_parser = parse_wanted_version)]
    version: Option<String>,
    /// Grant a capability that it requests, or `all` of them; more than once for several.
    #[arg(long, value_name = "CAPABILITY")]
    grant: Vec<String>,
    /// Let it ask a web host that it names; more than once for several.
    #[arg(long, value_name = "HOST")]
    web_host: Vec<String>,
    /// Set one of its settings; more than once for several. Secret ones are entered over the API alone.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    set: Vec<(String, String)>,
    /// The word that calls one of its commands here, instead of its own; more than once for several.
    #[arg(long, value_name = "COMMAND=WORD", value_parser = parse_pair)]
    word: Vec<(String, String)>,
    /// Accept all else that the version which waits asks for; a grant of what it asks for says so too.
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

fn parse_wanted_version(text: &str) -> Result<String, String> {
    let is_version = text == LATEST || text.parse::<semver::Version>().is_ok();
    is_version.then(|| text.to_owned()).ok_or_else(|| "`latest`, or a version such as 1.2.0".to_owned())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "KEY=VALUE, with a = between the two".to_owned())
}

impl Enable {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let path = path_in_channel(find_channel_id(&self.channel, &client).await?, &self.name);
        let there = client.ask(Question::new(Method::GET, path.clone())).await?;
        let named = match self.find_named(&there.body) {
            Some(version) => Some(self.fetch_version(&client, &version).await?),
            None => None,
        };
        let wanted = self.wanted(&there.body, named.as_ref())?;
        let answer = client.ask(Question::new(Method::PUT, path).with_json(&wanted).if_match(there.etag)).await?;
        if self.common.json {
            return Ok(self.common.show(&answer.body, |_| String::new()));
        }
        let closed = self.list_closed_hosts(&client, &answer.body).await;
        Ok(report::in_channel(&answer.body, &self.channel) + &report::closed_hosts(&closed))
    }

    /// The version that the line names, where what is there says nothing of what that one lacks.
    fn find_named(&self, there: &Value) -> Option<String> {
        match self.version.as_deref()? {
            LATEST if there["version"] == LATEST => None,
            LATEST => there["latest_here"].as_str().map(str::to_owned),
            version => Some(version.to_owned()),
        }
    }

    async fn fetch_version(&self, client: &ApiClient, version: &str) -> anyhow::Result<Value> {
        let path = format!("/api/v1/modules/{}/versions/{version}", self.name);
        let asked = client.ask(Question::new(Method::GET, path)).await;
        Ok(asked.with_context(|| format!("version {version} of {}", self.name))?.body)
    }

    /// The hosts that it names and may not ask, once it may use the web at all. None where that is not told: it is enabled
    /// all the same.
    async fn list_closed_hosts(&self, client: &ApiClient, state: &Value) -> Vec<String> {
        let may_ask = texts(&state["grants"]["capabilities"]).any(|name| name == "http");
        let (true, Some(version)) = (may_ask, state["running_version"].as_str()) else { return Vec::new() };
        let Ok(version) = self.fetch_version(client, version).await else { return Vec::new() };
        let granted: Vec<&str> = texts(&state["grants"]["http_hosts"]).collect();
        texts(&version["http_hosts"]).filter(|host| !granted.contains(host)).map(str::to_owned).collect()
    }

    /// What is there, enabled and with these grants besides. `named` is the version that it is to be, where what is there
    /// is about another one.
    fn wanted(&self, there: &Value, named: Option<&Value>) -> anyhow::Result<Value> {
        let standing = self.compare(there, named);
        let missing = standing.missing.clone();
        let agreed = agree(standing, &self.grant, self.accept).map_err(|error| self.refuse(error, &missing))?;
        let mut wanted = json!({ "enabled": true });
        for field in ["version", "grants", "settings", "commands"] {
            wanted[field] = there[field].clone();
        }
        if let Some(version) = &self.version {
            wanted["version"] = json!(version);
        }
        if let Some(accept) = agreed.accept {
            wanted["accept"] = json!(accept);
        }
        self.add_grants(&mut wanted, &agreed.added, named);
        for (key, value) in &self.set {
            wanted["settings"][key] = json!(value);
        }
        for (command, _) in &self.word {
            let words = self.word.iter().filter(|(of, _)| of == command).map(|(_, word)| word);
            wanted["commands"][command]["aliases"] = words.cloned().collect();
        }
        Ok(wanted)
    }

    fn compare<'a>(&self, there: &'a Value, named: Option<&'a Value>) -> Standing<'a> {
        let granted: Vec<&str> = texts(&there["grants"]["capabilities"]).collect();
        let missing = match named {
            Some(version) => list_requested(version).filter(|name| !granted.contains(name)).collect(),
            None => texts(&there["missing_grants"]).collect(),
        };
        let is_latest = self.version.as_deref() == Some(LATEST);
        let due = match (&self.version, named) {
            (None, _) => there["waiting"]["version"].as_str(),
            (Some(_), Some(_)) if is_latest => there["latest_here"].as_str(),
            (Some(_), _) => None,
        };
        let may_stay = is_latest && (!granted.is_empty() || there["enabled"] == true);
        Standing { granted, missing, due, may_stay }
    }

    fn refuse(&self, error: AgreeError, missing: &[&str]) -> anyhow::Error {
        let name = &self.name;
        match error {
            AgreeError::NotRequested(unknown) => {
                let asks = if missing.is_empty() { "nothing more".to_owned() } else { missing.join(", ") };
                anyhow!("{name} does not ask for {unknown}; it asks for {asks}")
            }
            AgreeError::NotNamed(unnamed) => {
                let flags: String = unnamed.iter().map(|grant| format!(" --grant {grant}")).collect();
                anyhow!("{name} asks for {}; if you agree, say so:{flags}", unnamed.join(", "))
            }
        }
    }

    fn add_grants(&self, wanted: &mut Value, added: &[&str], named: Option<&Value>) {
        let web_hosts: Vec<&str> = self.web_host.iter().map(String::as_str).collect();
        if let (Some(version), Some(grants)) = (named, wanted["grants"].as_object_mut()) {
            if added.is_empty() && web_hosts.is_empty() {
                // What is granted stays, even what this version does not ask for.
                wanted["grants"] = Value::Null;
                return;
            }
            keep_texts(&mut grants["capabilities"], &list_requested(version).collect::<Vec<_>>());
            keep_texts(&mut grants["http_hosts"], &texts(&version["http_hosts"]).collect::<Vec<_>>());
        }
        add_texts(&mut wanted["grants"]["capabilities"], added);
        add_texts(&mut wanted["grants"]["http_hosts"], &web_hosts);
    }
}

/// What a version asks somebody to grant.
fn list_requested(version: &Value) -> impl Iterator<Item = &str> {
    let capabilities = version["capabilities"].as_array().into_iter().flatten();
    capabilities
        .filter(|capability| capability["needs_grant"] == true)
        .filter_map(|capability| capability["name"].as_str())
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

fn keep_texts(list: &mut Value, kept: &[&str]) {
    *list = texts(list).filter(|text| kept.contains(text)).collect();
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::module::Action;

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
        assert_eq!(wanted.wanted(&there, None).unwrap(), expected);
    }

    #[test]
    fn a_version_that_waits_is_accepted_by_whoever_says_so() {
        let there = json!({ "missing_grants": [], "waiting": { "version": "2.0.0" } });
        let accept = |line: &str| enable(line).wanted(&there, None).unwrap()["accept"].clone();
        assert_eq!(accept("twitchy enable dice --channel 100"), json!(null));
        assert_eq!(accept("twitchy enable dice --channel 100 --accept"), json!("2.0.0"));
        assert_eq!(accept("twitchy enable dice --channel 100 --accept --version 2.0.0"), json!(null));
        assert_eq!(accept("twitchy enable dice --channel 100 --grant all"), json!("2.0.0"));
    }

    #[test]
    fn nothing_is_granted_that_nobody_agreed_to() {
        let there = json!({ "missing_grants": ["storage", "http"] });
        let error = enable("twitchy enable dice --channel 100 --grant storage").wanted(&there, None).unwrap_err();
        assert_eq!(error.to_string(), "dice asks for http; if you agree, say so: --grant http");
    }

    /// As the API shows a version.
    fn version(capabilities: &[&str]) -> Value {
        let capabilities: Vec<Value> =
            capabilities.iter().map(|name| json!({ "name": name, "needs_grant": *name != "log" })).collect();
        json!({ "capabilities": capabilities, "http_hosts": [] })
    }

    #[test]
    fn a_named_version_is_asked_what_it_lacks_and_not_the_latest_one() {
        let there = json!({
            "version": "latest", "latest": "2.0.0", "missing_grants": ["http", "storage"],
            "grants": { "capabilities": [], "http_hosts": [] },
        });
        let older = enable("twitchy enable dice --channel 100 --version 1.0.0");
        assert_eq!(older.find_named(&there).as_deref(), Some("1.0.0"));
        let wanted = older.wanted(&there, Some(&version(&["log"]))).unwrap();
        assert_eq!((&wanted["version"], &wanted["grants"]), (&json!("1.0.0"), &Value::Null));
        let wanted = enable("twitchy enable dice --channel 100 --version 1.1.0 --grant all");
        let wanted = wanted.wanted(&there, Some(&version(&["log", "storage"]))).unwrap();
        assert_eq!(wanted["grants"]["capabilities"], json!(["storage"]));
    }

    #[test]
    fn the_latest_is_the_one_that_is_tried_out_here() {
        let there = json!({
            "enabled": true, "version": "1.0.0", "latest": "1.2.0", "latest_here": "1.1.0", "missing_grants": [],
            "grants": { "capabilities": [], "http_hosts": [] },
        });
        let turned = enable("twitchy enable dice --channel 100 --version latest --grant all");
        assert_eq!(turned.find_named(&there).as_deref(), Some("1.1.0"));
        let wanted = turned.wanted(&there, Some(&version(&["storage"]))).unwrap();
        assert_eq!((&wanted["accept"], &wanted["grants"]["capabilities"]), (&json!("1.1.0"), &json!(["storage"])));
    }

    #[test]
    fn a_pin_is_let_go_without_agreeing_to_more_where_something_was_accepted() {
        let there = |enabled: bool, granted: &[&str]| {
            json!({
                "enabled": enabled, "version": "1.0.0", "latest": "2.0.0", "latest_here": "2.0.0", "missing_grants": [],
                "grants": { "capabilities": granted, "http_hosts": [] },
            })
        };
        let turn = |line: &str, there: &Value| enable(line).wanted(there, Some(&version(&["http"])));
        let line = "twitchy enable dice --channel 100 --version latest";
        for there in [there(true, &[]), there(false, &["storage"])] {
            let wanted = turn(line, &there).unwrap();
            let fields = ["version", "accept", "grants"].map(|field| wanted[field].clone());
            assert_eq!(fields, [json!("latest"), Value::Null, Value::Null]);
            let half = turn(&format!("{line} --accept"), &there).unwrap_err().to_string();
            assert_eq!(half, "dice asks for http; if you agree, say so: --grant http");
        }
        assert!(turn(line, &there(false, &[])).is_err(), "nothing was accepted yet");
    }

    #[test]
    fn what_the_named_version_does_not_ask_for_is_not_granted_to_it() {
        let there = json!({
            "version": "2.0.0", "latest": "2.0.0", "missing_grants": [],
            "grants": { "capabilities": ["http"], "http_hosts": ["a.example"], "payments": { "per_day": "5" } },
        });
        let wanted = enable("twitchy enable dice --channel 100 --version 1.1.0 --grant storage");
        let wanted = wanted.wanted(&there, Some(&version(&["storage"]))).unwrap();
        let expected = json!({ "capabilities": ["storage"], "http_hosts": [], "payments": { "per_day": "5" } });
        assert_eq!(wanted["grants"], expected);
    }

    #[test]
    fn a_grant_that_it_does_not_ask_for_is_a_typing_error() {
        let there = json!({ "missing_grants": ["storage"], "grants": { "capabilities": ["http"] } });
        let error = |line: &str| enable(line).wanted(&there, None).unwrap_err().to_string();
        let expected = "dice does not ask for storag; it asks for storage";
        assert_eq!(error("twitchy enable dice --channel 100 --grant storag"), expected);
        assert!(enable("twitchy enable dice --channel 100 --grant http --grant storage").wanted(&there, None).is_ok());
    }

    #[test]
    fn settings_and_words_are_added_to_those_that_are_set() {
        let there = json!({
            "settings": { "sides": "8", "bonus": "1" }, "commands": { "roll": { "role": "vip", "aliases": ["old"] } },
        });
        let wanted = enable("twitchy enable dice --channel 100 --set sides=20 --word roll=bones --word roll=dice");
        let wanted = wanted.wanted(&there, None).unwrap();
        assert_eq!(wanted["settings"], json!({ "sides": "20", "bonus": "1" }));
        assert_eq!(wanted["commands"], json!({ "roll": { "role": "vip", "aliases": ["bones", "dice"] } }));
    }
}
