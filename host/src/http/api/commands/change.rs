//! The changes that a dry run would make, in words and as data.

use serde_json::{Value, json};

use crate::domain::account::BotAccount;
use crate::domain::amount::Amount;
use crate::domain::effect::{
    Effect, HistoryEffect, Holder, LedgerEffect, ModuleEffect, PresenceEffect, SecretEffect, SetupEffect, StorageEffect,
};
use crate::domain::id::ModuleName;
use crate::domain::message::Channel;
use crate::domain::timestamp::write_timestamp;
use crate::http::shapes::command::Change;

pub fn show_change(effect: &Effect) -> Change {
    let (text, data) = match effect {
        Effect::Storage(module, StorageEffect::Save { key, value }) => save_entry(module, key, value),
        Effect::Storage(module, StorageEffect::Delete { key }) => (format!("deletes {key}"), at(module, key)),
        Effect::Ledger(module, LedgerEffect::Transfer { from, to, amount }) => transfer(module, *from, *to, *amount),
        Effect::Setup(effect) => show_setup(effect),
        Effect::Module(module, effect) => show_module(module, effect),
        Effect::Secret(module, SecretEffect::Change { key, .. }) => {
            (format!("changes the secret {key} of {module}"), at(module, key))
        }
        Effect::History(module, HistoryEffect::Record { .. } | HistoryEffect::Keep { .. }) => {
            (format!("notes which version of {module} ran before"), of(module))
        }
        Effect::Presence(PresenceEffect::Want { channel, account }) => want_channel(channel, account),
        Effect::Presence(PresenceEffect::Unwant { channel }) => {
            (format!("leaves channel {channel}"), json!({ "channel": channel.to_string() }))
        }
    };
    Change { kind: effect.action().to_owned(), text, data }
}

/// A change in words, and as data.
type Shown = (String, Value);

fn show_setup(effect: &SetupEffect) -> Shown {
    match effect {
        SetupEffect::ChangePrefix(prefix) => {
            let prefix = prefix.as_str();
            (format!("changes the prefix to {prefix}"), json!({ "prefix": prefix }))
        }
        SetupEffect::ChangeLocale(locale) => (format!("changes the language to {locale}"), json!({ "locale": locale })),
        SetupEffect::Mute { until } => {
            let until = until.map(write_timestamp);
            let silent = until.as_ref().map(|until| format!("is silent until {until}"));
            (silent.unwrap_or_else(|| "ends the silence".to_owned()), json!({ "until": until }))
        }
    }
}

fn show_module(module: &ModuleName, effect: &ModuleEffect) -> Shown {
    match effect {
        ModuleEffect::Switch { enabled } => {
            let text = format!("switches {module} {}", if *enabled { "on" } else { "off" });
            (text, json!({ "module": module.as_str(), "enabled": enabled }))
        }
        ModuleEffect::AcceptVersion { .. } => (format!("accepts what {module} asks for"), of(module)),
        ModuleEffect::NarrowGrants { .. } => (format!("takes grants back from older versions of {module}"), of(module)),
        ModuleEffect::PinVersion { version } => {
            let version = version.as_ref().map_or_else(|| "latest".to_owned(), ToString::to_string);
            let data = json!({ "module": module.as_str(), "version": version });
            (format!("takes {module} in version {version}"), data)
        }
        ModuleEffect::BlowFuse { .. } => (format!("blows the fuse of {module}"), of(module)),
        ModuleEffect::RestoreFuse => (format!("restores the fuse of {module}"), of(module)),
        ModuleEffect::EndPause { .. } => (format!("tells that {module} is back"), of(module)),
        ModuleEffect::ChangeSetting { key, value } => {
            let text = match value {
                Some(value) => format!("sets {key} of {module} to {value}"),
                None => format!("takes {key} of {module} back to its default"),
            };
            (text, json!({ "module": module.as_str(), "key": key, "value": value }))
        }
        ModuleEffect::ClaimWord { word } => (format!("claims the word {}", word.name), at(module, &word.name)),
        ModuleEffect::ReleaseWord { name } => (format!("releases the word {name}"), at(module, name)),
    }
}

fn of(module: &ModuleName) -> Value {
    json!({ "module": module.as_str() })
}

fn at(module: &ModuleName, key: &str) -> Value {
    json!({ "module": module.as_str(), "key": key })
}

/// A value that is not text is shown as its length only.
fn save_entry(module: &ModuleName, key: &str, value: &[u8]) -> Shown {
    let bytes = value.len();
    let text = str::from_utf8(value).ok();
    let data = json!({ "module": module.as_str(), "key": key, "bytes": bytes, "value": text });
    let size = if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    (format!("writes {size} to {key}"), data)
}

fn transfer(module: &ModuleName, from: Holder, to: Holder, amount: Amount) -> Shown {
    let (from, to) = (name(from), name(to));
    let data = json!({ "module": module.as_str(), "from": from, "to": to, "amount": amount.to_string() });
    (format!("moves {amount} from {from} to {to}"), data)
}

fn name(holder: Holder) -> String {
    match holder {
        Holder::Chatter(chatter) => format!("chatter {chatter}"),
        Holder::Till => "the till".to_owned(),
        Holder::Mint => "the mint".to_owned(),
    }
}

fn want_channel(channel: &Channel, account: &BotAccount) -> Shown {
    let (id, login) = (channel.id.to_string(), channel.login.as_str());
    let data = json!({ "channel": id, "login": login, "account": account.login.as_str() });
    (format!("joins #{login}"), data)
}
