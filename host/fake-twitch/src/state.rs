//! Everything that the server knows, behind one lock: the world, and what each protocol knows of its clients.

use crate::irc::Irc;
use crate::irc::sessions::Sessions;
use crate::world::World;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) irc: Sessions,
}

impl State {
    pub(crate) fn irc(&mut self) -> Irc<'_> {
        Irc { world: &mut self.world, sessions: &mut self.irc }
    }

    /// Has every protocol report what happened; to be called after each change of the world.
    pub(crate) fn report(&mut self) {
        for news in self.world.take_news() {
            self.irc().report(&news);
        }
    }
}
