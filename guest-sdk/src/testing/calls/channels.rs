//! Capability `channels`. The bot joins whoever asks, like a host that is open to all, unless the test says otherwise.

use crate::bindings::twitchy::command::channels::JoinError;
use crate::testing::world::World;

pub(crate) fn request_join(world: &mut World) -> Result<(), JoinError> {
    let caller = world.caller().id.clone();
    if let Some(why) = &world.join_error {
        return Err(why.clone());
    }
    if world.kept.wanted.insert(caller) { Ok(()) } else { Err(JoinError::JoinedAlready) }
}

pub(crate) fn request_leave(world: &mut World) -> bool {
    let caller = world.caller().id.clone();
    world.kept.wanted.remove(&caller)
}
