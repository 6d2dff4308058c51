//! What a dry run would change, in words and as data.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::account::BotAccount;
use crate::domain::amount::Amount;
use crate::domain::effect::{Effect, Holder};
use crate::domain::id::ModuleName;
use crate::domain::message::Channel;
use crate::http::timestamp::write_timestamp;

/// One change that would be made.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Change {
    /// In kebab-case, as in the audit.
    #[schema(example = "save-entry")]
    kind: &'static str,
    /// For people; it may change.
    #[schema(example = "writes 1 byte to count")]
    text: String,
    /// What is in it depends on the kind.
    #[schema(value_type = Object)]
    data: Value,
}

impl Change {
    fn new(kind: &'static str, text: impl Into<String>, data: Value) -> Change {
        Change { kind, text: text.into(), data }
    }

    pub(super) fn show(effect: &Effect) -> Change {
        match effect {
            Effect::SaveEntry { module, key, value } => save_entry(module, key, value),
            Effect::DeleteEntry { module, key } => {
                Change::new("delete-entry", format!("deletes {key}"), at(module, key))
            }
            Effect::Transfer { module, from, to, amount } => transfer(module, *from, *to, *amount),
            Effect::ChangePrefix(prefix) => {
                let prefix = prefix.as_str();
                Change::new("change-prefix", format!("changes the prefix to {prefix}"), json!({ "prefix": prefix }))
            }
            Effect::ChangeLocale(locale) => {
                Change::new("change-locale", format!("changes the language to {locale}"), json!({ "locale": locale }))
            }
            Effect::Mute { until } => mute(until.map(write_timestamp).as_deref()),
            Effect::WantChannel { channel, account } => want_channel(channel, account),
            Effect::UnwantChannel { channel } => {
                let data = json!({ "channel": channel.to_string() });
                Change::new("unwant-channel", format!("leaves channel {channel}"), data)
            }
            Effect::SwitchModule { module, enabled } => {
                let text = format!("switches {module} {}", if *enabled { "on" } else { "off" });
                Change::new("switch-module", text, json!({ "module": module.as_str(), "enabled": enabled }))
            }
            Effect::AcceptVersion { module, .. } => {
                Change::new("accept-version", format!("accepts what {module} asks for"), of(module))
            }
            Effect::NarrowGrants { module, .. } => {
                Change::new("narrow-grants", format!("takes grants back from older versions of {module}"), of(module))
            }
            Effect::PinVersion { module, version } => pin_version(module, version.as_ref()),
            Effect::BlowFuse { module, .. } => {
                Change::new("blow-fuse", format!("blows the fuse of {module}"), of(module))
            }
            Effect::RestoreFuse { module } => {
                Change::new("restore-fuse", format!("restores the fuse of {module}"), of(module))
            }
            Effect::EndPause { module, .. } => {
                Change::new("restore-fuse", format!("tells that {module} is back"), of(module))
            }
            Effect::LeaveVersion { module, .. } | Effect::KeepLeft { module, .. } => {
                Change::new("leave-version", format!("notes which version of {module} ran before"), of(module))
            }
            Effect::ChangeSetting { module, key, value } => change_setting(module, key, value.as_deref()),
            Effect::ChangeSecret { module, key, .. } => {
                Change::new("change-secret", format!("changes the secret {key} of {module}"), at(module, key))
            }
            Effect::ClaimWord { module, word } => {
                Change::new("claim-word", format!("claims the word {}", word.name), at(module, &word.name))
            }
            Effect::ReleaseWord { module, name } => {
                Change::new("release-word", format!("releases the word {name}"), at(module, name))
            }
        }
    }
}

fn of(module: &ModuleName) -> Value {
    json!({ "module": module.as_str() })
}

fn at(module: &ModuleName, key: &str) -> Value {
    json!({ "module": module.as_str(), "key": key })
}

/// What is no text is shown by its length alone.
fn save_entry(module: &ModuleName, key: &str, value: &[u8]) -> Change {
    let bytes = value.len();
    let text = str::from_utf8(value).ok();
    let data = json!({ "module": module.as_str(), "key": key, "bytes": bytes, "value": text });
    let size = if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    Change::new("save-entry", format!("writes {size} to {key}"), data)
}

fn transfer(module: &ModuleName, from: Holder, to: Holder, amount: Amount) -> Change {
    let (from, to) = (name(from), name(to));
    let text = format!("moves {amount} from {from} to {to}");
    let data = json!({ "module": module.as_str(), "from": from, "to": to, "amount": amount.to_string() });
    Change::new("transfer", text, data)
}

fn name(holder: Holder) -> String {
    match holder {
        Holder::Chatter(chatter) => format!("chatter {chatter}"),
        Holder::Till => "the till".to_owned(),
        Holder::Mint => "the mint".to_owned(),
    }
}

fn mute(until: Option<&str>) -> Change {
    let text = until.map_or_else(|| "ends the silence".to_owned(), |until| format!("is silent until {until}"));
    Change::new("mute", text, json!({ "until": until }))
}

fn want_channel(channel: &Channel, account: &BotAccount) -> Change {
    let (id, login) = (channel.id.to_string(), channel.login.as_str());
    let data = json!({ "channel": id, "login": login, "account": account.login.as_str() });
    Change::new("want-channel", format!("joins #{login}"), data)
}

fn pin_version(module: &ModuleName, version: Option<&semver::Version>) -> Change {
    let version = version.map_or_else(|| "latest".to_owned(), ToString::to_string);
    let data = json!({ "module": module.as_str(), "version": version });
    Change::new("pin-version", format!("takes {module} in version {version}"), data)
}

fn change_setting(module: &ModuleName, key: &str, value: Option<&str>) -> Change {
    let text = match value {
        Some(value) => format!("sets {key} of {module} to {value}"),
        None => format!("takes {key} of {module} back to its default"),
    };
    Change::new("change-setting", text, json!({ "module": module.as_str(), "key": key, "value": value }))
}
