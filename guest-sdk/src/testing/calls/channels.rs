//! Capability `channels`. The bot joins whoever asks, like a host that is open to all.

use crate::bindings::twitchy::command::channels::JoinError;
use crate::testing::world::World;

pub(crate) fn request_join(world: &mut World) -> Result<(), JoinError> {
    let caller = world.caller().id.clone();
    if world.kept.wanted.insert(caller) { Ok(()) } else { Err(JoinError::JoinedAlready) }
}

pub(crate) fn request_leave(world: &mut World) -> bool {
    let caller = world.caller().id.clone();
    world.kept.wanted.remove(&caller)
}
