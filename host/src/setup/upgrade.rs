//! Applies a channel's consent to an uploaded module, and compares what two of its versions ask for, given the
//! channel's settings of it. Pure.

use std::sync::Arc;

use super::module::ModuleSetup;
use super::value::check_value;
use crate::domain::id::{ChannelId, ModuleName};
use crate::domain::manifest::{Capability, Command, Grants, Manifest, SettingKind, SizeClass};
use crate::domain::span::show_span;
use crate::domain::version::{UploadedModule, UploadedVersion};
use crate::modules::catalogue::{Catalogue, CatalogueEntry};
use crate::modules::consent::{Consent, ModuleInChannel};

/// Moves to the version that is due in `channel`. A module that the host does not have stays unchanged.
pub(super) fn follow(setup: &mut ModuleSetup, catalogue: &Catalogue, name: &ModuleName, channel: ChannelId) {
    match catalogue.find(name) {
        Some(CatalogueEntry::Fixed(manifest)) => {
            setup.manifest = manifest.clone();
            setup.grants = Grants::all(manifest);
        }
        Some(CatalogueEntry::Uploaded(uploaded)) => {
            settle(setup, uploaded, channel);
            setup.is_barred = catalogue.bars(&setup.manifest);
        }
        None => {}
    }
}

/// Calls `ask` with the channel's consent and with the module as this channel sees it.
pub(super) fn consult<T>(
    setup: &ModuleSetup,
    module: &UploadedModule,
    channel: ChannelId,
    ask: impl FnOnce(&Consent, ModuleInChannel<'_>) -> T,
) -> T {
    let compare = |before: &Manifest, after: &Manifest| differences(before, after, setup);
    ask(&setup.consent, ModuleInChannel { module, channel, compare: &compare })
}

/// Settles on the version that runs in `channel`, and on the one that waits.
pub(super) fn settle(setup: &mut ModuleSetup, module: &UploadedModule, channel: ChannelId) {
    if let Some(settled) = consult(setup, module, channel, |consent, at| consent.settle(at)) {
        setup.take(settled);
    }
}

/// Explains why another version than the pinned one is here, or none, if that is because versions are withdrawn.
pub fn describe_withdrawn(setup: &ModuleSetup, module: &UploadedModule) -> Option<String> {
    if module.versions.iter().all(UploadedVersion::is_withdrawn) {
        return Some("every version is withdrawn: it is back when one is restored, or a new one is brought".to_owned());
    }
    let pinned = setup.consent.pinned.as_ref()?;
    if module.find_version(pinned).is_some_and(|version| !version.is_withdrawn()) {
        return None;
    }
    let instead = match setup.may_run {
        true => format!("{}, the nearest one, takes its place", setup.manifest.version),
        false => "no other one may run here".to_owned(),
    };
    Some(format!("version {pinned} is withdrawn: {instead} until it is restored"))
}

/// All that `after` asks for and `before` does not, in words, for a channel without settings of its own.
pub fn list_further_requests(before: &Arc<Manifest>, after: &Manifest) -> Vec<String> {
    differences(before, after, &ModuleSetup::new(before.clone()))
}

/// All that `after` asks for and `before` does not, in words, for a channel with the module's stored settings.
pub(super) fn differences(before: &Manifest, after: &Manifest, module: &ModuleSetup) -> Vec<String> {
    let is_new = |capability: &&Capability| capability.needs_grant() && !before.requests(**capability);
    let capabilities = after.capabilities.iter().filter(is_new);
    let mut asks: Vec<String> = capabilities.map(|name| format!("it asks for the capability {name}")).collect();
    let hosts = after.http_hosts.iter().filter(|host| !before.http_hosts.contains(host));
    asks.extend(hosts.map(|host| format!("it asks for the web host {host}")));
    if after.size == SizeClass::Large && before.size != SizeClass::Large {
        asks.push("it is of the size class large".to_owned());
    }
    let mut looser = Vec::new();
    compare_commands(&list_declared(before), &list_declared(after), &mut looser);
    // A creator's role, cooldowns and words are of one command; a command that takes its place has none of them.
    if !module.settings.is_empty() {
        compare_commands(&list_here(before, module), &list_here(after, module), &mut looser);
    }
    asks.extend(looser.into_iter().map(|(subject, change)| subject + &change));
    let stored = module.settings.iter().filter(|(key, value)| is_rejected(before, after, key, value));
    asks.extend(stored.map(|(key, _)| format!("it does not take the value that {key} has here")));
    asks
}

/// A command, and the words that call it.
struct Offer {
    words: Vec<Box<str>>,
    command: Arc<Command>,
}

fn list_declared(version: &Manifest) -> Vec<Offer> {
    let offer = |command: &Arc<Command>| Offer { words: command.words().cloned().collect(), command: command.clone() };
    version.commands.iter().map(offer).collect()
}

/// The commands with the channel's overrides.
fn list_here(version: &Manifest, module: &ModuleSetup) -> Vec<Offer> {
    let offer = |command: &Arc<Command>| {
        let command = module.with_overrides(command);
        Offer { words: module.words_here(&command).cloned().collect(), command }
    };
    version.commands.iter().map(offer).collect()
}

/// A sentence in two parts: which word or property of a command, and its new value.
type Loosening = (String, String);

/// Adds whatever more chatters may use, or use more often; of each subject only the first finding.
fn compare_commands(before: &[Offer], after: &[Offer], found: &mut Vec<Loosening>) {
    for (subject, change) in after.iter().flat_map(|offer| compare_command(before, offer)) {
        if !found.iter().any(|(there, _)| *there == subject) {
            found.push((subject, change));
        }
    }
}

/// Compares a command with the commands that its words called before.
fn compare_command(before: &[Offer], Offer { words, command }: &Offer) -> Vec<Loosening> {
    let (mut found, mut earlier) = (Vec::new(), Vec::new());
    for word in words {
        match before.iter().find(|offer| offer.words.contains(word)) {
            Some(there) => earlier.push(&there.command),
            None => found.push((format!("it answers to the word {word}"), String::new())),
        }
    }
    let (name, role) = (&command.name, command.role);
    if let Some(before) = earlier.iter().map(|there| there.role).max().filter(|before| *before > role) {
        found.push((format!("{name} is for "), format!("{role}, and was for {before}")));
    }
    let cooldowns = |command: &Command| {
        [("the cooldown", command.channel_cooldown), ("a chatter's cooldown", command.chatter_cooldown)]
    };
    for (number, (what, after)) in cooldowns(command).into_iter().enumerate() {
        let before = earlier.iter().map(|there| cooldowns(there)[number].1).max();
        if let Some(before) = before.filter(|before| *before > after) {
            let change = format!("{}, and was {}", show_span(after), show_span(before));
            found.push((format!("{what} of {name} is "), change));
        }
    }
    found
}

/// Whether a stored value was valid before and is no longer.
fn is_rejected(before: &Manifest, after: &Manifest, key: &str, value: &str) -> bool {
    match (before.find_setting(key), after.find_setting(key)) {
        // A key of the host's own, or a value of a still older version.
        (None, _) => false,
        (Some(_), None) => true,
        // A stored secret must not become visible because the author changed the setting's kind.
        (Some(before), Some(after)) if before.kind == SettingKind::Secret => after.kind != SettingKind::Secret,
        (Some(_), Some(after)) => check_value(&after.kind, value).is_err(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::ModuleDigest;
    use crate::domain::manifest::{Grants, ModuleSource};
    use crate::domain::role::Role;
    use crate::domain::version::Canary;
    use crate::testing::{command, manifest, name, setting};

    const SHOP: ChannelId = ChannelId(100);

    fn version(number: u8, capabilities: Vec<Capability>, is_withdrawn: bool) -> UploadedVersion {
        let manifest = Manifest {
            source: ModuleSource::Uploaded,
            digest: ModuleDigest([number; 32]),
            version: semver::Version::new(number.into(), 0, 0),
            capabilities,
            ..manifest("dice", vec![command("roll")], Vec::new())
        };
        let withdrawn_at = is_withdrawn.then_some(SystemTime::UNIX_EPOCH);
        let manifest = Arc::new(manifest);
        UploadedVersion { manifest, uploaded_at: SystemTime::UNIX_EPOCH, uploaded_by: None, withdrawn_at }
    }

    fn dice(versions: Vec<UploadedVersion>, canary: Option<Canary>) -> UploadedModule {
        UploadedModule { name: name("dice"), publisher: None, versions, canary, was_latest: None }
    }

    /// A channel that has accepted this version, and settled.
    fn settled(module: &UploadedModule, accepted: usize, pinned: Option<u64>) -> ModuleSetup {
        let accepted = &module.versions[accepted].manifest;
        let mut setup = ModuleSetup::new(accepted.clone());
        setup.consent.accepted = Some(accepted.digest);
        setup.consent.granted.insert(accepted.digest, Grants::all(accepted));
        setup.consent.pinned = pinned.map(|major| semver::Version::new(major, 0, 0));
        settle(&mut setup, module, SHOP);
        setup
    }

    fn capabilities() -> impl Strategy<Value = Vec<Capability>> {
        proptest::sample::subsequence(vec![Capability::Clock, Capability::Http, Capability::Storage], 0..=3)
    }

    proptest! {
        #[test]
        fn what_runs_is_the_highest_that_was_granted(
            versions in proptest::collection::vec((capabilities(), any::<bool>()), 1..6),
            accepted in any::<prop::sample::Index>(),
        ) {
            let versions = (0_u8..).zip(versions).map(|(number, (asks, is_off))| version(number, asks, is_off));
            let module = dice(versions.collect(), None);
            let accepted = accepted.index(module.versions.len());
            let setup = settled(&module, accepted, None);
            let grants = Grants::all(&module.versions[accepted].manifest);
            let on_air: Vec<_> = module.versions.iter().filter(|version| !version.is_withdrawn()).collect();
            let expected = on_air.iter().rev().find(|version| grants.suffice_for(&version.manifest));
            prop_assert_eq!(setup.may_run, expected.is_some());
            if let Some(expected) = expected {
                prop_assert_eq!(&setup.manifest, &expected.manifest);
                prop_assert_eq!(&setup.grants, &grants);
            }
            let newest = on_air.last().filter(|newest| !setup.may_run || newest.manifest != setup.manifest);
            prop_assert_eq!(setup.waiting.as_ref().map(|it| &it.manifest), newest.map(|it| &it.manifest));
            prop_assert!(setup.waiting.is_none_or(|waiting| !waiting.asks.is_empty()));
        }
    }

    proptest! {
        #[test]
        fn what_runs_instead_of_a_pinned_version_is_the_nearest_that_was_granted(
            versions in proptest::collection::vec((capabilities(), any::<bool>()), 1..6),
            accepted in any::<prop::sample::Index>(),
            pinned in 0_u64..6,
        ) {
            let versions = (0_u8..).zip(versions).map(|(number, (asks, is_off))| version(number, asks, is_off));
            let module = dice(versions.collect(), None);
            let accepted = accepted.index(module.versions.len());
            let setup = settled(&module, accepted, Some(pinned));
            let grants = Grants::all(&module.versions[accepted].manifest);
            let on_air = module.versions.iter().filter(|version| !version.is_withdrawn());
            let allowed = on_air.filter(|version| grants.suffice_for(&version.manifest));
            let numbers: Vec<u64> = allowed.map(|version| version.manifest.version.major).collect();
            let below = numbers.iter().rev().find(|number| **number <= pinned);
            let expected = below.or_else(|| numbers.iter().find(|number| **number > pinned));
            prop_assert_eq!(setup.may_run.then_some(&setup.manifest.version.major), expected);
        }
    }

    #[test]
    fn a_pin_and_a_canary_come_before_the_highest() {
        let versions = || (1..=3).map(|number| version(number, Vec::new(), false)).collect::<Vec<_>>();
        let canary = |channel| Some(Canary { version: semver::Version::new(3, 0, 0), channels: [channel].into() });
        let running = |module: &UploadedModule, pinned| settled(module, 0, pinned).manifest.version.major;
        let module = dice(versions(), None);
        assert_eq!([running(&module, None), running(&module, Some(2))], [3, 2]);
        let here = dice(versions(), canary(SHOP));
        assert_eq!([running(&here, None), running(&here, Some(1))], [3, 1]);
        assert_eq!(running(&dice(versions(), canary(ChannelId(8))), None), 2);
        // Instead of a withdrawn pin: the nearest version below, and only then the nearest above.
        let without = |numbers: &[usize]| {
            let mut versions = versions();
            numbers.iter().for_each(|number| versions[number - 1].withdrawn_at = Some(SystemTime::UNIX_EPOCH));
            dice(versions, None)
        };
        assert_eq!([running(&without(&[2]), Some(2)), running(&without(&[1]), Some(1))], [1, 2]);
        assert_eq!(running(&without(&[1, 2]), Some(2)), 3);
    }

    #[test]
    fn a_version_that_was_accepted_in_its_time_is_one_to_go_back_to() {
        let module = dice(vec![version(1, vec![Capability::Storage], false), version(2, Vec::new(), true)], None);
        let mut setup = settled(&module, 1, None);
        assert!(!setup.may_run, "it never had the grant of storage");
        let first = &module.versions[0].manifest;
        setup.consent.granted.insert(first.digest, Grants::all(first));
        settle(&mut setup, &module, SHOP);
        assert_eq!((setup.may_run, &setup.manifest), (true, first));
        // Revoking a grant of the accepted version does not bring back an older version.
        let module = dice(vec![module.versions[0].clone(), version(2, vec![Capability::Http], false)], None);
        setup.consent.granted.insert(module.versions[1].manifest.digest, Grants::default());
        settle(&mut setup, &module, SHOP);
        assert!(!setup.may_run);
    }

    #[test]
    fn a_version_that_followed_in_its_time_is_one_to_go_back_to() {
        let asking = |number, capabilities: &[Capability]| version(number, capabilities.to_vec(), false);
        let (storage, http) = (Capability::Storage, Capability::Http);
        // The first was accepted, and the second followed it; the third asks for something else, and was accepted.
        let versions = vec![asking(1, &[storage]), asking(2, &[storage]), asking(3, &[http]), asking(4, &[storage])];
        let module = dice(versions, None);
        let mut setup = settled(&module, 2, None);
        let first = &module.versions[0].manifest;
        setup.consent.granted.insert(first.digest, Grants::all(first));
        for (pinned, expected) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
            setup.consent.pinned = Some(semver::Version::new(pinned, 0, 0));
            settle(&mut setup, &module, SHOP);
            assert_eq!(setup.manifest.version.major, expected, "what is new and asks again is asked about again");
        }
        setup.consent.granted.insert(first.digest, Grants::default());
        setup.consent.pinned = Some(semver::Version::new(2, 0, 0));
        settle(&mut setup, &module, SHOP);
        assert_eq!(setup.manifest.version.major, 3, "taken back from the first is taken back from the second");
    }

    #[test]
    fn each_way_of_asking_for_more_is_found() {
        let seconds = Duration::from_secs;
        let slow = Command {
            role: Role::Vip,
            channel_cooldown: seconds(5),
            chatter_cooldown: seconds(60),
            aliases: vec!["r".into()],
            ..command("roll")
        };
        let declared = vec![setting("sides", SettingKind::Integer { least: 2, most: 100 }, "6")];
        let before =
            Manifest { capabilities: vec![Capability::Clock], ..manifest("dice", vec![slow.clone()], declared) };
        let mut here = ModuleSetup::new(Arc::new(before.clone()));
        here.settings.insert("sides".to_owned(), "50".to_owned());
        here.settings.insert("roll.role".to_owned(), "everyone".to_owned());
        let ask = |change: &dyn Fn(&mut Manifest)| {
            let mut after = before.clone();
            change(&mut after);
            differences(&before, &after, &here).join("; ")
        };
        let with = |command: Command| move |after: &mut Manifest| after.commands = vec![Arc::new(command.clone())];
        assert_eq!(ask(&|after| after.capabilities.push(Capability::Random)), "");
        assert_eq!(ask(&|after| after.capabilities.push(Capability::Http)), "it asks for the capability http");
        assert_eq!(ask(&|after| after.http_hosts.push("a.example".into())), "it asks for the web host a.example");
        assert_eq!(ask(&|after| after.size = SizeClass::Large), "it is of the size class large");
        assert_eq!(ask(&|after| after.commands.push(Arc::new(command("dice")))), "it answers to the word dice");
        let open = Command { role: Role::Everyone, ..slow.clone() };
        assert_eq!(ask(&with(open)), "roll is for everyone, and was for vip");
        let quick = Command { channel_cooldown: seconds(4), chatter_cooldown: seconds(1), ..slow.clone() };
        let told = "the cooldown of roll is 4s, and was 5s; a chatter's cooldown of roll is 1s, and was 1m";
        assert_eq!(ask(&with(quick)), told);
        // The alias became a command of its own, for everyone.
        assert_eq!(
            ask(&with(Command { chatter_cooldown: seconds(60), channel_cooldown: seconds(5), ..command("r") })),
            "r is for everyone, and was for vip"
        );
        let rejects = "it does not take the value that sides has here";
        assert_eq!(ask(&|after| after.settings[0].kind = SettingKind::Integer { least: 2, most: 20 }), rejects);
        assert_eq!(ask(&|after| after.settings.clear()), rejects);
        assert_eq!(ask(&|after| after.settings[0].kind = SettingKind::Secret), rejects);
        assert_eq!(ask(&|after| after.settings.push(setting("more", SettingKind::Text, ""))), "");
        assert_eq!(ask(&with(Command { role: Role::Moderator, ..slow })), "");
    }

    #[test]
    fn what_a_creator_closed_is_not_opened_by_another_name_of_the_command() {
        let roll = Command { aliases: vec!["r".into()], ..command("roll") };
        let before = manifest("dice", vec![roll], Vec::new());
        let turned = Command { aliases: vec!["roll".into()], ..command("r") };
        let after = Manifest { commands: vec![Arc::new(turned)], ..before.clone() };
        let ask = |settings: &[(&str, &str)]| {
            let mut here = ModuleSetup::new(Arc::new(before.clone()));
            here.settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            differences(&before, &after, &here)
        };
        assert!(ask(&[]).is_empty());
        assert_eq!(ask(&[("roll.role", "moderator")]), ["r is for everyone, and was for moderator"]);
        assert_eq!(ask(&[("roll.cooldown", "1m")]), ["the cooldown of r is 0s, and was 1m"]);
        // Here the command left its words to another module.
        let words = ["it answers to the word r", "it answers to the word roll"];
        assert_eq!(ask(&[("roll.aliases", "cube")]), words);
        assert_eq!(ask(&[("roll.aliases", "roll r"), ("r.aliases", "r"), ("roll.role", "everyone")]), [""; 0]);
    }
}
