//! Capability `chatters`, and the resolution of names for the other capabilities.

use crate::bindings::twitchy::command::chatters::KnownChatter;
use crate::testing::world::World;

/// Finds a chatter by "@login", login, "id:" and the id, or a display name that only one chatter has.
pub(crate) fn find(world: &mut World, chatter: &str) -> Option<KnownChatter> {
    let known = |chatter: &crate::Chatter| KnownChatter {
        id: chatter.id.clone(),
        login: chatter.login.clone(),
        display_name: chatter.display_name.clone(),
    };
    if let Some(id) = chatter.strip_prefix("id:") {
        return world.chatters.iter().find(|chatter| chatter.id == id).map(known);
    }
    let name = chatter.strip_prefix('@').unwrap_or(chatter);
    if let Some(found) = world.chatters.iter().find(|chatter| chatter.login.eq_ignore_ascii_case(name)) {
        return Some(known(found));
    }
    if name.is_ascii() {
        return None;
    }
    let is_called = |chatter: &&crate::Chatter| chatter.display_name.to_lowercase() == name.to_lowercase();
    let called: Vec<_> = world.chatters.iter().filter(is_called).collect();
    let logins: Vec<_> = called.iter().map(|chatter| format!("@{}", chatter.login)).collect();
    assert!(
        called.len() < 2,
        "several chatters are called {name}: a host ends this call, and asks the chatter to type {}",
        logins.join(" or ")
    );
    called.first().map(|chatter| known(chatter))
}
