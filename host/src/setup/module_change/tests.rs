//! Tests of wanted states of modules against a catalogue.

use std::sync::Arc;
use std::time::Duration;

use super::super::defaults::{Defaults, NewChannelRules};
use super::super::overrides::CommandKey;
use super::super::sample::channel_setup;
use super::roll_back::check_roll_back;
use super::*;
use crate::domain::fuse::BlownFuse;
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Capability, Command, Manifest, ModuleSource, SizeClass};
use crate::domain::role::Role;
use crate::domain::version::{UploadedModule, UploadedVersion};
use crate::modules::catalogue::Catalogue;
use crate::testing::{command, manifest, name, setting};

pub(super) fn dice(version: &str, digest: u8) -> Manifest {
    let sides = setting("sides", SettingKind::Integer { least: 2, most: 100 }, "6");
    let key = setting("key", SettingKind::Secret, "");
    Manifest {
        source: ModuleSource::Uploaded,
        digest: ModuleDigest([digest; 32]),
        version: version.parse().unwrap(),
        ..manifest("dice", vec![command("roll")], vec![sides, key])
    }
}

fn asking(capabilities: &[Capability]) -> Manifest {
    Manifest { capabilities: capabilities.to_vec(), ..dice("1.0.0", 1) }
}

/// A channel of a host with these versions of `dice`, and the bundled `settings`, `other` (off) and `pay` (on).
pub(super) fn shop(versions: impl IntoIterator<Item = Manifest>) -> ChannelSetup {
    let bundled = |name: &str| manifest(name, vec![command(name)], Vec::new());
    let configured = Manifest { source: ModuleSource::Configured, ..bundled("pay") };
    let fixed = [bundled("settings"), bundled("other"), configured];
    let add = |catalogue: Catalogue, manifest| catalogue.with_fixed(Arc::new(manifest)).unwrap();
    let catalogue = fixed.into_iter().fold(Catalogue::default(), add);
    let version = |manifest| UploadedVersion {
        manifest: Arc::new(manifest),
        uploaded_at: std::time::SystemTime::UNIX_EPOCH,
        uploaded_by: None,
        withdrawn_at: None,
    };
    let versions = versions.into_iter().map(version).collect();
    let uploaded = UploadedModule { name: name("dice"), publisher: None, versions, canary: None, was_latest: None };
    with(&channel_setup([]), catalogue.with_uploaded([uploaded]))
}

/// The channel on a host with other modules.
pub(super) fn with(setup: &ChannelSetup, catalogue: Catalogue) -> ChannelSetup {
    setup.with_defaults(&Arc::new(Defaults::new(Arc::new(catalogue), NewChannelRules::Essentials)))
}

pub(super) fn on() -> ModuleChange {
    ModuleChange { enabled: true, ..ModuleChange::default() }
}

fn granting(capabilities: &[Capability]) -> ModuleChange {
    ModuleChange { grants: Some(Grants { capabilities: capabilities.to_vec(), ..Grants::default() }), ..on() }
}

fn terms(values: &[(CommandKey, &str)]) -> CommandTerms {
    values.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
}

/// The channel after the change. Asserts that the same change again plans nothing.
#[track_caller]
pub(super) fn after(setup: &ChannelSetup, by: Powers, change: &ModuleChange) -> ChannelSetup {
    let effects = check_module_change(setup, by, &name("dice"), change).unwrap();
    let after = effects.iter().fold(setup.clone(), |setup, effect| setup.apply(effect));
    assert_eq!(check_module_change(&after, by, &name("dice"), change), Ok(Vec::new()));
    after
}

#[track_caller]
fn refused(setup: &ChannelSetup, by: Powers, change: &ModuleChange) -> String {
    check_module_change(setup, by, &name("dice"), change).unwrap_err().to_string()
}

#[test]
fn an_upload_that_needs_no_grant_is_simply_enabled() {
    let shop = shop([dice("1.0.0", 1)]);
    assert!(shop.find_word("roll").is_none());
    let on = after(&shop, Powers::Creator, &on());
    assert!(on.find_word("roll").is_some());
    let off = after(&on, Powers::Creator, &ModuleChange::default());
    assert!(off.find_word("roll").is_none());
}

#[test]
fn a_creator_grants_what_stays_in_the_channel_and_the_operator_all() {
    use Capability::{Http, Log, Payments, Storage, Treasury};
    let shop = shop([asking(&[Http, Log, Payments, Storage, Treasury])]);
    let all = granting(&[Http, Payments, Storage, Treasury]);
    assert_eq!(refused(&shop, Powers::Creator, &all), "only the operator grants http, treasury");
    let some = granting(&[Payments, Storage]);
    assert_eq!(refused(&shop, Powers::Creator, &some), "it does not run without a grant of http, treasury");
    assert_eq!(
        refused(&shop, Powers::Creator, &on()),
        "it does not run without a grant of http, payments, storage, treasury"
    );
    assert_eq!(refused(&shop, Powers::Operator, &granting(&[Capability::Words])), "it does not ask for words");
    // The operator grants his part beforehand, and the creator the rest.
    let prepared = after(&shop, Powers::Operator, &ModuleChange { enabled: false, ..granting(&[Treasury, Http]) });
    assert!(prepared.find_word("roll").is_none());
    let on = after(&prepared, Powers::Creator, &all);
    assert!(on.find_word("roll").is_some());
    let revoked = after(&on, Powers::Creator, &ModuleChange { enabled: false, ..granting(&[]) });
    assert_eq!(refused(&revoked, Powers::Creator, &all), "only the operator grants http, treasury");
}

#[test]
fn the_large_class_and_web_hosts_are_the_operators() {
    let large = shop([Manifest { size: SizeClass::Large, ..dice("1.0.0", 1) }]);
    assert_eq!(refused(&large, Powers::Creator, &on()), "only the operator grants the size class large");
    assert!(after(&large, Powers::Operator, &on()).find_word("roll").is_some());
    let host = |host: &str| Manifest { http_hosts: vec![host.to_owned()], ..asking(&[Capability::Http]) };
    let moved = Manifest { digest: ModuleDigest([2; 32]), version: "2.0.0".parse().unwrap(), ..host("b.example.com") };
    let shop = shop([host("a.example.com"), moved]);
    let web = |host: &str| {
        let http_hosts = vec![host.to_owned()];
        Some(Grants { capabilities: vec![Capability::Http], http_hosts, ..Grants::default() })
    };
    let pinned = ModuleChange { pinned: Some("1.0.0".parse().unwrap()), grants: web("a.example.com"), ..on() };
    let pinned = after(&shop, Powers::Operator, &pinned);
    let accept = Some("2.0.0".parse().unwrap());
    let upgrade = ModuleChange { accept: accept.clone(), grants: web("b.example.com"), ..on() };
    let elsewhere = ModuleChange { accept, grants: web("c.example.com"), ..on() };
    assert_eq!(refused(&pinned, Powers::Operator, &elsewhere), "it does not ask for the web host c.example.com");
    assert_eq!(refused(&pinned, Powers::Creator, &upgrade), "only the operator grants the web host b.example.com");
    assert!(check_module_change(&pinned, Powers::Operator, &name("dice"), &upgrade).is_ok());
}

#[test]
fn what_is_left_out_is_as_the_author_made_it() {
    let shop = shop([dice("1.0.0", 1)]);
    let roll = terms(&[(CommandKey::Role, "vip"), (CommandKey::Cooldown, "90s"), (CommandKey::Aliases, "Würfel w")]);
    let full = ModuleChange {
        settings: [("sides".to_owned(), "020".to_owned())].into(),
        commands: [("roll".to_owned(), roll)].into(),
        ..on()
    };
    let set = after(&shop, Powers::Creator, &full);
    let target = set.find_word("w").unwrap();
    assert_eq!((target.command.role, target.command.channel_cooldown), (Role::Vip, Duration::from_secs(90)));
    assert!(set.find_word("roll").is_none() && set.find_word("würfel").is_some());
    assert_eq!(target.module.resolved_settings(), [("sides".to_owned(), "20".to_owned())]);
    let bare = after(&set, Powers::Creator, &on());
    assert!(bare.find_word("roll").is_some() && bare.find_word("w").is_none());
    assert!(bare.find_module(&name("dice")).unwrap().settings.is_empty());
}

#[test]
fn every_problem_is_named_with_its_key() {
    let shop = shop([dice("1.0.0", 1)]);
    let settings = [("sides", "1"), ("key", "hunter2"), ("no-such", "1")];
    let roll = terms(&[(CommandKey::Cooldown, "25h")]);
    let change = ModuleChange {
        settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        commands: [("roll".to_owned(), roll), ("no-such-command".to_owned(), CommandTerms::default())].into(),
        ..on()
    };
    let error = check_module_change(&shop, Powers::Operator, &name("dice"), &change).unwrap_err();
    let ModuleChangeError::Invalid(problems) = error else { panic!("{error}") };
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        ["settings.key", "settings.no-such", "settings.sides", "commands.no-such-command", "commands.roll.cooldown"]
    );
}

#[test]
fn a_word_that_is_taken_names_both_modules_and_another_word_solves_it() {
    let shop = shop([Manifest { commands: vec![Arc::new(command("pay"))], ..dice("1.0.0", 1) }]);
    assert_eq!(refused(&shop, Powers::Creator, &on()), "dice would answer to pay, which calls pay here");
    let aliases = terms(&[(CommandKey::Aliases, "give")]);
    let solved = ModuleChange { commands: [("pay".to_owned(), aliases)].into(), ..on() };
    let both = after(&shop, Powers::Creator, &solved);
    let answering = |word| both.find_word(word).unwrap().module.manifest.name.to_string();
    assert_eq!([answering("pay"), answering("give")], ["pay", "dice"]);
    assert_eq!(refused(&both, Powers::Creator, &on()), "dice would answer to pay, which calls pay here");
}

#[test]
fn a_version_is_pinned_and_followed_again() {
    let shop = shop([dice("1.0.0", 1), dice("2.0.0", 2)]);
    let running = |setup: &ChannelSetup| setup.find_word("roll").unwrap().module.manifest.version.major;
    let pinned = ModuleChange { pinned: Some("1.0.0".parse().unwrap()), ..on() };
    let pinned = after(&shop, Powers::Creator, &pinned);
    assert_eq!(running(&pinned), 1);
    assert_eq!(running(&after(&pinned, Powers::Creator, &on())), 2);
    let unknown = ModuleChange { pinned: Some("3.0.0".parse().unwrap()), ..on() };
    assert_eq!(refused(&shop, Powers::Creator, &unknown), "there is no version 3.0.0");
}

#[test]
fn a_blown_fuse_is_restored_by_enabling_again() {
    let on_it_is = after(&shop([dice("1.0.0", 1)]), Powers::Creator, &on());
    let digest = ModuleDigest([1; 32]);
    let blown = on_it_is.apply(&Effect::Module(name("dice"), ModuleEffect::BlowFuse { digest, until: None }));
    assert!(blown.find_word("roll").is_none());
    assert!(after(&blown, Powers::Creator, &on()).find_word("roll").is_some());
    let until = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(60);
    let resting = on_it_is.apply(&Effect::Module(name("dice"), ModuleEffect::BlowFuse { digest, until: Some(until) }));
    let module = resting.find_word("roll").unwrap().module;
    assert_eq!(module.blown, Some(BlownFuse { digest, until: Some(until), times: 1, is_over: false }));
    assert!(module.is_blown(until - Duration::from_secs(1)) && !module.is_blown(until));
}

#[test]
fn what_is_always_on_stays_on_and_what_is_fixed_stays_granted() {
    let shop = shop([]);
    let off = check_module_change(&shop, Powers::Operator, &name("settings"), &ModuleChange::default());
    assert_eq!(off, Err(ModuleChangeError::AlwaysOn(name("settings"))));
    let granted = check_module_change(&shop, Powers::Operator, &name("pay"), &granting(&[Capability::Http]));
    assert_eq!(granted, Err(ModuleChangeError::FixedGrants(name("pay"))));
    assert_eq!(
        check_module_change(&shop, Powers::Operator, &name("dice"), &on()),
        Err(ModuleChangeError::UnknownModule)
    );
    assert!(check_module_change(&shop, Powers::Creator, &name("other"), &on()).is_ok_and(|effects| effects.len() == 1));
}

#[test]
fn what_is_shown_may_be_wanted_and_changes_nothing() {
    let all = [Capability::Http, Capability::Payments, Capability::Storage];
    let host = Manifest { http_hosts: vec!["a.example.com".to_owned()], ..asking(&all) };
    // The later version asks for less, and for another word.
    let roll = Command { aliases: vec!["w".into()], ..command("roll") };
    let later = Manifest {
        commands: vec![Arc::new(roll)],
        ..Manifest { capabilities: vec![Capability::Storage], ..dice("2.0.0", 2) }
    };
    let asks_less = Manifest { commands: host.commands.clone(), ..later.clone() };
    let grants = Grants {
        http_hosts: host.http_hosts.clone(),
        payments: crate::domain::manifest::Caps::unlimited(),
        ..granting(&all).grants.unwrap()
    };
    let roll = terms(&[
        (CommandKey::Role, "vip"),
        (CommandKey::Cooldown, "5s"),
        (CommandKey::ChatterCooldown, "0s"),
        (CommandKey::Aliases, "d"),
    ]);
    let full = ModuleChange {
        grants: Some(grants),
        settings: [("sides".to_owned(), "8".to_owned())].into(),
        commands: [("roll".to_owned(), roll)].into(),
        ..on()
    };
    for next in [later, asks_less] {
        let untouched = shop([host.clone()]);
        let set = after(&untouched, Powers::Operator, &full);
        let grown = set.with_defaults(shop([host.clone(), next]).defaults());
        for setup in [untouched, set, grown] {
            let shown = as_change(setup.find_module(&name("dice")).unwrap());
            assert_eq!(check_module_change(&setup, Powers::Creator, &name("dice"), &shown), Ok(Vec::new()));
        }
    }
}

#[test]
fn a_version_that_waits_runs_only_once_it_is_named() {
    let before = after(&shop([dice("1.0.0", 1)]), Powers::Creator, &on());
    let later = Manifest { capabilities: vec![Capability::Storage], ..dice("2.0.0", 2) };
    let waits = before.with_defaults(shop([dice("1.0.0", 1), later]).defaults());
    let running = |setup: &ChannelSetup| setup.find_word("roll").unwrap().module.manifest.version.major;
    assert_eq!(waits.find_module(&name("dice")).unwrap().list_missing_grants(), [Capability::Storage]);
    assert_eq!(refused(&waits, Powers::Creator, &granting(&[Capability::Storage])), "it does not ask for storage");
    let accept = |version: &str| Some(version.parse().unwrap());
    let named = ModuleChange { accept: accept("2.0.0"), ..granting(&[Capability::Storage]) };
    let other = ModuleChange { accept: accept("3.0.0"), ..named.clone() };
    assert_eq!(refused(&waits, Powers::Creator, &other), "version 3.0.0 is not the one that is due here");
    let agreed = after(&waits, Powers::Creator, &named);
    assert_eq!((running(&waits), running(&agreed)), (1, 2));
    let back = check_roll_back(&agreed, &name("dice"), None, &[]).unwrap();
    let back = back.iter().fold(agreed, |setup, effect| setup.apply(effect));
    assert_eq!(running(&back), 1);
    assert_eq!(check_roll_back(&back, &name("dice"), None, &[]), Err(ConsentError::NothingBefore.into()));
}

#[test]
fn caps_on_what_a_module_pays_out_are_the_operators_and_on_payments_the_creators() {
    use crate::domain::manifest::Caps;
    let shop = shop([asking(&[Capability::Payments, Capability::Treasury])]);
    let with = |payments: Caps, treasury: Caps| {
        let capabilities = vec![Capability::Payments, Capability::Treasury];
        ModuleChange { grants: Some(Grants { capabilities, payments, treasury, http_hosts: Vec::new() }), ..on() }
    };
    let five = Caps { per_day: Some("5".parse().unwrap()), ..Caps::default() };
    let on = after(&shop, Powers::Operator, &with(Caps::default(), five));
    let more = with(Caps::unlimited(), Caps::unlimited());
    assert_eq!(refused(&on, Powers::Creator, &more), "only the operator grants higher caps on treasury");
    after(&on, Powers::Creator, &with(Caps::unlimited(), five));
    after(&on, Powers::Creator, &with(five, Caps::default()));
}

/// A second version of `dice`, with fewer words: consent to it is no consent to the first version.
fn second(capabilities: &[Capability]) -> Manifest {
    Manifest { capabilities: capabilities.to_vec(), ..dice("2.0.0", 2) }
}

/// The first version, which also has a word of its own.
fn first(capabilities: &[Capability]) -> Manifest {
    Manifest { commands: vec![Arc::new(command("roll")), Arc::new(command("throw"))], ..asking(capabilities) }
}

fn stepped_back(setup: &ChannelSetup, to: &str) -> ChannelSetup {
    let effects = check_roll_back(setup, &name("dice"), Some(&to.parse().unwrap()), &[]).unwrap();
    effects.iter().fold(setup.clone(), |setup, effect| setup.apply(effect))
}

#[test]
fn a_version_that_is_gone_back_to_has_no_higher_caps_than_there_are_now() {
    use crate::domain::manifest::Caps;
    let all = [Capability::Payments, Capability::Treasury];
    let with = |payments: &str, treasury: &str| {
        let day = |amount: &str| Caps { per_day: Some(amount.parse().unwrap()), ..Caps::unlimited() };
        let (payments, treasury) = (day(payments), day(treasury));
        ModuleChange {
            grants: Some(Grants { capabilities: all.to_vec(), payments, treasury, http_hosts: Vec::new() }),
            ..on()
        }
    };
    let both = shop([first(&all), second(&all)]);
    let one = ModuleChange { pinned: Some("1.0.0".parse().unwrap()), ..with("100", "1000") };
    let one = after(&both, Powers::Operator, &one);
    // On the second version, the operator raises one of the first version's caps and lowers the other.
    let two = after(&one, Powers::Operator, &with("500", "10"));
    let back = stepped_back(&two, "1.0.0");
    let module = back.find_module(&name("dice")).unwrap();
    assert!(module.may_run && module.manifest.version.major == 1);
    assert_eq!(
        [module.grants.payments.per_day, module.grants.treasury.per_day],
        ["100", "10"].map(|cap| cap.parse().ok())
    );
    assert_eq!(check_module_change(&back, Powers::Creator, &name("dice"), &as_change(module)), Ok(Vec::new()));
    let higher =
        ModuleChange { pinned: as_change(one.find_module(&name("dice")).unwrap()).pinned, ..with("100", "1000") };
    assert_eq!(refused(&back, Powers::Creator, &higher), "only the operator grants higher caps on treasury");
}

#[test]
fn what_was_taken_back_does_not_return_with_an_older_version() {
    use Capability::{Http, Storage};
    let both = shop([first(&[Http, Storage])]);
    let one = after(&both, Powers::Operator, &granting(&[Http, Storage]));
    let two = one.with_defaults(shop([first(&[Http, Storage]), second(&[Storage])]).defaults());
    let running = |setup: &ChannelSetup| setup.find_word("roll").map(|word| word.module.manifest.version.major);
    assert_eq!(running(&two), Some(2), "it asks for no more");
    // Sending back the grants as shown revokes nothing, even if this version asks for less.
    let set = ModuleChange { settings: [("sides".to_owned(), "8".to_owned())].into(), ..granting(&[Http, Storage]) };
    let kept = after(&after(&two, Powers::Creator, &set), Powers::Creator, &granting(&[Storage, Http]));
    assert_eq!(running(&stepped_back(&kept, "1.0.0")), Some(1));
    let taken = after(&two, Powers::Operator, &granting(&[Storage]));
    assert_eq!(running(&taken), Some(2));
    let back = check_roll_back(&taken, &name("dice"), Some(&"1.0.0".parse().unwrap()), &[]);
    assert_eq!(back, Err(ConsentError::NeedsGrant(vec![Http]).into()));
    let pinned = ModuleChange { pinned: Some("1.0.0".parse().unwrap()), ..on() };
    assert_eq!(refused(&taken, Powers::Creator, &pinned), "it does not run without a grant of http");
    // A later version that asks for the revoked capability again does not get it either.
    let third = Manifest { capabilities: vec![Http, Storage], version: "3.0.0".parse().unwrap(), ..dice("3.0.0", 3) };
    let three = taken.with_defaults(shop([first(&[Http, Storage]), second(&[Storage]), third]).defaults());
    assert_eq!(running(&three), Some(2));
}

#[test]
fn a_version_that_asks_for_less_is_pinned_without_a_word_about_grants() {
    use Capability::{Storage, Words};
    let both = shop([asking(&[Storage]), second(&[Storage, Words])]);
    let two = after(&both, Powers::Creator, &granting(&[Storage, Words]));
    let pinned = ModuleChange { pinned: Some("1.0.0".parse().unwrap()), ..on() };
    let one = after(&two, Powers::Creator, &pinned);
    let module = |setup: &ChannelSetup| setup.find_word("roll").unwrap().module.clone();
    assert_eq!(module(&one).manifest.version.major, 1);
    // A caller who sends back the shown state with another version in it sends grants too.
    let shown = ModuleChange { pinned: pinned.pinned, ..as_change(&module(&two)) };
    assert_eq!(module(&after(&two, Powers::Creator, &shown)).manifest.version.major, 1);
    let again = after(&one, Powers::Creator, &on());
    assert_eq!((module(&again).manifest.version.major, module(&again).grants.capabilities), (2, vec![Storage, Words]));
    // Web hosts that a version no longer declares do not prevent accepting it.
    let host = |hosts: &[&str], module: Manifest| Manifest {
        http_hosts: hosts.iter().map(ToString::to_string).collect(),
        ..module
    };
    let (wide, narrow) =
        (host(&["a.example", "b.example"], asking(&[Storage])), host(&["a.example"], second(&[Storage, Words])));
    let grants = Grants { http_hosts: wide.http_hosts.clone(), ..granting(&[Storage]).grants.unwrap() };
    let wide_on = after(&shop([wide.clone()]), Powers::Operator, &ModuleChange { grants: Some(grants), ..on() });
    let waits = wide_on.with_defaults(shop([wide, narrow]).defaults());
    let accept = Some("2.0.0".parse().unwrap());
    assert_eq!(
        refused(&waits, Powers::Creator, &ModuleChange { accept, ..on() }),
        "it does not run without a grant of words"
    );
}
