//! The audit: who changed what.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use super::fuse::BlownFuse;
use super::id::{ChannelId, ChatterId, Login, ModuleDigest};
use super::manifest::{Capability, Caps, Command, Grants};
use super::named::named;
use super::principal::{CallerId, KeyScope};
use super::role::Role;
use super::timestamp::write_milliseconds;
use super::version::Canary;

/// Who asked for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller over HTTP. The name is the API key's, or the login of the person.
    Caller { id: CallerId, name: Box<str> },
    /// A caller over HTTP who claims to act for a chatter.
    Claim { caller: CallerId, name: Box<str>, chatter: ChatterId, login: Login },
    /// The chatter who called a command.
    Chatter { id: ChatterId, login: Login },
    /// A user of the command line on the host's machine.
    CommandLine {
        /// Name and number of the system user, such as `root (uid 0)`; `None` if unknown.
        system_user: Option<Box<str>>,
    },
    /// The host itself: a fuse, a seed of the configuration, an event of Twitch.
    Host,
}

impl Actor {
    /// The caller over HTTP and the caller's name, for [`Actor::Claim`] too.
    pub fn caller(&self) -> Option<(&CallerId, &str)> {
        match self {
            Actor::Caller { id: caller, name } | Actor::Claim { caller, name, .. } => Some((caller, name)),
            Actor::Chatter { .. } | Actor::CommandLine { .. } | Actor::Host => None,
        }
    }

    /// The chatter who asked, or for whom a caller claims to ask.
    pub fn chatter(&self) -> Option<(ChatterId, &Login)> {
        match self {
            Actor::Claim { chatter: id, login, .. } | Actor::Chatter { id, login } => Some((*id, login)),
            Actor::Caller { .. } | Actor::CommandLine { .. } | Actor::Host => None,
        }
    }

    /// The system user who ran the command line, if known.
    pub fn shell(&self) -> Option<&str> {
        if let Actor::CommandLine { system_user } = self { system_user.as_deref() } else { None }
    }

    pub fn kind(&self) -> ActorKind {
        match self {
            Actor::Caller { id: CallerId::Key(_), .. } => ActorKind::Key,
            Actor::Caller { id: CallerId::Person(_), .. } => ActorKind::Person,
            Actor::Claim { .. } => ActorKind::Claim,
            Actor::Chatter { .. } => ActorKind::Chatter,
            Actor::CommandLine { .. } => ActorKind::CommandLine,
            Actor::Host => ActorKind::Host,
        }
    }
}

named! {
    /// The kind of an [`Actor`].
    pub enum ActorKind, ParseActorKindError "an actor is key, person, claim, chatter, command-line or host" {
        Key "key",
        Person "person",
        Claim "claim",
        Chatter "chatter",
        CommandLine "command-line",
        Host "host",
    }
}

/// Who asked for a change, when, and from which address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub by: Actor,
    pub at: SystemTime,
    /// The caller's address; `None` if the request did not come over the network.
    pub address: Option<IpAddr>,
}

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Ascends in the order of the changes.
    pub id: u64,
    pub stamp: Stamp,
    pub change: Change,
}

/// A change in the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The action in kebab-case: `switch-module`, `create-key`.
    pub action: Cow<'static, str>,
    /// `None` if the change is about the whole host.
    pub channel: Option<ChannelId>,
    /// The object of the action: a module's name, `dice/sides`, a key's id. Empty if it is the channel itself.
    pub subject: Box<str>,
    /// `None`, here and in `after`, if the value was the default or missing.
    pub before: Option<AuditValue>,
    pub after: Option<AuditValue>,
}

impl Change {
    /// A change of the whole host, without its values.
    pub fn new(action: &'static str, subject: impl Into<Box<str>>) -> Change {
        Change { action: action.into(), channel: None, subject: subject.into(), before: None, after: None }
    }
}

/// A state before or after a change; never a secret. Kept as data, so that a person in it can be replaced; `Display`
/// words it for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditValue {
    /// Text as stored: the wording of an older version, which stored nothing else, or data of a newer version.
    Worded(Box<str>),
    /// A prefix, a language, a setting's value, or how a call ended.
    Text(Box<str>),
    MutedUntil(SystemTime),
    /// Whether a module is on.
    Switch(bool),
    /// The module's fuse has blown. `enabled` is `None` if the module was never switched on or off.
    Fuse {
        enabled: Option<bool>,
        blown: BlownFuse,
    },
    /// The accepted version.
    Accepted {
        digest: ModuleDigest,
        grants: Grants,
    },
    /// The grants of other versions, each by its number, or by its digest if the version is no longer known.
    Narrowed(Vec<(Box<str>, Grants)>),
    /// The version that the channel is pinned to.
    Pinned(semver::Version),
    /// The digest of a published version.
    Published(ModuleDigest),
    Withdrawn(bool),
    Canary(Canary),
    /// When a secret was entered; never the secret.
    SecretEntered(SystemTime),
    Word(Command),
    /// The bot is wanted in the channel of this login.
    Joined {
        login: Login,
        account: Login,
    },
    /// The bot was sent away from the channel of this login.
    Left {
        login: Login,
    },
    /// The bot account that the configuration names.
    Account(Login),
    Key {
        name: Box<str>,
        scopes: Box<[KeyScope]>,
        role: Option<Role>,
    },
}

impl fmt::Display for AuditValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuditValue::Worded(text) | AuditValue::Text(text) => f.write_str(text),
            AuditValue::MutedUntil(until) => write!(f, "until {}", write_milliseconds(*until)),
            AuditValue::Switch(enabled) => f.write_str(show_switch(*enabled)),
            AuditValue::Fuse { enabled, blown } => f.write_str(&describe_fuse(*enabled, blown)),
            AuditValue::Accepted { digest, grants } => write!(f, "{digest}: {}", describe_grants(grants)),
            AuditValue::Narrowed(versions) => {
                let versions =
                    versions.iter().map(|(version, grants)| format!("{version}: {}", describe_grants(grants)));
                f.write_str(&join(versions, " | "))
            }
            AuditValue::Pinned(version) => version.fmt(f),
            AuditValue::Published(digest) => digest.fmt(f),
            AuditValue::Withdrawn(is_withdrawn) => f.write_str(if *is_withdrawn { "withdrawn" } else { "offered" }),
            AuditValue::Canary(canary) => write!(f, "{} in {}", canary.version, join(&canary.channels, ", ")),
            AuditValue::SecretEntered(at) => write!(f, "(secret), entered {}", write_milliseconds(*at)),
            AuditValue::Word(word) => f.write_str(&describe_word(word)),
            AuditValue::Joined { login, account } => write!(f, "#{login} with {account}"),
            AuditValue::Left { login } => write!(f, "left #{login}"),
            AuditValue::Account(login) => login.fmt(f),
            AuditValue::Key { name, scopes, role } => {
                let role = role.map_or_else(String::new, |role| format!(" as {role}"));
                write!(f, "{name}: {}{role}", join(scopes.iter(), ", "))
            }
        }
    }
}

fn show_switch(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

fn describe_fuse(enabled: Option<bool>, blown: &BlownFuse) -> String {
    let mut parts: Vec<String> = enabled.map(|enabled| show_switch(enabled).to_owned()).into_iter().collect();
    parts.push(format!("fuse blown {} times by {}", blown.times, blown.digest));
    parts.extend(blown.until.map(|until| format!("until {}", write_milliseconds(until))));
    parts.extend(blown.is_over.then(|| "back by itself".to_owned()));
    parts.join(", ")
}

fn describe_word(word: &Command) -> String {
    let Command { role, usage, summary, .. } = word;
    let [between, each] = [word.channel_cooldown, word.chatter_cooldown].map(|span| span.as_secs_f64());
    let aliases = join(word.aliases.iter().map(|alias| format!("{alias:?}")), ",");
    format!("for {role}, cooldowns {between}s and {each}s, aliases [{aliases}], usage {usage:?}, summary {summary:?}")
}

/// Example: `storage, payments; web: api.example.com; payments: at most 5 a call, 10 a chatter and day`.
fn describe_grants(grants: &Grants) -> String {
    let capabilities = join(&grants.capabilities, ", ");
    let mut parts = vec![if capabilities.is_empty() { "nothing".to_owned() } else { capabilities }];
    if !grants.http_hosts.is_empty() {
        parts.push(format!("web: {}", grants.http_hosts.join(", ")));
    }
    for (capability, caps) in [(Capability::Payments, &grants.payments), (Capability::Treasury, &grants.treasury)] {
        if grants.capabilities.contains(&capability) {
            parts.push(format!("{capability}: {}", describe_caps(caps)));
        }
    }
    parts.join("; ")
}

fn describe_caps(caps: &Caps) -> String {
    let caps = [(caps.per_invocation, "a call"), (caps.per_chatter, "a chatter and day"), (caps.per_day, "a day")];
    let set = caps.iter().filter_map(|(most, of)| most.map(|most| format!("{most} {of}")));
    let set = join(set, ", ");
    if set.is_empty() { "no cap".to_owned() } else { format!("at most {set}") }
}

fn join<T: ToString>(all: impl IntoIterator<Item = T>, separator: &str) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(separator)
}

/// Selects lines of the audit; `None` in a field matches every line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub channel: Option<ChannelId>,
    pub kind: Option<ActorKind>,
    /// The caller over HTTP, for claims too.
    pub caller: Option<CallerId>,
    /// The chatter who asked, or for whom a caller claimed to ask.
    pub chatter: Option<ChatterId>,
    pub action: Option<Box<str>>,
    pub subject: Option<Box<str>>,
    /// At this moment or later.
    pub since: Option<SystemTime>,
    /// Before this moment.
    pub until: Option<SystemTime>,
}
