//! Capability `clock`. The time stands still until the test moves it.

use crate::testing::world::World;

pub(crate) fn now(world: &mut World) -> u64 {
    world.now
}
