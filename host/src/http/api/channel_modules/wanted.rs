//! A channel's module, as it is wanted.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Secrets;
use crate::domain::amount::Amount;
use crate::domain::manifest::{Caps, Grants};
use crate::domain::role::Role;
use crate::domain::span::{parse_span, show_span};
use crate::http::echo::{find_name, show_field};
use crate::http::error::{ApiError, WrongValue};
use crate::setup::module_change::ModuleChange;
use crate::setup::overrides::{self, CommandKey};

const LATEST: &str = "latest";

/// How a module is to be in a channel.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedModule {
    /// Enabling also restores a fuse that has blown.
    enabled: bool,
    /// `latest` follows new versions, as long as they ask for no more; another one is stayed on. While that one is withdrawn,
    /// the nearest one below it takes its place, or, where there is none, the nearest one above.
    #[serde(default = "latest")]
    #[schema(default = "latest", format = "pinned-version", example = "1.2.0")]
    version: String,
    /// All that it may do here; what is granted stays where this is left out.
    grants: Option<ModuleGrants>,
    /// The version that waits: all that it asks for is accepted, with the grants above.
    #[schema(format = "version", example = "2.0.0")]
    accept: Option<String>,
    /// By key; checked against the module's own declaration.
    #[serde(default)]
    #[schema(example = json!({ "sides": "20" }))]
    settings: BTreeMap<String, String>,
    /// By key; null forgets it. Those that are not named stay.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    secrets: BTreeMap<String, Option<Secret>>,
    /// By name.
    #[serde(default)]
    commands: BTreeMap<String, CommandTerms>,
}

/// What a module may do in a channel.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleGrants {
    /// By name.
    #[schema(format = "capability", example = json!(["storage"]))]
    capabilities: Vec<String>,
    /// Of those that the module declares.
    #[serde(default)]
    #[schema(example = json!(["api.example.com"]))]
    http_hosts: Vec<String>,
    /// On what it moves by `payments`.
    #[serde(default)]
    payments: ModuleCaps,
    /// On what it pays out by `treasury`.
    #[serde(default)]
    treasury: ModuleCaps,
}

/// The most that a module may move: each an amount, null for no cap, and nothing at all where it is left out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ModuleCaps {
    /// In one call.
    #[serde(default = "nothing")]
    #[schema(format = "amount", example = "10")]
    per_invocation: Option<String>,
    /// In any 24 hours.
    #[serde(default = "nothing")]
    #[schema(format = "amount", example = "50")]
    per_chatter: Option<String>,
    /// In any 24 hours, by all calls together.
    #[serde(default = "nothing")]
    #[schema(format = "amount", example = "1000")]
    per_day: Option<String>,
}

/// What is set of a command; what is left out is as its author made it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandTerms {
    /// `everyone`, `subscriber`, `vip`, `moderator` or `broadcaster`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "chatter-role", example = "vip")]
    role: Option<String>,
    /// Between two uses in the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "span", example = "5s")]
    cooldown: Option<String>,
    /// Between two uses by one chatter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "span", example = "1m30s")]
    chatter_cooldown: Option<String>,
    /// All the words that call it here, in place of its name and its author's aliases.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["roll", "dice"]))]
    aliases: Option<Vec<String>>,
}

/// Back to which version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBack {
    /// Left out: the one that ran before.
    #[schema(format = "version", example = "1.1.0")]
    to: Option<String>,
}

/// Redacted wherever it is shown.
#[derive(Clone)]
struct Secret(SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Secret(text.into()))
    }
}

fn latest() -> String {
    LATEST.to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's own type")]
fn nothing() -> Option<String> {
    Some("0".to_owned())
}

impl Default for ModuleCaps {
    fn default() -> Self {
        ModuleCaps { per_invocation: nothing(), per_chatter: nothing(), per_day: nothing() }
    }
}

/// What is wrong with a body, gathered as it is read.
#[derive(Default)]
struct Wrong(Vec<WrongValue>);

impl Wrong {
    fn note(&mut self, field: &str, detail: &str) {
        self.0.push(WrongValue { field: show_field(field), detail: detail.to_owned() });
    }

    /// None, and noted, where it is nothing.
    fn expect<T>(&mut self, found: Option<T>, field: &str, detail: &str) -> Option<T> {
        if found.is_none() {
            self.note(field, detail);
        }
        found
    }
}

const VERSION: &str = "should be a version such as 1.2.0";

impl WantedModule {
    pub(super) fn into_change(self) -> Result<(ModuleChange, Secrets), ApiError> {
        let mut wrong = Wrong::default();
        let pinned = match self.version.as_str() {
            LATEST => None,
            text => wrong.expect(text.parse().ok(), "version", "should be latest, or a version such as 1.2.0"),
        };
        let accept = self.accept.and_then(|text| wrong.expect(text.parse().ok(), "accept", VERSION));
        let grants = self.grants.map(|grants| grants.parse(&mut wrong));
        let commands = self.commands.into_iter().map(|(name, terms)| {
            let terms = terms.parse(&name, &mut wrong);
            (name, terms)
        });
        let commands = commands.collect();
        if !wrong.0.is_empty() {
            return Err(ApiError::invalid_values(wrong.0));
        }
        let change = ModuleChange { enabled: self.enabled, grants, accept, pinned, settings: self.settings, commands };
        let secrets = self.secrets.into_iter().map(|(key, secret)| (key, secret.map(|Secret(secret)| secret)));
        Ok((change, secrets.collect()))
    }
}

impl ModuleGrants {
    pub(super) fn show(grants: &Grants) -> ModuleGrants {
        ModuleGrants {
            capabilities: grants.capabilities.iter().map(ToString::to_string).collect(),
            http_hosts: grants.http_hosts.clone(),
            payments: ModuleCaps::show(&grants.payments),
            treasury: ModuleCaps::show(&grants.treasury),
        }
    }

    fn parse(self, wrong: &mut Wrong) -> Grants {
        let capabilities = self.capabilities.iter().filter_map(|name| {
            let detail = format!("{} is no capability", find_name(name).unwrap_or("one of them"));
            wrong.expect(name.parse().ok(), "grants.capabilities", &detail)
        });
        Grants {
            capabilities: capabilities.collect(),
            http_hosts: self.http_hosts,
            payments: self.payments.parse("grants.payments", wrong),
            treasury: self.treasury.parse("grants.treasury", wrong),
        }
    }
}

impl ModuleCaps {
    fn show(caps: &Caps) -> ModuleCaps {
        let show = |most: Option<Amount>| most.map(|most| most.to_string());
        ModuleCaps {
            per_invocation: show(caps.per_invocation),
            per_chatter: show(caps.per_chatter),
            per_day: show(caps.per_day),
        }
    }

    fn parse(&self, field: &str, wrong: &mut Wrong) -> Caps {
        let mut parse = |name: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            let amount = text.parse::<Amount>().ok().filter(|amount| *amount >= Amount::ZERO);
            wrong.expect(amount, &format!("{field}.{name}"), "should be an amount such as 5 or 2.50, or null")
        };
        Caps {
            per_invocation: parse("per_invocation", &self.per_invocation),
            per_chatter: parse("per_chatter", &self.per_chatter),
            per_day: parse("per_day", &self.per_day),
        }
    }
}

impl CommandTerms {
    pub(super) fn show(terms: &overrides::CommandTerms) -> CommandTerms {
        let [role, cooldown, chatter_cooldown, aliases] = CommandKey::ALL.map(|key| terms.get(&key).cloned());
        let aliases = aliases.map(|words| words.split(' ').map(str::to_owned).collect());
        CommandTerms { role, cooldown, chatter_cooldown, aliases }
    }

    fn parse(self, name: &str, wrong: &mut Wrong) -> overrides::CommandTerms {
        let mut span = |field: &str, text: Option<String>| {
            let span = parse_span(&text?).map(show_span);
            wrong.expect(span, &format!("commands.{name}.{field}"), "should be a time such as 30s or 5m")
        };
        let cooldown = span("cooldown", self.cooldown);
        let chatter_cooldown = span("chatter_cooldown", self.chatter_cooldown);
        let role = self.role.and_then(|text| {
            let detail = "should be everyone, subscriber, vip, moderator or broadcaster";
            let role = text.parse::<Role>().ok().map(|role| role.to_string());
            wrong.expect(role, &format!("commands.{name}.role"), detail)
        });
        CommandKey::collect_terms([role, cooldown, chatter_cooldown, self.aliases.map(|words| words.join(" "))])
    }
}

impl StepBack {
    pub(super) fn parse(&self) -> Result<Option<semver::Version>, ApiError> {
        let Some(text) = &self.to else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::wrong("to", VERSION))
    }
}
