//! Parses the requested state of a channel's module, and writes the parts that an answer shows too.

use super::secrets::Secrets;
use crate::domain::amount::Amount;
use crate::domain::manifest::{Caps, Grants};
use crate::domain::role::Role;
use crate::domain::span::{parse_span, show_span};
use crate::http::error::{ApiError, WrongValues};
use crate::http::request::echo::find_name;
use crate::http::shapes::channel_module::{
    CommandTerms, LATEST, ModuleCaps, ModuleGrants, Secret, StepBack, WantedModule,
};
use crate::setup::module_change::ModuleChange;
use crate::setup::overrides::{self, CommandKey};

const VERSION: &str = "should be a version such as 1.2.0";

pub(super) fn into_change(module: WantedModule) -> Result<(ModuleChange, Secrets), ApiError> {
    let mut wrong = WrongValues::default();
    let pinned = match module.version.as_str() {
        LATEST => None,
        text => wrong.expect(text.parse().ok(), "version", "should be latest, or a version such as 1.2.0"),
    };
    let accept = module.accept.and_then(|text| wrong.expect(text.parse().ok(), "accept", VERSION));
    let grants = module.grants.map(|grants| parse_grants(grants, &mut wrong));
    let commands = module.commands.into_iter().map(|(name, terms)| {
        let terms = parse_terms(terms, &name, &mut wrong);
        (name, terms)
    });
    let commands = commands.collect();
    if !wrong.0.is_empty() {
        return Err(ApiError::invalid_values(wrong.0));
    }
    let change = ModuleChange { enabled: module.enabled, grants, accept, pinned, settings: module.settings, commands };
    let secrets = module.secrets.into_iter().map(|(key, secret)| (key, secret.map(|Secret(secret)| secret)));
    Ok((change, secrets.collect()))
}

pub(super) fn show_grants(grants: &Grants) -> ModuleGrants {
    ModuleGrants {
        capabilities: grants.capabilities.iter().map(ToString::to_string).collect(),
        http_hosts: grants.http_hosts.clone(),
        payments: show_caps(&grants.payments),
        treasury: show_caps(&grants.treasury),
    }
}

fn parse_grants(grants: ModuleGrants, wrong: &mut WrongValues) -> Grants {
    let capabilities = grants.capabilities.iter().filter_map(|name| {
        let detail = format!("{} is no capability", find_name(name).unwrap_or("one of them"));
        wrong.expect(name.parse().ok(), "grants.capabilities", &detail)
    });
    Grants {
        capabilities: capabilities.collect(),
        http_hosts: grants.http_hosts,
        payments: parse_caps(&grants.payments, "grants.payments", wrong),
        treasury: parse_caps(&grants.treasury, "grants.treasury", wrong),
    }
}

fn show_caps(caps: &Caps) -> ModuleCaps {
    let show = |most: Option<Amount>| most.map(|most| most.to_string());
    ModuleCaps {
        per_invocation: show(caps.per_invocation),
        per_chatter: show(caps.per_chatter),
        per_day: show(caps.per_day),
    }
}

fn parse_caps(caps: &ModuleCaps, field: &str, wrong: &mut WrongValues) -> Caps {
    let mut parse = |name: &str, text: &Option<String>| {
        let text = text.as_ref()?;
        let amount = text.parse::<Amount>().ok().filter(|amount| *amount >= Amount::ZERO);
        wrong.expect(amount, &format!("{field}.{name}"), "should be an amount such as 5 or 2.50, or null")
    };
    Caps {
        per_invocation: parse("per_invocation", &caps.per_invocation),
        per_chatter: parse("per_chatter", &caps.per_chatter),
        per_day: parse("per_day", &caps.per_day),
    }
}

pub(super) fn show_terms(terms: &overrides::CommandTerms) -> CommandTerms {
    let [role, cooldown, chatter_cooldown, aliases] = CommandKey::ALL.map(|key| terms.get(&key).cloned());
    let aliases = aliases.map(|words| words.split(' ').map(str::to_owned).collect());
    CommandTerms { role, cooldown, chatter_cooldown, aliases }
}

fn parse_terms(terms: CommandTerms, name: &str, wrong: &mut WrongValues) -> overrides::CommandTerms {
    let mut span = |field: &str, text: Option<String>| {
        let span = parse_span(&text?).map(show_span);
        wrong.expect(span, &format!("commands.{name}.{field}"), "should be a time such as 30s or 5m")
    };
    let cooldown = span("cooldown", terms.cooldown);
    let chatter_cooldown = span("chatter_cooldown", terms.chatter_cooldown);
    let role = terms.role.and_then(|text| {
        let detail = "should be everyone, subscriber, vip, moderator or broadcaster";
        let role = text.parse::<Role>().ok().map(|role| role.to_string());
        wrong.expect(role, &format!("commands.{name}.role"), detail)
    });
    CommandKey::collect_terms([role, cooldown, chatter_cooldown, terms.aliases.map(|words| words.join(" "))])
}

/// The version to roll back to; `None`: the one that ran before.
pub(super) fn parse_target(StepBack { to }: &StepBack) -> Result<Option<semver::Version>, ApiError> {
    let to = to.as_ref().map(|text| text.parse()).transpose();
    to.map_err(|_| ApiError::wrong("to", VERSION))
}
