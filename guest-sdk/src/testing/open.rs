//! Which host the capabilities of this thread reach.

use std::cell::RefCell;
use std::rc::Rc;

use super::world::World;

thread_local! {
    static OPEN: RefCell<Option<Rc<RefCell<World>>>> = const { RefCell::new(None) };
}

/// Puts back the host that was open before, also if the test panics.
struct Reopen(Option<Rc<RefCell<World>>>);

impl Drop for Reopen {
    fn drop(&mut self) {
        OPEN.set(self.0.take());
    }
}

/// Runs `body` with the capabilities of this thread reaching `world`.
pub(super) fn within<T>(world: &Rc<RefCell<World>>, body: impl FnOnce() -> T) -> T {
    let _reopen = Reopen(OPEN.replace(Some(Rc::clone(world))));
    body()
}

/// Makes the host call `function`.
#[track_caller]
pub(crate) fn enter<T>(function: &str, call: impl FnOnce(&mut World) -> T) -> T {
    let Some(world) = OPEN.with_borrow(Clone::clone) else {
        panic!(
            "twitchy_sdk::{function} needs a host, and none is open on this thread: call the module through \
             twitchy_sdk::testing::Host, as in Host::<MyModule>::new().call(\"alice\", \"!word\"), or wrap the call in \
             Host::run"
        );
    };
    let mut world = world.borrow_mut();
    world.enter(function);
    call(&mut world)
}
