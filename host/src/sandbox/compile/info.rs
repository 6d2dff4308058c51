//! Parses the result of a module's `info`, which is untrusted, into a manifest.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ModuleDigest, ModuleName};
use crate::domain::manifest::{Capability, Command, Manifest, ModuleSource, Setting, SettingKind, SizeClass};
use crate::sandbox::bindings::twitchy::command::types as wit;
use crate::setup::value::check_value;
use crate::setup::word::{check_word, is_line};

const MOST_COMMANDS: usize = 32;
const MOST_ALIASES: usize = 8;
const MOST_SETTINGS: usize = 32;
const MOST_CHOICES: usize = 32;
const MOST_HOSTS: usize = 16;
/// Most characters of a summary or a choice.
const LONGEST_TEXT: usize = 200;
/// Most characters of a version, or of a setting's key.
const LONGEST_NAME: usize = 64;

/// Why the result of `info` is invalid, in words for the module's author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ParseInfoError(String);

type Parsed<T> = Result<T, ParseInfoError>;

fn wrong<T>(what: impl Into<String>) -> Parsed<T> {
    Err(ParseInfoError(what.into()))
}

/// What the host knows of a component's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Examined {
    pub(crate) digest: ModuleDigest,
    pub(crate) source: ModuleSource,
    pub(crate) size: SizeClass,
    pub(crate) component_bytes: u64,
}

pub(crate) fn parse_info(info: wit::ModuleInfo, examined: Examined, capabilities: Vec<Capability>) -> Parsed<Manifest> {
    if !info.timers.is_empty() || !info.events.is_empty() {
        return wrong("this host calls modules for commands only, not for timers or events");
    }
    let name: ModuleName =
        info.name.parse().map_err(|error| ParseInfoError(format!("{}: {error}", quote(&info.name))))?;
    let Examined { digest, source, size, component_bytes } = examined;
    Ok(Manifest {
        digest,
        source,
        size,
        component_bytes,
        name,
        version: parse_version(&info.version)?,
        summary: line("summary", info.summary)?,
        capabilities,
        commands: parse_commands(info.commands)?,
        settings: parse_settings(info.settings)?,
        http_hosts: parse_hosts(info.http_hosts)?,
    })
}

fn parse_version(text: &str) -> Parsed<semver::Version> {
    if text.len() > LONGEST_NAME {
        return wrong("the version is too long");
    }
    let wrong = |error| format!("version {text:?}: {error}; a version is three numbers, such as 1.0.0");
    text.parse().map_err(|error| ParseInfoError(wrong(error)))
}

/// The text in quotes, cut to the length that a name may have: a module can say anything.
fn quote(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_NAME).collect();
    format!("{cut:?}")
}

fn line(what: &str, text: String) -> Parsed<String> {
    if !is_line(&text, LONGEST_TEXT) {
        return wrong(format!("a {what} is one line of at most {LONGEST_TEXT} characters"));
    }
    Ok(text)
}

fn at_most<T>(what: &str, list: &[T], most: usize) -> Parsed<()> {
    if list.len() > most { wrong(format!("more than {most} {what}")) } else { Ok(()) }
}

fn parse_commands(infos: Vec<wit::CommandInfo>) -> Parsed<Vec<Arc<Command>>> {
    at_most("commands", &infos, MOST_COMMANDS)?;
    let mut words = HashSet::new();
    let mut commands = Vec::with_capacity(infos.len());
    for info in infos {
        let command = parse_command(info)?;
        for word in std::iter::once(&command.name).chain(&command.aliases) {
            if !words.insert(word.clone()) {
                return wrong(format!("the word {word:?} is there twice; capital letters make no difference"));
            }
        }
        commands.push(Arc::new(command));
    }
    Ok(commands)
}

fn parse_command(info: wit::CommandInfo) -> Parsed<Command> {
    at_most("aliases of a command", &info.aliases, MOST_ALIASES)?;
    let quoted = quote(&info.name);
    let command = Command {
        name: info.name.into(),
        aliases: info.aliases.into_iter().map(Into::into).collect(),
        usage: info.usage,
        summary: info.summary,
        role: info.role.into(),
        channel_cooldown: Duration::from_millis(info.channel_cooldown_ms.into()),
        chatter_cooldown: Duration::from_millis(info.chatter_cooldown_ms.into()),
    };
    check_word(command).map_err(|error| ParseInfoError(format!("command {quoted}: {error}")))
}

fn parse_settings(infos: Vec<wit::SettingInfo>) -> Parsed<Vec<Setting>> {
    at_most("settings", &infos, MOST_SETTINGS)?;
    let mut keys = HashSet::new();
    let mut settings = Vec::with_capacity(infos.len());
    for info in infos {
        let setting = parse_setting(info)?;
        if !keys.insert(setting.key.clone()) {
            return wrong(format!("the setting {:?} is there twice", setting.key));
        }
        settings.push(setting);
    }
    Ok(settings)
}

fn parse_setting(info: wit::SettingInfo) -> Parsed<Setting> {
    // Dots are not allowed: keys such as `COMMAND.role` belong to the host.
    let is_key = (1..=LONGEST_NAME).contains(&info.key.len())
        && info.key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_key {
        let quoted = quote(&info.key);
        return wrong(format!("{quoted}: a setting's key is 1 to 64 lower-case letters, digits or hyphens"));
    }
    let kind = parse_kind(info.kind)?;
    let default = parse_default(&info.key, &kind, info.default)?;
    Ok(Setting { summary: line("summary", info.summary)?, key: info.key, kind, default })
}

fn parse_kind(kind: wit::SettingKind) -> Parsed<SettingKind> {
    Ok(match kind {
        wit::SettingKind::Text => SettingKind::Text,
        wit::SettingKind::Integer(wit::Range { least, most }) if least > most => {
            return wrong(format!("there is no integer from {least} to {most}"));
        }
        wit::SettingKind::Integer(wit::Range { least, most }) => SettingKind::Integer { least, most },
        wit::SettingKind::Number => SettingKind::Number,
        wit::SettingKind::Boolean => SettingKind::Boolean,
        wit::SettingKind::Choice(choices) => {
            at_most("choices", &choices, MOST_CHOICES)?;
            SettingKind::Choice(choices.into_iter().map(|choice| line("choice", choice)).collect::<Parsed<_>>()?)
        }
        wit::SettingKind::Duration => SettingKind::Duration,
        wit::SettingKind::Chatter => SettingKind::Chatter,
        wit::SettingKind::Secret => SettingKind::Secret,
        wit::SettingKind::Other(kind) => SettingKind::Other(line("kind", kind)?),
    })
}

/// Returns the default in the spelling in which a changed value would be stored. A module cannot know a secret or a
/// chatter, so these have no default.
fn parse_default(key: &str, kind: &SettingKind, default: String) -> Parsed<String> {
    if matches!(kind, SettingKind::Secret | SettingKind::Chatter) {
        return if default.is_empty() { Ok(default) } else { wrong(format!("setting {key} can have no default")) };
    }
    check_value(kind, &default).map_err(|valid| ParseInfoError(format!("the default of {key} should be {valid}")))
}

fn parse_hosts(hosts: Vec<String>) -> Parsed<Vec<String>> {
    at_most("web hosts", &hosts, MOST_HOSTS)?;
    match hosts.iter().find(|host| !is_host(host)) {
        Some(host) => wrong(format!("{}: a web host is a name such as api.example.com", quote(host))),
        None => Ok(hosts),
    }
}

/// Whether `host` is a name with a dot, so neither an address nor a machine of the local network.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(is_label)
        && last.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined() -> Examined {
        Examined {
            digest: ModuleDigest([0; 32]),
            source: ModuleSource::Uploaded,
            size: SizeClass::Small,
            component_bytes: 8,
        }
    }

    fn command(name: &str, aliases: &[&str]) -> wit::CommandInfo {
        wit::CommandInfo {
            name: name.into(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            usage: "[@chatter]".into(),
            summary: "rolls".into(),
            role: wit::Role::Vip,
            channel_cooldown_ms: 5000,
            chatter_cooldown_ms: 0,
            details: Vec::new(),
        }
    }

    fn setting(key: &str, kind: wit::SettingKind, default: &str) -> wit::SettingInfo {
        wit::SettingInfo { key: key.into(), summary: "faces".into(), kind, default: default.into() }
    }

    fn info() -> wit::ModuleInfo {
        wit::ModuleInfo {
            name: "dice".into(),
            version: "1.2.3".into(),
            summary: "dice".into(),
            commands: vec![command("Roll", &["r", "Würfel"])],
            timers: Vec::new(),
            events: Vec::new(),
            settings: vec![setting("faces", wit::SettingKind::Integer(wit::Range { least: 2, most: 100 }), "06")],
            http_hosts: vec!["api.example.com".into()],
            details: Vec::new(),
        }
    }

    #[track_caller]
    fn refuses(change: impl FnOnce(&mut wit::ModuleInfo), why: &str) {
        let mut info = info();
        change(&mut info);
        let error = parse_info(info, examined(), Vec::new()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_good_module_becomes_a_manifest() {
        let manifest = parse_info(info(), examined(), Vec::new()).unwrap();
        let command = &manifest.commands[0];
        assert_eq!((&*command.name, command.aliases.as_slice()), ("roll", ["r".into(), "würfel".into()].as_slice()));
        assert_eq!(command.channel_cooldown, Duration::from_secs(5));
        assert_eq!(manifest.settings[0].default, "6");
    }

    #[test]
    fn names_and_texts_are_checked() {
        refuses(|info| info.name = "Dice!".into(), "\"Dice!\": a module's name");
        refuses(|info| info.name = "a".repeat(1 << 20), &format!("\"{}\":", "a".repeat(64)));
        refuses(|info| info.version = "one".into(), "version");
        refuses(|info| info.version = format!("1.2.3-{}", "a".repeat(100)), "too long");
        refuses(|info| info.summary = "two\nlines".into(), "one line");
        refuses(|info| info.summary = "a".repeat(201), "one line");
        refuses(|info| info.summary = "safe \u{202e}efas\u{202c}".into(), "one line");
        refuses(|info| info.summary = "two\u{2028}lines".into(), "one line");
        refuses(|info| info.commands[0].usage = "\u{7}".into(), "one line");
    }

    #[test]
    fn words_are_words_and_there_once() {
        refuses(|info| info.commands[0].name = "two words".into(), "command \"two words\": a command word");
        refuses(|info| info.commands[0].name = String::new(), "command word");
        refuses(|info| info.commands.push(command("dice", &["R"])), "\"r\" is there twice");
    }

    #[test]
    fn counts_are_bounded() {
        let many = |count| (0..count).map(|number| format!("word{number}")).collect::<Vec<_>>();
        refuses(
            |info| info.commands = many(33).iter().map(|name| command(name, &[])).collect(),
            "more than 32 commands",
        );
        refuses(|info| info.commands[0].aliases = many(9), "more than 8 aliases");
        refuses(|info| info.http_hosts = vec!["a.example".into(); 17], "more than 16 web hosts");
    }

    #[test]
    fn settings_have_keys_of_their_own_and_defaults_of_their_kind() {
        use wit::SettingKind::{Boolean, Chatter, Choice, Integer, Secret};
        refuses(|info| info.settings.push(setting("roll.role", Boolean, "true")), "\"roll.role\": a setting's key is");
        refuses(|info| info.settings.push(setting("faces", Boolean, "true")), "\"faces\" is there twice");
        refuses(|info| info.settings[0].default = "101".into(), "default of faces");
        refuses(|info| info.settings[0].kind = Integer(wit::Range { least: 2, most: 1 }), "no integer");
        refuses(|info| info.settings.push(setting("key", Secret, "hunter2")), "can have no default");
        refuses(|info| info.settings.push(setting("who", Chatter, "@bob")), "can have no default");
        refuses(|info| info.settings.push(setting("colour", Choice(vec!["red".into()]), "blue")), "default of colour");
    }

    #[test]
    fn what_the_host_cannot_do_is_not_promised() {
        refuses(|info| info.events = vec!["raid".into()], "commands only");
    }

    #[test]
    fn web_hosts_are_public_names() {
        for good in ["api.example.com", "xn--bcher-kva.example", "a1.co"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "localhost",
            "10.0.0.1",
            "example.com.",
            "*.example.com",
            "https://a.com",
            "a.com:80",
            "A.com",
            "-a.com",
            "",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
