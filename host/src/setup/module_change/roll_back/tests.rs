//! Tests of roll-backs, and of the versions recorded for them.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::tests::{dice, on, shop, with};
use super::super::{ModuleChange, ModuleChangeError, check_module_change};
use super::*;
use crate::domain::effect::{HistoryEffect, ModuleEffect};
use crate::domain::manifest::{Capability, Caps, Grants, Manifest};
use crate::modules::powers::Powers;
use crate::setup::previous_versions::{find_replaced, record_previous};
use crate::testing::{command, name};

/// The versions left, as the store records them.
#[derive(Default)]
struct Left(Vec<ModuleDigest>);

impl Left {
    /// The channel after one commit of the effects.
    fn commit(&mut self, setup: &ChannelSetup, effects: Vec<Effect>) -> ChannelSetup {
        let effects = record_previous(setup, effects);
        for effect in &effects {
            let Effect::History(_, effect) = effect else { continue };
            match effect {
                HistoryEffect::Record { digest } => self.leave(*digest),
                HistoryEffect::Keep { previous: left } => self.0 = left.iter().copied().collect(),
            }
        }
        effects.iter().fold(setup.clone(), |setup, effect| setup.apply(effect))
    }

    fn leave(&mut self, digest: ModuleDigest) {
        if self.0.first() != Some(&digest) {
            self.0.insert(0, digest);
            self.0.truncate(2);
        }
    }

    /// The channel after the module's versions became these.
    fn follow(&mut self, setup: &ChannelSetup, versions: impl IntoIterator<Item = Manifest>) -> ChannelSetup {
        let host = shop(versions);
        let module = host.catalogue().find_uploaded(&name("dice")).unwrap();
        if let Some((digest, _)) = find_replaced(setup, module) {
            self.leave(digest);
        }
        setup.with_defaults(host.defaults())
    }

    fn step_back(&mut self, setup: &ChannelSetup) -> Result<ChannelSetup, ModuleChangeError> {
        let effects = check_roll_back(setup, &name("dice"), None, &self.0)?;
        Ok(self.commit(setup, effects))
    }

    fn wish(&mut self, setup: &ChannelSetup, change: &ModuleChange) -> ChannelSetup {
        let effects = check_module_change(setup, Powers::Operator, &name("dice"), change).unwrap();
        self.commit(setup, effects)
    }
}

fn number(version: u64) -> Manifest {
    dice(&format!("{version}.0.0"), version.try_into().unwrap())
}

fn pinned_to(version: u64) -> ModuleChange {
    ModuleChange { pinned: Some(semver::Version::new(version, 0, 0)), ..on() }
}

fn here(setup: &ChannelSetup) -> u64 {
    setup.find_word("roll").map_or(0, |word| word.module.manifest.version.major)
}

#[test]
fn a_step_back_goes_to_the_version_that_ran_before_and_the_next_one_further() {
    let mut left = Left::default();
    let one = left.wish(&shop([number(1)]), &on());
    let three = left.follow(&one, [number(1), number(3)]);
    // The second came after the third, and never ran here; the fifth is newer than the one that runs.
    let five = left.follow(&three, [number(1), number(2), number(3), number(4), number(5)]);
    let running = [&one, &three, &five].map(here);
    assert_eq!(running, [1, 3, 5]);
    let back = left.step_back(&five).unwrap();
    assert_eq!(here(&back), 3);
    let further = left.step_back(&back).unwrap();
    assert_eq!(here(&further), 1, "not up again, and not to what never ran here");
    assert_eq!(left.step_back(&further).unwrap_err(), ConsentError::NothingBefore.into());
    // A roll-back to a higher version by name is an ordinary change.
    let up = check_roll_back(&further, &name("dice"), Some(&semver::Version::new(4, 0, 0)), &left.0);
    let up = left.commit(&further, up.unwrap());
    assert_eq!((here(&up), here(&left.step_back(&up).unwrap())), (4, 1));
}

#[test]
fn a_module_that_was_off_in_between_has_a_version_that_ran_before() {
    let mut left = Left::default();
    let one = left.wish(&shop([number(1), number(2), number(3)]), &pinned_to(1));
    let off = left.wish(&one, &ModuleChange { enabled: false, ..pinned_to(1) });
    let again = left.wish(&off, &pinned_to(1));
    let three = left.wish(&again, &on());
    assert_eq!([&one, &off, &again, &three].map(here), [1, 0, 1, 3]);
    assert_eq!(here(&left.step_back(&three).unwrap()), 1);
    let off = left.wish(&three, &ModuleChange::default());
    let two = left.wish(&off, &pinned_to(2));
    assert_eq!(here(&left.step_back(&two).unwrap()), 3, "who pinned an older one goes back to what ran");
}

#[test]
fn a_version_that_is_gone_is_stepped_over() {
    let mut left = Left::default();
    let all = || [number(1), number(2), number(3)];
    let two = left.wish(&shop(all()), &pinned_to(2));
    let three = left.wish(&two, &on());
    let without = |setup: &ChannelSetup, withdrawn: u8| {
        let module = setup.catalogue().find_uploaded(&name("dice")).unwrap();
        let mut module = (**module).clone();
        let there = module.versions.iter_mut().find(|there| there.manifest.digest == ModuleDigest([withdrawn; 32]));
        there.unwrap().withdrawn_at = Some(std::time::SystemTime::UNIX_EPOCH);
        with(setup, setup.catalogue().with_uploaded([module]))
    };
    assert_eq!(here(&Left(left.0.clone()).step_back(&without(&three, 2)).unwrap()), 1, "withdrawn");
    let digest = ModuleDigest([2; 32]);
    let blown = three.apply(&Effect::Module(name("dice"), ModuleEffect::BlowFuse { digest, until: None }));
    assert_eq!(here(&Left(left.0.clone()).step_back(&blown).unwrap()), 1, "it broke here");
    let unknown = Left(vec![ModuleDigest([9; 32])]).step_back(&three).unwrap();
    assert_eq!(here(&unknown), 2, "where nothing is known: the highest below");
}

proptest! {
    /// After any history: the first roll-back goes to the version that ran before, each further one down.
    #[test]
    fn nobody_is_taken_to_and_fro(pins in proptest::collection::vec(0_u64..7, 1..10)) {
        let mut left = Left::default();
        let mut setup = shop((1..=6).map(number));
        let mut ran: Vec<u64> = Vec::new();
        for pin in pins {
            let change = match pin { 0 => ModuleChange::default(), version => pinned_to(version) };
            setup = left.wish(&setup, &change);
            ran.extend(Some(here(&setup)).filter(|version| *version != 0 && ran.last() != Some(version)));
        }
        if here(&setup) == 0 {
            return Ok(());
        }
        let (start, before) = (here(&setup), ran.iter().rev().nth(1).copied());
        let mut visited = Vec::new();
        while let Ok(next) = left.step_back(&setup) {
            setup = next;
            visited.push(here(&setup));
            prop_assert!(visited.len() <= 7, "it ends: {:?}", visited);
        }
        prop_assert_eq!(visited.first().copied(), before.or((start > 1).then(|| start - 1)));
        prop_assert!(visited.windows(2).all(|two| two[1] < two[0]), "{:?}", visited);
        let is_up = visited.first().is_some_and(|first| *first > start);
        prop_assert!(!visited.contains(&start) || is_up && start == 1, "{} {:?}", start, visited);
    }
}

/// An action that a creator may try.
#[derive(Clone, Debug)]
enum Try {
    StepBack(Option<u64>),
    /// Pins a version, or the latest if 0; with more grants than there are, or without naming grants.
    Put {
        version: u64,
        is_more: bool,
    },
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let step = proptest::option::of(1_u64..5).prop_map(Try::StepBack);
    let put = (0_u64..5, any::<bool>()).prop_map(|(version, is_more)| Try::Put { version, is_more });
    proptest::collection::vec(prop_oneof![step, put], 1..8)
}

/// A version that asks for some of these capabilities, and may have another word.
fn arbitrary_version(number: u64) -> impl Strategy<Value = Manifest> {
    let all = vec![Capability::Http, Capability::Storage, Capability::Treasury];
    let asks = proptest::sample::subsequence(all, 0..=3);
    (asks, any::<bool>()).prop_map(move |(capabilities, has_more_words)| {
        let more = has_more_words.then(|| Arc::new(command(&format!("more{number}"))));
        let commands = std::iter::once(Arc::new(command("roll"))).chain(more).collect();
        Manifest { capabilities, commands, ..dice(&format!("{number}.0.0"), number.try_into().unwrap()) }
    })
}

fn granting_all(module: &Manifest, treasury: &str) -> ModuleChange {
    let day = Caps { per_day: Some(treasury.parse().unwrap()), ..Caps::unlimited() };
    ModuleChange { grants: Some(Grants { treasury: day, ..Grants::all(module) }), ..on() }
}

proptest! {
    /// The operator accepts all versions, then lowers the last one's caps, and revokes the web if it needs none.
    #[test]
    fn what_the_operator_took_away_no_creator_brings_back(
        versions in (1_u64..5).map(arbitrary_version).collect::<Vec<_>>(),
        order in proptest::collection::vec(1_u64..5, 1..5),
        tries in tries(),
    ) {
        let mut left = Left::default();
        let mut setup = shop(versions.clone());
        for version in order {
            let manifest = &versions[version as usize - 1];
            setup = left.wish(&setup, &ModuleChange { pinned: pinned_to(version).pinned, ..granting_all(manifest, "1000") });
        }
        let before = setup.find_word("roll").unwrap().module.clone();
        let pinned = pinned_to(before.manifest.version.major).pinned;
        setup = left.wish(&setup, &ModuleChange { pinned, ..granting_all(&before.manifest, "10") });
        let is_capped = before.manifest.requests(Capability::Treasury);
        let has_web = |module: &ModuleSetup| module.grants.capabilities.contains(&Capability::Http);
        let is_web_gone = has_web(&before) && !before.manifest.requests(Capability::Http);
        for attempt in tries {
            let effects = match attempt {
                Try::StepBack(to) => {
                    let to = to.map(|to| semver::Version::new(to, 0, 0));
                    check_roll_back(&setup, &name("dice"), to.as_ref(), &left.0)
                }
                Try::Put { version, is_more } => {
                    let aim = versions.get((version as usize).wrapping_sub(1)).or(versions.last()).unwrap();
                    let grants = granting_all(aim, "1000").grants.filter(|_| is_more);
                    let pinned = if version == 0 { None } else { pinned_to(version).pinned };
                    let change = ModuleChange { pinned, grants, ..on() };
                    check_module_change(&setup, Powers::Creator, &name("dice"), &change)
                }
            };
            let Ok(effects) = effects else { continue };
            setup = left.commit(&setup, effects);
            let module = setup.find_module(&name("dice")).unwrap();
            if !module.is_running() {
                continue;
            }
            if is_capped && module.manifest.requests(Capability::Treasury) {
                prop_assert!(module.grants.treasury.per_day.is_some_and(|cap| cap <= "10".parse().unwrap()), "{module:?}");
            }
            prop_assert!(!is_web_gone || !module.manifest.requests(Capability::Http), "{module:?}");
        }
    }
}
