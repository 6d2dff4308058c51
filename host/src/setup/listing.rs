//! Listings of a set-up: a chatter's commands for `!help`, and modules and their settings for `!settings`.

use std::time::SystemTime;

use super::change::{SettingsError, module_named};
use super::channel::ChannelSetup;
use super::module::ModuleSetup;
use super::overrides::CommandKey;
use super::words::Target;
use crate::domain::id::ModuleName;
use crate::domain::manifest::SettingKind;
use crate::domain::role::Role;

/// A command as help shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Without the prefix.
    pub name: Box<str>,
    pub aliases: Vec<Box<str>>,
    pub usage: String,
    pub summary: String,
    pub module: ModuleName,
    pub role: Role,
}

/// A module as `!settings` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleState {
    pub name: ModuleName,
    pub version: semver::Version,
    pub enabled: bool,
    /// The names of declared commands.
    pub commands: Vec<Box<str>>,
}

/// A setting as `!settings` shows it; the value of a secret is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingLine {
    pub key: String,
    pub value: String,
    pub summary: String,
}

/// The commands that a chatter of this role may use here, by name, each once.
pub fn list_available(setup: &ChannelSetup, role: Role, now: SystemTime) -> Vec<Listing> {
    let mut listings: Vec<Listing> = setup
        .words()
        .commands()
        .filter(|(_, target)| role >= target.command.role && !target.module.is_blown(now))
        .map(|(word, target)| listing(setup, word, &target))
        .collect();
    listings.sort_by(|one, other| one.name.cmp(&other.name));
    listings
}

/// The command that a chatter of this role may call by `word`: a name or an alias, in any case.
pub fn find_listing(setup: &ChannelSetup, role: Role, word: &str, now: SystemTime) -> Option<Listing> {
    let word = word.to_lowercase();
    let target = setup.find_word(&word)?;
    let first = target.module.words_here(target.command).next()?;
    (role >= target.command.role && !target.module.is_blown(now)).then(|| listing(setup, first, &target))
}

/// Every module of the host, by name. A module that is switched on but does not answer, because it broke too often
/// or lacks a grant, is listed as off.
pub fn list_modules(setup: &ChannelSetup, now: SystemTime) -> Vec<ModuleState> {
    let state = |module: &ModuleSetup| ModuleState {
        name: module.manifest.name.clone(),
        version: module.manifest.version.clone(),
        enabled: module.is_answering(now),
        commands: module.manifest.commands.iter().map(|command| command.name.clone()).collect(),
    };
    setup.modules().map(state).collect()
}

/// The declared settings of a module, then the host's own keys for each of its commands.
pub fn list_settings(setup: &ChannelSetup, name: &str) -> Result<Vec<SettingLine>, SettingsError> {
    module_named(setup, name).map(settings_of)
}

/// Omits words that another module answers to: they do not call this command here.
fn listing(setup: &ChannelSetup, word: &str, target: &Target<'_>) -> Listing {
    let Target { module, command } = target;
    let is_ours = |alias: &str| setup.find_word(alias).is_some_and(|there| there.command.name == command.name);
    let others = module.words_here(command).filter(|alias| &***alias != word);
    Listing {
        name: word.into(),
        aliases: others.filter(|alias| is_ours(alias)).cloned().collect(),
        usage: command.usage.clone(),
        summary: command.summary.clone(),
        module: module.manifest.name.clone(),
        role: command.role,
    }
}

fn settings_of(module: &ModuleSetup) -> Vec<SettingLine> {
    let declared = module.manifest.settings.iter().map(|setting| SettingLine {
        key: setting.key.clone(),
        value: match setting.kind {
            SettingKind::Secret => String::new(),
            SettingKind::Boolean => if module.value_of(setting) == "true" { "on" } else { "off" }.to_owned(),
            _ => module.value_of(setting).to_owned(),
        },
        summary: setting.summary.clone(),
    });
    let host_keys = module.commands().flat_map(|command| {
        let effective = module.with_overrides(command);
        // A command's aliases are a setting only once they are overridden: `!help` shows the author's.
        let is_shown =
            |key: &CommandKey| *key != CommandKey::Aliases || module.settings.contains_key(&key.of(&command.name));
        CommandKey::ALL.into_iter().filter(is_shown).map(move |key| SettingLine {
            key: key.of(&command.name),
            value: key.show(&effective),
            summary: key.summary().to_owned(),
        })
    });
    declared.chain(host_keys).collect()
}

/// As people type it.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sample::{channel_setup, module, running, settings_module};
    use super::*;
    use crate::domain::fuse::BlownFuse;
    use crate::domain::manifest::{Capability, Manifest, ModuleSource};
    use crate::testing::{command, manifest, setting};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn names(setup: &ChannelSetup, role: Role) -> Vec<String> {
        list_available(setup, role, NOW).into_iter().map(|listing| listing.name.into()).collect()
    }

    #[test]
    fn help_lists_what_a_chatter_may_use() {
        let mut zoo = module("zoo", &["zebra", "ape"]);
        zoo.settings.insert("ape.role".to_owned(), "vip".to_owned());
        let setup = channel_setup([settings_module(), zoo]);
        assert_eq!(names(&setup, Role::Everyone), ["zebra"]);
        assert_eq!(names(&setup, Role::Vip), ["ape", "zebra"]);
        assert_eq!(names(&setup, Role::Broadcaster), ["ape", "settings", "zebra"]);
        assert_eq!(find_listing(&setup, Role::Everyone, "ape", NOW), None);
        assert_eq!(find_listing(&setup, Role::Vip, "APE", NOW).map(|listing| listing.role), Some(Role::Vip));
    }

    #[test]
    fn help_lists_no_command_that_does_not_answer() {
        let off = ModuleSetup { is_enabled: false, ..module("off", &["off"]) };
        let mut bank = running(manifest("bank", vec![command("bank")], Vec::new()));
        bank.grants.capabilities.clear();
        let mut asking = (*bank.manifest).clone();
        asking.capabilities = vec![Capability::Payments];
        bank.manifest = asking.into();
        assert!(list_available(&channel_setup([off, bank]), Role::Broadcaster, NOW).is_empty());
    }

    #[test]
    fn a_module_is_on_where_it_answers() {
        let uploaded = |name: &str| {
            let mut module = module(name, &[name]);
            module.manifest = Manifest { source: ModuleSource::Uploaded, ..(*module.manifest).clone() }.into();
            module
        };
        let blown = |name: &str, until: Option<SystemTime>| {
            let module = uploaded(name);
            let blown = BlownFuse { digest: module.manifest.digest, until, times: 1, is_over: false };
            ModuleSetup { blown: Some(blown), ..module }
        };
        let later = NOW + Duration::from_secs(600);
        let mut asking = uploaded("asking");
        asking.manifest = Manifest { capabilities: vec![Capability::Payments], ..(*asking.manifest).clone() }.into();
        let off = ModuleSetup { is_enabled: false, ..uploaded("off") };
        let setup = channel_setup([uploaded("on"), off, blown("broke", None), blown("pausing", Some(later)), asking]);
        let on = |now| {
            let modules = list_modules(&setup, now).into_iter().filter(|module| module.enabled);
            modules.map(|module| module.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((on(NOW), on(later)), (vec!["on".to_owned()], vec!["on".to_owned(), "pausing".to_owned()]));
    }

    #[test]
    fn a_word_is_listed_once() {
        let mut first = command("roll");
        first.aliases = vec!["dice".into(), "d".into()];
        let mut second = command("dice");
        second.aliases = vec!["d".into(), "die".into()];
        let setup = channel_setup([
            running(manifest("a", vec![first], Vec::new())),
            running(manifest("b", vec![second], Vec::new())),
            module("c", &["roll"]),
        ]);
        let listed = list_available(&setup, Role::Everyone, NOW);
        let listed: Vec<_> = listed.iter().map(|listing| (&*listing.name, listing.aliases.as_slice())).collect();
        assert_eq!(listed, [("roll", &["dice".into(), "d".into()][..])]);
    }

    #[test]
    fn settings_are_shown_without_secrets() {
        let declared = vec![
            setting("sides", SettingKind::Text, "6"),
            setting("key", SettingKind::Secret, ""),
            setting("loaded", SettingKind::Boolean, "false"),
        ];
        let mut dice = running(manifest("dice", vec![command("roll")], declared));
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        dice.settings.insert("key".to_owned(), "hunter2".to_owned());
        dice.settings.insert("roll.cooldown".to_owned(), "5s".to_owned());
        assert_eq!(dice.resolved_settings(), [("sides", "6"), ("loaded", "false")].map(pair));
        let lines = list_settings(&channel_setup([dice]), "dice").unwrap();
        let shown: Vec<_> = lines.iter().map(|line| (line.key.as_str(), line.value.as_str())).collect();
        let host_keys = [("roll.role", "everyone"), ("roll.cooldown", "5s"), ("roll.chatter-cooldown", "0s")];
        assert_eq!(shown, [&[("sides", "6"), ("key", ""), ("loaded", "off")][..], &host_keys].concat());
    }
}
