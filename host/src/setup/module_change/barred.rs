//! Tests of versions of a size class that the host does not allow (any more).

use super::roll_back::check_roll_back;
use super::tests::{after, dice, on, shop, with};
use super::*;
use crate::domain::manifest::{Manifest, SizeClass};
use crate::testing::name;

fn dice_in(setup: &ChannelSetup) -> &ModuleSetup {
    setup.find_module(&name("dice")).unwrap()
}

#[test]
fn nobody_is_moved_onto_a_version_that_the_host_bars() {
    let large = |version, digest| Manifest { size: SizeClass::Large, ..dice(version, digest) };
    let one = after(&shop([dice("1.0.0", 1)]), Powers::Operator, &on());
    let barred = with(&one, shop([dice("1.0.0", 1), large("2.0.0", 2)]).catalogue().without_large());
    let waiting = dice_in(&barred).waiting.clone().unwrap();
    assert_eq!((waiting.manifest.version.major, dice_in(&barred).manifest.version.major), (2, 1));
    let accept = ModuleChange { accept: Some("2.0.0".parse().unwrap()), ..on() };
    let pin = ModuleChange { pinned: Some("2.0.0".parse().unwrap()), ..on() };
    for change in [&accept, &pin] {
        let refused = check_module_change(&barred, Powers::Operator, &name("dice"), change);
        assert_eq!(refused, Err(ConsentError::SizeClass.into()));
    }
    // A channel that enabled the version before it was barred may send it back unchanged, or switch it off.
    let both = after(&one, Powers::Operator, &on());
    let allowed = with(&both, shop([dice("1.0.0", 1), large("2.0.0", 2)]).catalogue().clone());
    let moved = after(&allowed, Powers::Operator, &accept);
    let closed = with(&moved, moved.catalogue().without_large());
    assert!(dice_in(&closed).is_barred);
    assert_eq!(
        check_module_change(&closed, Powers::Creator, &name("dice"), &as_change(dice_in(&closed))),
        Ok(Vec::new())
    );
    let off = after(&closed, Powers::Creator, &ModuleChange::default());
    let back = check_module_change(&off, Powers::Operator, &name("dice"), &on());
    assert_eq!(back, Err(ConsentError::SizeClass.into()));
    let named = Some("2.0.0".parse().unwrap());
    let rolled = check_roll_back(&barred, &name("dice"), named.as_ref(), &[]);
    assert!(matches!(rolled, Err(ModuleChangeError::Consent(_))), "{rolled:?}");
}
