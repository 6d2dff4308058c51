//! The server's state behind one lock: the world, and what each protocol keeps.

use crate::id::requests::Requests;
use crate::irc::Irc;
use crate::irc::sessions::Sessions;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) irc: Sessions,
    pub(crate) id: Requests,
}

impl State {
    pub(crate) fn irc(&mut self) -> Irc<'_> {
        Irc { world: &mut self.world, sessions: &mut self.irc }
    }

    /// Lets every protocol report new events. Must be called after each change of the world.
    pub(crate) fn report(&mut self) {
        for event in self.world.take_events() {
            self.irc().report(&event);
        }
    }
}
