//! `twitchy module enable`: the wanted state is the module's present state in the channel plus the arguments.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::{Common, path_in_channel};
use super::report;
use crate::cli::api_client::{ANOTHER_VERSION, ApiClient, Question};
use crate::cli::channel_name::find_channel_id;
use crate::cli::{lenient, output};
use crate::domain::channel_name::ChannelName;
use crate::domain::id::ModuleName;
use crate::http::shapes::channel_module::{ChannelModule, CommandTerms, LATEST, ModuleGrants};
use crate::http::shapes::module::VersionDetail;
use crate::modules::consent::enable::{AgreeError, ConsentState, agree};

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

/// Checks the fields that the request sends back. A field in another form would be emptied when it is read, and the host would
/// lose it.
fn check_sent_back(state: &Value) -> serde_json::Result<()> {
    Option::<String>::deserialize(&state["version"])?;
    Option::<ModuleGrants>::deserialize(&state["grants"])?;
    Option::<BTreeMap<String, String>>::deserialize(&state["settings"])?;
    Option::<BTreeMap<String, CommandTerms>>::deserialize(&state["commands"])?;
    Ok(())
}

impl Enable {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let client = self.common.client()?;
        let path = path_in_channel(find_channel_id(&self.channel, &client).await?, &self.name);
        let answer = client.ask(Question::new(Method::GET, path.clone())).await?;
        check_sent_back(&answer.body).context(ANOTHER_VERSION)?;
        let there: ChannelModule = answer.read()?;
        let named = match self.find_named(&there) {
            Some(version) => Some(self.fetch_version(&client, version).await?),
            None => None,
        };
        let raw = lenient::fill_in::<ChannelModule>(answer.body.clone());
        let wanted = self.plan(&there, &raw, named.as_ref()).map_err(|error| self.refuse(error))?;
        let answer = client.ask(Question::new(Method::PUT, path).with_json(&wanted).if_match(answer.etag)).await?;
        if self.common.json {
            return output::to_json(&answer.body);
        }
        let module: ChannelModule = answer.read()?;
        let closed = self.list_closed_hosts(&client, &module).await;
        Ok(report::in_channel(&module.state, &self.channel) + &report::closed_hosts(&closed))
    }

    /// The version that the command line names, if the channel's state does not tell which grants that version lacks.
    fn find_named<'a>(&'a self, there: &'a ChannelModule) -> Option<&'a str> {
        match self.version.as_deref()? {
            LATEST if there.state.version == LATEST => None,
            LATEST => there.state.latest_here.as_deref(),
            version => Some(version),
        }
    }

    async fn fetch_version(&self, client: &ApiClient, version: &str) -> anyhow::Result<VersionDetail> {
        let asked = client.get(format!("/api/v1/modules/{}/versions/{version}", self.name)).await;
        asked.with_context(|| format!("version {version} of {}", self.name))
    }

    /// The hosts that the running version declares but that are not granted, if the module may use the web at all.
    /// Empty if the version cannot be fetched: the module is enabled all the same.
    async fn list_closed_hosts(&self, client: &ApiClient, module: &ChannelModule) -> Vec<String> {
        let may_ask = module.grants.capabilities.iter().any(|name| name == "http");
        let (true, Some(version)) = (may_ask, &module.state.running_version) else { return Vec::new() };
        let Ok(version) = self.fetch_version(client, version).await else { return Vec::new() };
        version.http_hosts.into_iter().filter(|host| !module.grants.http_hosts.contains(host)).collect()
    }

    /// The present state, enabled, with the arguments' changes. `raw` is `there` as the host sent it: the request replaces
    /// the whole set-up, so it repeats the fields that only a newer host knows. `named` is the wanted version if `there`
    /// describes another.
    fn plan(&self, there: &ChannelModule, raw: &Value, named: Option<&VersionDetail>) -> Result<Value, AgreeError> {
        let agreed = agree(self.compare(there, named), &self.grant, self.accept)?;
        let mut wanted = json!({ "enabled": true, "accept": agreed.accept });
        for field in ["version", "grants", "settings", "commands"] {
            wanted[field] = raw[field].clone();
        }
        if let Some(version) = &self.version {
            wanted["version"] = json!(version);
        }
        match self.add_grants(&there.grants, &agreed.added, named) {
            Some(grants) => {
                wanted["grants"]["capabilities"] = json!(grants.capabilities);
                wanted["grants"]["http_hosts"] = json!(grants.http_hosts);
            }
            None => wanted["grants"] = Value::Null,
        }
        for (key, value) in &self.set {
            wanted["settings"][key] = json!(value);
        }
        for (command, _) in &self.word {
            let words = self.word.iter().filter(|(of, _)| of == command).map(|(_, word)| word.as_str());
            wanted["commands"][command]["aliases"] = words.collect();
        }
        Ok(wanted)
    }

    fn compare<'a>(&self, there: &'a ChannelModule, named: Option<&'a VersionDetail>) -> ConsentState<'a> {
        let granted: Vec<&str> = there.grants.capabilities.iter().map(String::as_str).collect();
        let missing = match named {
            Some(version) => list_requested(version).filter(|name| !granted.contains(name)).collect(),
            None => there.missing_grants.iter().map(String::as_str).collect(),
        };
        let is_latest = self.version.as_deref() == Some(LATEST);
        let version_to_accept = match (&self.version, named) {
            (None, _) => there.state.waiting.as_ref().map(|waiting| waiting.version.as_str()),
            (Some(_), Some(_)) if is_latest => there.state.latest_here.as_deref(),
            (Some(_), _) => None,
        };
        let has_accepted = is_latest && (!granted.is_empty() || there.state.enabled);
        ConsentState { granted, missing, version_to_accept, has_accepted }
    }

    fn refuse(&self, error: AgreeError) -> anyhow::Error {
        let name = &self.name;
        match error {
            AgreeError::NotRequested { named, missing } => {
                let asks = if missing.is_empty() { "nothing more".to_owned() } else { missing.join(", ") };
                anyhow!("{name} does not ask for {named}; it asks for {asks}")
            }
            AgreeError::NotNamed(unnamed) => {
                let flags: String = unnamed.iter().map(|grant| format!(" --grant {grant}")).collect();
                anyhow!("{name} asks for {}; if you agree, say so:{flags}", unnamed.join(", "))
            }
        }
    }

    /// The grants with `added` and the named web hosts. `None` keeps all present grants, also those that the named
    /// version does not request.
    fn add_grants(&self, there: &ModuleGrants, added: &[&str], named: Option<&VersionDetail>) -> Option<ModuleGrants> {
        let mut grants = there.clone();
        if let Some(version) = named {
            if added.is_empty() && self.web_host.is_empty() {
                return None;
            }
            grants.capabilities.retain(|name| list_requested(version).any(|requested| requested == name));
            grants.http_hosts.retain(|host| version.http_hosts.contains(host));
        }
        add_texts(&mut grants.capabilities, added.iter().copied());
        add_texts(&mut grants.http_hosts, self.web_host.iter().map(String::as_str));
        Some(grants)
    }
}

/// The capabilities of a version that need a grant.
fn list_requested(version: &VersionDetail) -> impl Iterator<Item = &str> {
    version.capabilities.iter().filter(|capability| capability.needs_grant).map(|capability| capability.name.as_str())
}

fn add_texts<'a>(list: &mut Vec<String>, added: impl Iterator<Item = &'a str>) {
    for text in added {
        if !list.iter().any(|there| there == text) {
            list.push(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::module::Action;
    use crate::cli::module::tests::shaped;

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

    fn plan(line: &str, there: &Value, named: Option<&VersionDetail>) -> anyhow::Result<Value> {
        let enable = enable(line);
        let raw = lenient::fill_in::<ChannelModule>(there.clone());
        enable.plan(&shaped(there.clone()), &raw, named).map_err(|error| enable.refuse(error))
    }

    #[test]
    fn enabling_keeps_what_is_set_up_and_adds_the_grants() {
        let there = json!({
            "enabled": false, "version": "latest", "settings": { "sides": "8" }, "commands": { "roll": { "role": "vip" } },
            "grants": { "capabilities": ["storage"], "http_hosts": [], "payments": { "per_day": "5" } },
            "missing_grants": ["http"],
        });
        let line = "twitchy enable dice --channel 100 --grant all --web-host a.example --version 1.2.0";
        let expected = json!({
            "enabled": true, "version": "1.2.0", "settings": { "sides": "8" }, "commands": { "roll": { "role": "vip" } },
            "grants": {
                "capabilities": ["storage", "http"], "http_hosts": ["a.example"], "payments": { "per_day": "5" },
            },
            "accept": null,
        });
        assert_eq!(plan(line, &there, None).unwrap(), expected);
    }

    #[test]
    fn a_field_that_would_come_back_empty_is_not_sent_back() {
        let state = |field: &str, value: Value| json!({ "grants": { "capabilities": ["http"] }, field: value });
        assert!(check_sent_back(&state("settings", json!({ "sides": "8" }))).is_ok());
        assert!(check_sent_back(&state("grants", Value::Null)).is_ok());
        let hosts = json!({ "capabilities": ["http"], "http_hosts": [{ "name": "a.example" }] });
        for (field, value) in [
            ("grants", hosts),
            ("grants", json!([])),
            ("settings", json!({ "sides": 8 })),
            ("commands", json!({ "roll": { "aliases": "dice" } })),
            ("version", json!({ "pinned": "1.0.0" })),
        ] {
            assert!(check_sent_back(&state(field, value)).is_err(), "{field}");
        }
    }

    #[test]
    fn what_only_a_newer_host_knows_is_sent_back() {
        let there = json!({
            "version": "latest", "missing_grants": ["http"], "settings": {},
            "grants": {
                "capabilities": ["storage"], "http_hosts": [], "rate": "9",
                "payments": { "per_day": "5", "per_week": "7" },
            },
            "commands": { "roll": { "role": "vip", "streak": 3 }, "toss": { "streak": 4 } },
        });
        let line = "twitchy enable dice --channel 100 --grant all --word roll=dice";
        let wanted = plan(line, &there, None).unwrap();
        let payments = json!({ "per_day": "5", "per_week": "7" });
        let grants =
            json!({ "capabilities": ["storage", "http"], "http_hosts": [], "rate": "9", "payments": payments });
        let commands = json!({ "roll": { "role": "vip", "streak": 3, "aliases": ["dice"] }, "toss": { "streak": 4 } });
        assert_eq!((&wanted["grants"], &wanted["commands"]), (&grants, &commands));
    }

    #[test]
    fn a_version_that_waits_is_accepted_by_saying_so() {
        let there = json!({ "waiting": { "version": "2.0.0", "asks_more": [] } });
        let accept = |line: &str| plan(line, &there, None).unwrap()["accept"].clone();
        assert_eq!(accept("twitchy enable dice --channel 100"), Value::Null);
        assert_eq!(accept("twitchy enable dice --channel 100 --accept"), "2.0.0");
        assert_eq!(accept("twitchy enable dice --channel 100 --accept --version 2.0.0"), Value::Null);
        assert_eq!(accept("twitchy enable dice --channel 100 --grant all"), "2.0.0");
    }

    #[test]
    fn nothing_is_granted_that_nobody_agreed_to() {
        let there = json!({ "missing_grants": ["storage", "http"] });
        let error = plan("twitchy enable dice --channel 100 --grant storage", &there, None).unwrap_err();
        assert_eq!(error.to_string(), "dice asks for http; if you agree, say so: --grant http");
    }

    fn version(capabilities: &[&str]) -> VersionDetail {
        let show = |name: &&str| json!({ "name": name, "needs_grant": *name != "log", "granted_by": "creator" });
        shaped(json!({ "capabilities": capabilities.iter().map(show).collect::<Vec<_>>() }))
    }

    #[test]
    fn a_named_version_is_asked_what_it_lacks_and_not_the_latest_one() {
        let there = json!({
            "version": "latest", "latest": "2.0.0", "missing_grants": ["http", "storage"],
            "grants": { "capabilities": [], "http_hosts": [] },
        });
        let older = "twitchy enable dice --channel 100 --version 1.0.0";
        assert_eq!(enable(older).find_named(&shaped(there.clone())), Some("1.0.0"));
        let wanted = plan(older, &there, Some(&version(&["log"]))).unwrap();
        assert_eq!((&wanted["version"], &wanted["grants"]), (&json!("1.0.0"), &Value::Null));
        let line = "twitchy enable dice --channel 100 --version 1.1.0 --grant all";
        let wanted = plan(line, &there, Some(&version(&["log", "storage"]))).unwrap();
        assert_eq!(wanted["grants"], json!({ "capabilities": ["storage"], "http_hosts": [] }));
    }

    #[test]
    fn the_latest_is_the_one_that_is_tried_out_here() {
        let there = json!({
            "enabled": true, "version": "1.0.0", "latest": "1.2.0", "latest_here": "1.1.0", "missing_grants": [],
            "grants": { "capabilities": [], "http_hosts": [] },
        });
        let line = "twitchy enable dice --channel 100 --version latest --grant all";
        assert_eq!(enable(line).find_named(&shaped(there.clone())), Some("1.1.0"));
        let wanted = plan(line, &there, Some(&version(&["storage"]))).unwrap();
        assert_eq!(wanted["accept"], "1.1.0");
        assert_eq!(wanted["grants"], json!({ "capabilities": ["storage"], "http_hosts": [] }));
    }

    #[test]
    fn a_pin_is_let_go_without_agreeing_to_more_where_something_was_accepted() {
        let there = |enabled: bool, granted: &[&str]| {
            json!({
                "enabled": enabled, "version": "1.0.0", "latest": "2.0.0", "latest_here": "2.0.0", "missing_grants": [],
                "grants": { "capabilities": granted, "http_hosts": [] },
            })
        };
        let turn = |line: &str, there: &Value| plan(line, there, Some(&version(&["http"])));
        let line = "twitchy enable dice --channel 100 --version latest";
        for there in [there(true, &[]), there(false, &["storage"])] {
            let wanted = turn(line, &there).unwrap();
            let [version, accept, grants] = ["version", "accept", "grants"].map(|field| &wanted[field]);
            assert_eq!((version, accept, grants), (&json!("latest"), &Value::Null, &Value::Null));
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
        let line = "twitchy enable dice --channel 100 --version 1.1.0 --grant storage";
        let wanted = plan(line, &there, Some(&version(&["storage"]))).unwrap();
        let expected = json!({ "capabilities": ["storage"], "http_hosts": [], "payments": { "per_day": "5" } });
        assert_eq!(wanted["grants"], expected);
    }

    #[test]
    fn a_grant_that_it_does_not_ask_for_is_a_typing_error() {
        let there = json!({ "missing_grants": ["storage"], "grants": { "capabilities": ["http"] } });
        let error = |line: &str| plan(line, &there, None).unwrap_err().to_string();
        let expected = "dice does not ask for storag; it asks for storage";
        assert_eq!(error("twitchy enable dice --channel 100 --grant storag"), expected);
        assert!(plan("twitchy enable dice --channel 100 --grant http --grant storage", &there, None).is_ok());
    }

    #[test]
    fn settings_and_words_are_added_to_those_that_are_set() {
        let there = json!({
            "settings": { "sides": "8", "bonus": "1" }, "commands": { "roll": { "role": "vip", "aliases": ["old"] } },
        });
        let line = "twitchy enable dice --channel 100 --set sides=20 --word roll=bones --word roll=dice";
        let wanted = plan(line, &there, None).unwrap();
        assert_eq!(wanted["settings"], json!({ "sides": "20", "bonus": "1" }));
        assert_eq!(wanted["commands"], json!({ "roll": { "role": "vip", "aliases": ["bones", "dice"] } }));
    }
}
