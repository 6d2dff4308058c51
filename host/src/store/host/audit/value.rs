//! The stored form of an audit value: JSON, in which a person can be found and replaced.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::amount::Amount;
use crate::domain::audit::AuditValue;
use crate::domain::fuse::BlownFuse;
use crate::domain::id::{ChannelId, Login, ModuleDigest};
use crate::domain::manifest::{Capability, Caps, Command, Grants};
use crate::domain::principal::KeyScope;
use crate::domain::role::Role;
use crate::domain::version::Canary;
use crate::store::host::modules::manifest::StoredCommand;
use crate::store::json_text::{optional_text, text, texts};

#[derive(Serialize, Deserialize)]
pub(super) struct Stored(#[serde(with = "StoredValue")] pub(super) AuditValue);

/// The variants of `AuditValue` under their stored names, which must never change.
#[derive(Serialize, Deserialize)]
#[serde(remote = "AuditValue", rename_all = "kebab-case")]
enum StoredValue {
    Worded(Box<str>),
    Text(Box<str>),
    MutedUntil(SystemTime),
    Switch(bool),
    Fuse {
        enabled: Option<bool>,
        #[serde(with = "StoredFuse")]
        blown: BlownFuse,
    },
    Accepted {
        #[serde(with = "text")]
        digest: ModuleDigest,
        #[serde(with = "StoredGrants")]
        grants: Grants,
    },
    Narrowed(#[serde(with = "narrowed")] Vec<(Box<str>, Grants)>),
    Pinned(#[serde(with = "text")] semver::Version),
    Published(#[serde(with = "text")] ModuleDigest),
    Withdrawn(bool),
    Canary(#[serde(with = "StoredCanary")] Canary),
    SecretEntered(SystemTime),
    Word(#[serde(with = "StoredCommand")] Command),
    Joined {
        #[serde(with = "text")]
        login: Login,
        #[serde(with = "text")]
        account: Login,
    },
    Left {
        #[serde(with = "text")]
        login: Login,
    },
    Account(#[serde(with = "text")] Login),
    Key {
        name: Box<str>,
        #[serde(with = "texts")]
        scopes: Box<[KeyScope]>,
        #[serde(with = "optional_text")]
        role: Option<Role>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BlownFuse")]
struct StoredFuse {
    #[serde(with = "text")]
    digest: ModuleDigest,
    until: Option<SystemTime>,
    times: u32,
    is_over: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Grants")]
struct StoredGrants {
    #[serde(with = "texts")]
    capabilities: Vec<Capability>,
    http_hosts: Vec<String>,
    #[serde(with = "StoredCaps")]
    payments: Caps,
    #[serde(with = "StoredCaps")]
    treasury: Caps,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Caps")]
struct StoredCaps {
    #[serde(with = "optional_text")]
    per_invocation: Option<Amount>,
    #[serde(with = "optional_text")]
    per_chatter: Option<Amount>,
    #[serde(with = "optional_text")]
    per_day: Option<Amount>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Canary")]
struct StoredCanary {
    #[serde(with = "text")]
    version: semver::Version,
    #[serde(with = "texts")]
    channels: BTreeSet<ChannelId>,
}

mod narrowed {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Version(Box<str>, #[serde(with = "StoredGrants")] Grants);

    pub(super) fn serialize<S: Serializer>(all: &[(Box<str>, Grants)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|(version, grants)| Version(version.clone(), grants.clone())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(Box<str>, Grants)>, D::Error> {
        Ok(Vec::<Version>::deserialize(from)?.into_iter().map(|Version(version, grants)| (version, grants)).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::command;

    fn grants() -> Grants {
        Grants {
            capabilities: vec![Capability::Storage, Capability::Payments],
            http_hosts: vec!["example.com".into()],
            payments: Caps { per_day: Some("2.5".parse().unwrap()), ..Caps::unlimited() },
            treasury: Caps::unlimited(),
        }
    }

    fn word() -> Command {
        Command {
            aliases: vec!["r".into(), "würfel".into()],
            usage: "[\"N\"]".into(),
            summary: String::new(),
            role: Role::Vip,
            channel_cooldown: Duration::from_millis(1500),
            ..command("roll")
        }
    }

    /// Each value, its stored form, and its wording.
    fn one_of_each() -> Vec<(AuditValue, &'static str, &'static str)> {
        let digest = ModuleDigest([0xab; 32]);
        let login = |text: &str| -> Login { text.parse().unwrap() };
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
        let version = semver::Version::new(1, 2, 3);
        let canary = Canary { version: version.clone(), channels: [ChannelId(7), ChannelId(8)].into() };
        let scopes = [KeyScope::Operator, KeyScope::Channel(ChannelId(7))].into();
        vec![
            (AuditValue::Text("«".into()), r#"{"text":"«"}"#, "«"),
            (
                AuditValue::MutedUntil(at),
                r#"{"muted-until":{"secs_since_epoch":1800000000,"nanos_since_epoch":250000000}}"#,
                "until 2027-01-15T08:00:00.250Z",
            ),
            (AuditValue::Switch(false), r#"{"switch":false}"#, "off"),
            (
                AuditValue::Fuse {
                    enabled: Some(true),
                    blown: BlownFuse { digest, until: None, times: 2, is_over: true },
                },
                r#"{"fuse":{"enabled":true,"blown":{"digest":"DIGEST","until":null,"times":2,"is_over":true}}}"#,
                "on, fuse blown 2 times by DIGEST, back by itself",
            ),
            (
                AuditValue::Accepted { digest, grants: grants() },
                r#"{"accepted":{"digest":"DIGEST","grants":GRANTS}}"#,
                "DIGEST: storage, payments; web: example.com; payments: at most 2.5 a day",
            ),
            (
                AuditValue::Narrowed(vec![("1.0.0".into(), grants()), ("2.0.0".into(), Grants::default())]),
                r#"{"narrowed":[["1.0.0",GRANTS],["2.0.0",NOTHING]]}"#,
                "1.0.0: storage, payments; web: example.com; payments: at most 2.5 a day | 2.0.0: nothing",
            ),
            (AuditValue::Pinned(version), r#"{"pinned":"1.2.3"}"#, "1.2.3"),
            (AuditValue::Published(digest), r#"{"published":"DIGEST"}"#, "DIGEST"),
            (AuditValue::Withdrawn(true), r#"{"withdrawn":true}"#, "withdrawn"),
            (AuditValue::Canary(canary), r#"{"canary":{"version":"1.2.3","channels":["7","8"]}}"#, "1.2.3 in 7, 8"),
            (
                AuditValue::SecretEntered(SystemTime::UNIX_EPOCH),
                r#"{"secret-entered":{"secs_since_epoch":0,"nanos_since_epoch":0}}"#,
                "(secret), entered 1970-01-01T00:00:00.000Z",
            ),
            (
                AuditValue::Word(word()),
                r#"{"word":{"name":"roll","aliases":["r","würfel"],"usage":"[\"N\"]","summary":"","role":"vip","channel_cooldown":1500,"chatter_cooldown":0}}"#,
                r#"for vip, cooldowns 1.5s and 0s, aliases ["r","würfel"], usage "[\"N\"]", summary """#,
            ),
            (
                AuditValue::Joined { login: login("shop"), account: login("bot") },
                r##"{"joined":{"login":"shop","account":"bot"}}"##,
                "#shop with bot",
            ),
            (AuditValue::Left { login: login("shop") }, r#"{"left":{"login":"shop"}}"#, "left #shop"),
            (AuditValue::Account(login("bot")), r#"{"account":"bot"}"#, "bot"),
            (
                AuditValue::Key { name: "portal".into(), scopes, role: Some(Role::Moderator) },
                r#"{"key":{"name":"portal","scopes":["operator","channel:7"],"role":"moderator"}}"#,
                "portal: operator, channel:7 as moderator",
            ),
        ]
    }

    #[test]
    fn each_value_is_stored_as_it_always_was_and_read_in_words() {
        let digest = "ab".repeat(32);
        let caps = |[a, b, c]: [&str; 3]| format!(r#"{{"per_invocation":{a},"per_chatter":{b},"per_day":{c}}}"#);
        let (none, zero) = (caps(["null"; 3]), caps(["\"0\""; 3]));
        let few = caps(["null", "null", "\"2.5\""]);
        let grants = format!(
            r#"{{"capabilities":["storage","payments"],"http_hosts":["example.com"],"payments":{few},"treasury":{none}}}"#
        );
        let nothing = format!(r#"{{"capabilities":[],"http_hosts":[],"payments":{zero},"treasury":{zero}}}"#);
        for (value, json, words) in one_of_each() {
            let json = json.replace("DIGEST", &digest).replace("GRANTS", &grants).replace("NOTHING", &nothing);
            assert_eq!(serde_json::to_string(&Stored(value.clone())).unwrap(), json);
            let Stored(read) = serde_json::from_str(&json).unwrap();
            assert_eq!(read, value);
            assert_eq!(read.to_string(), words.replace("DIGEST", &digest));
        }
    }
}
