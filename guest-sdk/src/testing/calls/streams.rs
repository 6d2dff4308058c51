//! Capability `streams`: the stream that the test set up. Without one, the host does not watch streams.

use crate::bindings::twitchy::command::streams::{LiveStream, StreamError};
use crate::testing::world::World;

pub(crate) fn current(world: &mut World) -> Result<Option<LiveStream>, StreamError> {
    world.stream.clone().ok_or_else(|| StreamError::Unavailable("this host does not watch streams".to_owned()))
}
